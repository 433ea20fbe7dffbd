// What has changed under somebody's finger is not pressed yet: for a moment after a change the
// buttons there do nothing, so that nobody answers for one person and meant another.

const STEADY_MS = 700; // to see what is there now, and to lift the finger

const until = new WeakMap();

export function changed(place) {
  if (!until.has(place)) {
    for (const name of ["pointerdown", "keydown", "click"]) place.addEventListener(name, refuse, true);
  }
  until.set(place, performance.now() + STEADY_MS);
  for (const button of place.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  window.setTimeout(() => settled(place), STEADY_MS);
}

function settled(place) {
  if (performance.now() < until.get(place)) return;
  for (const button of place.querySelectorAll("button")) button.removeAttribute("aria-disabled");
}

function refuse(event) {
  if (performance.now() >= until.get(event.currentTarget)) return;
  // Enter in a field comes as a click on the form's button.
  if (!event.target.closest("button")) return;
  event.preventDefault();
  event.stopPropagation();
}
