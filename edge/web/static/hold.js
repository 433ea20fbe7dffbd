// A button that acts when it is held for a second: with a finger, a mouse, or the keyboard. It
// shows how far the hold has come. Whoever cannot hold presses it twice: the first press asks, the
// second within five seconds acts.

export const HOLD_MS = 1000;
const AGAIN_MS = 5000;
const DRAGGED_PX = 40; // off the button, on purpose

export function holds(button, { begun = async () => {}, done }) {
  const bar = document.createElement("span");
  bar.className = "sweep";
  bar.setAttribute("aria-hidden", "true");
  button.append(bar);
  let holding = false;
  let timer = 0;
  let armed = null;
  let askedAt = 0;
  let from = null;

  function begin() {
    if (holding || button.disabled) return;
    holding = true;
    button.classList.add("holding");
    armed = begun();
    timer = window.setTimeout(() => finish(true), HOLD_MS);
  }

  async function finish(held) {
    window.clearTimeout(timer);
    if (!holding) return;
    holding = false;
    button.classList.remove("holding");
    if (!held) {
      twice();
      return;
    }
    askedAt = 0;
    await done(await armed);
  }

  async function twice() {
    const now = performance.now();
    if (askedAt && now - askedAt > HOLD_MS && now - askedAt < AGAIN_MS) {
      const first = button.firstArm;
      askedAt = 0;
      button.removeAttribute("data-asked");
      await done(await first);
      return;
    }
    askedAt = now;
    button.firstArm = armed;
    button.dataset.asked = "true";
    window.setTimeout(() => button.removeAttribute("data-asked"), AGAIN_MS);
  }

  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    // Whoever comes to the gate meanwhile moves what is on the page, and not the finger.
    button.setPointerCapture(event.pointerId);
    from = { x: event.clientX, y: event.clientY };
    begin();
  });
  button.addEventListener("pointermove", (event) => {
    if (holding && from && Math.hypot(event.clientX - from.x, event.clientY - from.y) > DRAGGED_PX) {
      finish(false);
    }
  });
  for (const name of ["pointerup", "pointercancel", "blur"]) {
    button.addEventListener(name, () => finish(false));
  }
  button.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && !event.repeat) begin();
    if (event.key === "Enter" || event.key === " ") event.preventDefault();
  });
  button.addEventListener("keyup", (event) => {
    if (event.key === "Enter" || event.key === " ") finish(false);
  });
  button.addEventListener("click", (event) => {
    event.preventDefault();
    // A screen reader's press comes as a click alone, without pointer or key.
    if (event.detail === 0 && !holding && performance.now() - askedAt > 50) {
      armed = begun();
      twice();
    }
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}
