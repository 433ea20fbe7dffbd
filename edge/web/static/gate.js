import { copyOf, fill, follow } from "./live.js";
import { say, send } from "./act.js";
import { holds } from "./hold.js";

const LISTED_MAX = 50;
const SHOWN_MS = 20000;
const FRAME_MS = 400;

const list = document.getElementById("list");
const doors = document.getElementById("doors");
const person = document.getElementById("person");
const passages = new Map(); // by attempt
const rows = new Map();
let shown = null; // the attempt in the large card
let chosen = false; // by hand: it stays until something happens
let quietTimer = 0;

// --- the person at the gate ---

function show(passage, byHand = false) {
  const other = !shown || shown.attempt !== passage.attempt;
  shown = passage;
  chosen = byHand;
  document.getElementById("nobody").hidden = true;
  person.hidden = false;
  fill(person, passage);
  document.getElementById("drill").hidden = !passage.drill;
  form("compare", passage.question !== "", { question: passage.question });
  form("refuse", passage.waits, { attempt: passage.attempt });
  form("let-pass", !passage.waits && !passage.granted && passage.person !== "", {
    portal: passage.portal_id,
    direction: passage.way,
    person: passage.person,
  });
  if (other) {
    blank("enrolled");
    blank("camera");
    draw("enrolled", "enrolled");
    // Once: that a kept picture was looked at is on record each time.
    if (!passage.pictures.includes("live")) draw("camera", "decision");
  }
  window.clearTimeout(quietTimer);
  if (!passage.waits && !byHand) quietTimer = window.setTimeout(nobody, SHOWN_MS);
}

function nobody() {
  if (chosen) return;
  shown = null;
  person.hidden = true;
  document.getElementById("nobody").hidden = false;
}

function form(id, wanted, values) {
  const found = document.getElementById(id);
  found.hidden = !wanted;
  for (const [name, value] of Object.entries(values)) found.elements[name].value = value;
}

// --- pictures: drawn, never kept; a canvas does not grow as a page of images does ---

function blank(id) {
  const canvas = document.getElementById(id);
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

async function draw(id, side) {
  const wanted = shown;
  if (!wanted || !wanted.pictures.includes(side)) return;
  const query = new URLSearchParams({ attempt: wanted.attempt, side });
  try {
    const answer = await fetch("/gate/picture?" + query);
    if (!answer.ok) return;
    const image = await createImageBitmap(await answer.blob());
    if (shown?.attempt === wanted.attempt) paint(document.getElementById(id), image);
    image.close();
  } catch {
    // The next one comes soon.
  }
}

function paint(canvas, image) {
  // Whole, never cropped: a picture may be looked at as evidence.
  const scale = Math.min(canvas.width / image.width, canvas.height / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

let drawing = false;
window.setInterval(async () => {
  if (!shown || drawing || document.hidden) return;
  drawing = true;
  await draw("camera", "live");
  drawing = false;
}, FRAME_MS);

// --- the list ---

function heard(passage) {
  const known = passages.get(passage.attempt);
  passages.set(passage.attempt, passage);
  let row = rows.get(passage.attempt);
  if (!row) {
    row = copyOf("passage-row");
    row.querySelector("button").addEventListener("click", () => show(passages.get(passage.attempt), true));
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
  if (fresh && (!shown || shown.attempt === passage.attempt || !shown.waits || passage.waits)) {
    show(passage);
  }
  return known;
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
    document.getElementById("release-waits").textContent = "";
  },
  posture(told) {
    const strip = document.getElementById("posture");
    fill(strip, told);
    strip.dataset.tone = told.tone;
  },
  portal: door,
  passage(told) {
    if (!fresh && told.waits) show(told);
    heard(told);
  },
  inside(told) {
    for (const place of document.querySelectorAll("[data-inside]")) place.textContent = "";
    for (const zone of told.zones) {
      for (const place of document.querySelectorAll(`[data-inside="${CSS.escape(zone.zone)}"]`)) {
        place.textContent = `(${zone.people})`;
      }
    }
  },
  release(told) {
    const name = document.getElementById("release-name");
    const waits = document.getElementById("release-waits");
    if (!told.over) {
      name.value = told.release;
      waits.textContent = told.text;
    } else if (name.value === told.release) {
      name.value = "";
      waits.textContent = "";
    }
  },
  state(told) {
    document.getElementById("state").textContent = told.text;
  },
  clock(told) {
    document.getElementById("clock").textContent = told;
  },
  beat() {
    fresh = true;
  },
});

document.addEventListener("answered", () => {
  chosen = false;
});

for (const button of document.querySelectorAll("form[data-hold] .hold")) {
  holds(button, {
    done: async () => {
      const form = button.closest("form");
      say(document.getElementById("said"), await send(form.action, new URLSearchParams(new FormData(form))));
    },
  });
}
