import * as person from "./at-gate.js";
import { copyOf, fill, follow } from "./live.js";
import { say, send } from "./act.js";
import { holds } from "./hold.js";
import * as releases from "./releases.js";

const LISTED_MAX = 50;

const list = document.getElementById("list");
const doors = document.getElementById("doors");
const passages = new Map(); // by attempt
const rows = new Map();

// --- the list ---

function listed(passage) {
  passages.set(passage.attempt, passage);
  let row = rows.get(passage.attempt);
  if (!row) {
    row = copyOf("passage-row");
    row.querySelector("button").addEventListener("click", () => person.choose(passages.get(passage.attempt)));
    rows.set(passage.attempt, row);
    list.prepend(row);
  }
  fill(row, passage);
  row.dataset.attempt = passage.attempt;
  while (list.children.length > LISTED_MAX) {
    const last = list.lastElementChild;
    rows.delete(last.dataset.attempt);
    passages.delete(last.dataset.attempt);
    last.remove();
  }
}

// --- doors ---

function door(portal) {
  let row = doors.querySelector(`[data-door="${CSS.escape(portal.id)}"]`);
  if (!row) {
    row = copyOf("door-row");
    row.dataset.door = portal.id;
    doors.append(row);
  }
  fill(row, portal);
  for (const place of document.querySelectorAll(`.plan [data-portal="${CSS.escape(portal.id)}"]`)) {
    place.dataset.tone = portal.tone;
    const sign = place.querySelector("[data-sign]");
    if (sign) sign.textContent = portal.sign;
  }
}

// --- the stream ---

let fresh = false; // what came before the page was opened is history, and nobody stands there
follow("/gate/live?attends=1", {
  hello() {
    fresh = false;
    list.replaceChildren();
    rows.clear();
    passages.clear();
    person.forget();
    releases.forget();
  },
  posture(told) {
    const strip = document.getElementById("posture");
    fill(strip, told);
    strip.dataset.tone = told.tone;
  },
  portal: door,
  passage(told) {
    listed(told);
    person.heard(told, fresh);
  },
  inside(told) {
    for (const place of document.querySelectorAll("[data-inside]")) place.textContent = "";
    for (const zone of told.zones) {
      for (const place of document.querySelectorAll(`[data-inside="${CSS.escape(zone.zone)}"]`)) {
        place.textContent = `(${zone.people})`;
      }
    }
  },
  release: releases.heard,
  state(told) {
    document.getElementById("state").textContent = told.text;
  },
  clock(told) {
    document.getElementById("clock").textContent = told;
  },
  beat() {
    if (!fresh) {
      person.complete();
      releases.complete();
    }
    fresh = true;
  },
});

for (const button of document.querySelectorAll("form[data-hold] .hold")) {
  holds(button, {
    done: async () => {
      const form = button.closest("form");
      const place = document.getElementById("said");
      try {
        say(place, await send(form.action, new URLSearchParams(new FormData(form))));
      } catch {
        say(place, { text: document.body.dataset.wordAway, tone: "alarm" });
      }
    },
  });
}
