import { say, send } from "./act.js";
import { holds } from "./hold.js";

const dialog = document.getElementById("lockdown");
const form = document.getElementById("lockdown-form");
const place = form.querySelector("[data-said]");
const zones = document.getElementById("lockdown-zone");
const kind = document.getElementById("lockdown-kind");

document.getElementById("lockdown-open").addEventListener("click", () => open("lockdown"));
kind.addEventListener("change", levels);

export function open(what) {
  kind.value = what;
  levels();
  say(place, { text: "", tone: "" });
  dialog.showModal();
  document.getElementById("lockdown-hold").focus();
  named();
}

function levels() {
  document.getElementById("lockdown-level").hidden = kind.value !== "raise";
}

// The whole site can be ordered before, and without, the zones' names.
async function named() {
  if (zones.options.length > 1) return;
  try {
    const answer = await fetch("/orders/zones", { headers: { accept: "application/json" } });
    for (const zone of (await answer.json()).zones) zones.add(new Option(zone.name, zone.id));
  } catch {
    // Only the whole site, then.
  }
}

export function raise(button, fields) {
  holds(button, {
    begun: () => send("/orders/arm", new URLSearchParams()),
    done: async (armed) => {
      const values = fields();
      values.set("held", armed.token);
      // One press, one order, however often it is sent.
      values.set("request", crypto.randomUUID ? crypto.randomUUID() : armed.token.slice(0, 32));
      const where = button.closest("form")?.querySelector("[data-said]") || place;
      try {
        const said = await send("/orders/raise", values);
        say(where, said);
      } catch {
        say(where, { text: form.dataset.wordAway, tone: "alarm" });
      }
    },
  });
}

raise(document.getElementById("lockdown-hold"), () => new URLSearchParams(new FormData(form)));
