// Releases that wait for a second person: the field has one of them until that is over, and only
// then the next; what somebody types into it stays.

import { changed } from "./steady.js";

const field = document.getElementById("release-name");
const place = document.getElementById("release-waits");
const waiting = new Map(); // by name, the longest first

export function heard(release) {
  if (!release.over) waiting.set(release.release, release.text);
  else if (waiting.delete(release.release) && field.value === release.release) field.value = "";
  offer();
}

export function forget() {
  waiting.clear();
}

// All that waits has been told anew.
export function complete() {
  if (place.textContent && !waiting.has(field.value)) field.value = "";
  offer();
}

function offer() {
  const [first] = waiting;
  if (!field.value) field.value = first?.[0] ?? "";
  const text = waiting.get(field.value) ?? "";
  if (place.textContent === text) return;
  place.textContent = text;
  changed(field.form);
}
