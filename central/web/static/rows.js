// Edges, alarms and entries as rows: what is drawn is bounded, however much is known.
import { copyOf, fill } from "./live.js";

const ENTRIES_MAX = 200;

export function byRank(one, other) {
  return one.rank < other.rank ? -1 : one.rank > other.rank ? 1 : 0;
}

export function edgeAddress(one) {
  return "/edges/" + encodeURIComponent(one.site) + "/" + encodeURIComponent(one.edge);
}

// Rows of `place` are brought to `values`, in their order. One that somebody types in stays where
// it is, whatever comes meanwhile.
export function draw(place, values, template, drawn) {
  const known = new Map([...place.children].map((row) => [row.dataset.id, row]));
  let before = null;
  for (const value of values) {
    let row = known.get(value.id);
    const made = !row;
    if (made) {
      row = copyOf(template);
      row.dataset.id = value.id;
    }
    known.delete(value.id);
    const said = JSON.stringify(value);
    if (row.dataset.said !== said) {
      row.dataset.said = said;
      fill(row, value);
      drawn(row, value);
    }
    const next = before ? before.nextElementSibling : place.firstElementChild;
    if (next !== row && (made || !row.contains(document.activeElement))) {
      if (before) before.after(row);
      else place.prepend(row);
    }
    before = row;
  }
  for (const gone of known.values()) gone.remove();
}

export function count(id, number) {
  const place = document.getElementById(id);
  place.hidden = number <= 0;
  place.querySelector("[data-count]").textContent = String(number);
}

export function alarmRow(row, alarm) {
  row.querySelector("[data-edge]").href = edgeAddress(alarm);
  row.querySelector("[data-drill]").hidden = !alarm.drill;
  row.querySelector("[data-gone]").hidden = alarm.connected;
  const form = row.querySelector("form");
  if (!form) return;
  // What was said to whoever acknowledged it stays.
  for (const part of form.querySelectorAll("label, button")) part.hidden = !alarm.unseen;
  for (const name of ["site", "edge", "alarm", "last"]) form.elements[name].value = alarm[name];
}

function entryRow(entry) {
  const row = copyOf("entry-row");
  fill(row, entry);
  row.querySelector("[data-doubt]").hidden = !entry.doubt;
  const picture = row.querySelector("[data-picture]");
  picture.hidden = entry.picture === "";
  if (entry.picture) picture.href = entry.picture;
  return row;
}

// The newest stands first. Held still, what comes is kept back, as far as it would be shown.
export class Entries {
  constructor(place) {
    this.place = place;
    this.held = null;
  }

  begin() {
    this.place.replaceChildren();
    if (this.held) this.held = [];
  }

  add(told) {
    const rows = told.entries.map(entryRow);
    if (told.left_out > 0) {
      const row = copyOf("left-row");
      row.querySelector("[data-count]").textContent = String(told.left_out);
      rows.unshift(row);
    }
    if (this.held) this.held = [...this.held, ...rows].slice(-ENTRIES_MAX);
    else this.show(rows);
  }

  show(rows) {
    this.place.prepend(...rows.reverse());
    while (this.place.children.length > ENTRIES_MAX) this.place.lastElementChild.remove();
  }

  hold(still) {
    const rows = this.held || [];
    this.held = still ? [] : null;
    if (!still) this.show(rows);
  }
}
