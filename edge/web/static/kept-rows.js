import { copyOf, fill } from "./live.js";
import { changed } from "./steady.js";

// Rows are kept by name: what somebody is typing into one stays, whatever comes meanwhile. One that
// is where it belongs is not moved: that would let go of whoever types or holds a button there.
export function rows(id, values, template, made = () => {}, drawn = () => {}) {
  const place = document.getElementById(id);
  const known = new Map([...place.children].map((row) => [row.dataset.id, row]));
  const wanted = values.map((value) => value.id);
  for (const [name, row] of known) if (!wanted.includes(name)) row.remove();
  let at = place.firstElementChild;
  for (const value of values) {
    let row = known.get(value.id);
    if (!row) {
      row = copyOf(template);
      row.dataset.id = value.id;
      made(row, value);
    }
    fill(row, value);
    drawn(row, value);
    if (row === at) at = row.nextElementSibling;
    else place.insertBefore(row, at);
  }
  if ([...known.keys()].join() !== wanted.join()) changed(place);
}
