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

// The edge counts a hold from when it hears of it, which is late where it has much to do.
async function arm() {
  try {
    const armed = await send("/orders/arm", new URLSearchParams());
    return { ...armed, counts: performance.now() + (armed.after_ms || 0) };
  } catch {
    return null;
  }
}

export function raise(button, fields) {
  holds(button, {
    begun: arm,
    done: async (armed) => {
      const where = button.closest("form")?.querySelector("[data-said]") || place;
      const away = { text: form.dataset.wordAway, tone: "alarm" };
      if (!armed?.token) return say(where, armed?.text ? armed : away);
      const values = fields();
      values.set("held", armed.token);
      // One press, one order, however often it is sent.
      values.set("request", crypto.randomUUID ? crypto.randomUUID() : armed.token.slice(0, 32));
      const early = armed.counts - performance.now();
      if (early > 0) await new Promise((over) => setTimeout(over, early));
      try {
        say(where, await send("/orders/raise", values));
      } catch {
        say(where, away);
      }
    },
  });
}

raise(document.getElementById("lockdown-hold"), () => new URLSearchParams(new FormData(form)));
