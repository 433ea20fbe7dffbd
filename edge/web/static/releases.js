// Releases that wait for a second person: the field has one of them until that is over, and only
// then the next; what somebody types into it stays. All others that wait are named below.

import { changed } from "./steady.js";

const field = document.getElementById("release-name");
const place = document.getElementById("release-waits");
const agree = document.getElementById("release-agree");
const others = document.getElementById("release-others");
const waiting = new Map(); // by name, the longest first
let offered = ""; // what is in the field, where nobody typed it
let whole = true; // all that waits was told

field.form.addEventListener("answered", offer);
field.addEventListener("change", offer);

export function heard(release) {
  if (!release.over) waiting.set(release.release, release.text);
  else if (waiting.delete(release.release) && field.value === release.release) field.value = "";
  if (whole) offer();
}

// All that waits is told anew, up to `complete`.
export function forget() {
  waiting.clear();
  whole = false;
}

export function complete() {
  whole = true;
  if (field.value === offered && !waiting.has(offered)) field.value = "";
  offer();
}

function offer() {
  const [first] = waiting.keys();
  if (!field.value) field.value = offered = first ?? "";
  others.replaceChildren(...[...waiting.keys()].filter((one) => one !== field.value).map(named));
  const text = waiting.get(field.value) ?? "";
  if (place.textContent === text) return;
  place.textContent = text;
  changed(agree);
}

function named(release) {
  const row = document.createElement("li");
  const button = document.createElement("button");
  const text = document.createElement("bdi");
  button.type = "button";
  text.textContent = waiting.get(release);
  button.addEventListener("click", () => {
    field.value = offered = release;
    field.focus();
    offer();
  });
  button.append(text);
  row.append(button);
  return row;
}
