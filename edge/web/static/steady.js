// What has changed under somebody's finger is not pressed yet: for a moment after a change the
// buttons there do nothing, and a press that had begun before does nothing either, so that nobody
// answers for one person and meant another.

const STEADY_MS = 700; // to see what is there now, and to lift the finger
const LIFTED_MS = 100; // a click comes just after that

const places = new Map();
let begunAt = null; // the press that goes on

document.addEventListener("pointerdown", begin, true);
document.addEventListener("keydown", (event) => pressing(event) && begin(), true);
for (const name of ["pointerup", "pointercancel", "keyup"]) {
  document.addEventListener(name, () => window.setTimeout(lifted, LIFTED_MS, begunAt), true);
}

function begin() {
  begunAt = performance.now();
}

function lifted(press) {
  if (begunAt === press) begunAt = null;
}

function pressing(event) {
  return event.key === "Enter" || event.key === " ";
}

export function changed(place) {
  if (!places.has(place)) {
    for (const name of ["pointerdown", "keydown", "click"]) place.addEventListener(name, refuse, true);
  }
  window.clearTimeout(places.get(place)?.timer);
  const timer = window.setTimeout(() => mark(place, false), STEADY_MS);
  places.set(place, { until: performance.now() + STEADY_MS, timer });
  mark(place, true);
}

function mark(place, yet) {
  for (const button of place.querySelectorAll("button")) {
    if (yet) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}

function refuse(event) {
  if ((begunAt ?? performance.now()) >= places.get(event.currentTarget).until) return;
  // Enter in a field comes as a click on the form's button.
  if (!event.target.closest("button") || (event.type === "keydown" && !pressing(event))) return;
  event.preventDefault();
  event.stopPropagation();
}
