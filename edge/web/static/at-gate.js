// The person at the gate, large. Whom a guard is asked about stays until that is over, and nobody is
// taken away from a guard who is doing something about them: about whom else a guard is asked is
// named beside them. Whoever is asked for a PIN or a finger asks nothing of a guard.

import { fill } from "./live.js";
import { changed } from "./steady.js";

const SHOWN_MS = 20000; // somebody who is let in or refused, if nobody else comes
const NEXT_MS = 3000; // the same, where a guard is asked about somebody
const BUSY_MS = 20000; // after the last touch or key
const ASKED_MS_MAX = 90000; // longer than any question: its end was not told, for no disk took it
const FRAME_MS = 400;

const card = document.getElementById("person");
const acts = document.getElementById("acts");
const others = document.getElementById("others");
const waiting = new Map(); // by attempt: about whom a guard is asked, the longest first
const ends = new Map();
let shown = null;
let chosen = false; // by hand: it stays until somebody else comes
let shownAt = 0;
let touchedAt = -Infinity;
let sentFor = ""; // the attempt
let timer = 0;

for (const name of ["pointerdown", "keydown", "input"]) {
  card.addEventListener(name, () => { touchedAt = performance.now(); soon(); }, true);
}
acts.addEventListener("submit", () => { sentFor = shown?.attempt ?? ""; }, true);
acts.addEventListener("answered", (event) => {
  if (!event.detail.done || sentFor !== shown?.attempt) return;
  touchedAt = -Infinity;
  chosen = false;
  soon();
});

// --- who is shown ---

// `now`: it happens now; what came before the page was opened is history, but for who waits.
export function heard(passage, now) {
  if (asks(passage)) wait(passage);
  else over(passage.attempt);
  if (shown?.attempt === passage.attempt) show(passage, chosen);
  else if (mayCome(passage, now)) show(passage);
  name();
}

// About whom a guard is asked is told anew, up to `complete`.
export function forget() {
  for (const attempt of [...waiting.keys()]) over(attempt);
}

export function complete() {
  if (shown && asks(shown) && !waiting.has(shown.attempt)) askedNoMore();
  name();
}

export function choose(passage) {
  touchedAt = performance.now();
  show(passage, true);
  name();
}

function asks(passage) {
  return passage.question !== "";
}

function wait(passage) {
  const { attempt, question } = passage;
  const known = waiting.get(attempt);
  waiting.set(attempt, passage);
  if (known?.question === question) return;
  const end = () => {
    over(attempt);
    complete();
  };
  window.clearTimeout(ends.get(attempt));
  ends.set(attempt, window.setTimeout(end, ASKED_MS_MAX));
}

function over(attempt) {
  waiting.delete(attempt);
  window.clearTimeout(ends.get(attempt));
  ends.delete(attempt);
}

function askedNoMore() {
  show({ ...shown, waits: false, question: "", next: "" }, chosen);
}

function mayCome(passage, now) {
  if (shown && (asks(shown) || performance.now() - touchedAt < BUSY_MS)) return false;
  // Whoever waits longer comes first, a little later.
  if (asks(passage)) return waiting.keys().next().value === passage.attempt;
  return waiting.size === 0 && (passage.waits || (now && !shown?.waits));
}

function next() {
  const [first] = waiting.values();
  if (first) show(first);
  else nobody();
  name();
}

function soon() {
  window.clearTimeout(timer);
  if (!shown || asks(shown)) return;
  if ((chosen || shown.waits) && waiting.size === 0) return;
  const long = shownAt + (waiting.size > 0 ? NEXT_MS : SHOWN_MS);
  const due = Math.max(long, touchedAt + BUSY_MS) - performance.now();
  timer = window.setTimeout(next, Math.max(0, due));
}

function show(passage, byHand = false) {
  const other = shown?.attempt !== passage.attempt;
  if (other || shown.question !== passage.question || shown.waits !== passage.waits) {
    changed(acts);
    shownAt = performance.now();
  }
  shown = passage;
  chosen = byHand;
  document.getElementById("nobody").hidden = true;
  card.hidden = false;
  fill(card, passage);
  document.getElementById("drill").hidden = !passage.drill;
  if (other) for (const one of acts.querySelectorAll("form")) one.reset();
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
}

function nobody() {
  shown = null;
  card.hidden = true;
  document.getElementById("nobody").hidden = false;
}

function form(id, wanted, values) {
  const found = document.getElementById(id);
  found.hidden = !wanted;
  for (const [field, value] of Object.entries(values)) found.elements[field].value = value;
}

// Beside the one who is shown: all others about whom a guard is asked, each to be shown by a touch.
function name() {
  const rest = [...waiting.values()].filter((one) => one.attempt !== shown?.attempt);
  document.getElementById("others-head").hidden = rest.length === 0;
  const names = rest.map((one) => [one.attempt, one.who, one.portal].join()).join();
  if (others.dataset.names !== names) {
    others.dataset.names = names;
    others.replaceChildren(...rest.map(named));
  }
  soon();
}

function named(passage) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(isolated(passage.who), ", ", isolated(passage.portal));
  button.addEventListener("click", () => {
    choose(waiting.get(passage.attempt) ?? passage);
    card.focus(); // the button is gone
  });
  return button;
}

function isolated(text) {
  const place = document.createElement("bdi");
  place.textContent = text;
  return place;
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
