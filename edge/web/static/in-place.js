// Around htmx, for whoever types, listens or uses keys: what was done is said in the page's one place
// for it; whoever stood in a piece that was exchanged stands in it again; a list that asks for itself
// anew does so while nobody has begun to fill in a form of it.
import { say } from "./act.js";

const place = () => document.getElementById("said");
const byItself = (ctx) => ctx.sourceEvent?.type === "every";

function begun(list) {
  if (document.activeElement?.matches("input, select, textarea") && list.contains(document.activeElement)) return true;
  return [...list.querySelectorAll("input, textarea")].some((one) => one.value !== one.defaultValue);
}

document.addEventListener("told", (event) => say(place(), event.detail));

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (byItself(ctx) && (document.hidden || begun(ctx.target))) {
    event.preventDefault();
    return;
  }
  ctx.target?.setAttribute("aria-busy", "true");
  const wait = ctx.sourceElement.dataset.wordWait;
  if (wait) say(place(), { text: wait, tone: "notice" });
});

document.addEventListener("htmx:finally:request", (event) => {
  event.detail.ctx.target?.removeAttribute("aria-busy");
});

let stood = false;
document.addEventListener("htmx:before:swap", (event) => {
  stood = Boolean(event.detail.ctx.target?.contains(document.activeElement));
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 && ctx.sourceElement.matches("[data-reset]")) ctx.sourceElement.reset();
  if (!stood || ctx.target.contains(document.activeElement)) return;
  const next = ctx.target.querySelector("[data-focus]") || ctx.target.closest("section")?.querySelector("h2");
  if (!next) return;
  if (next.tabIndex < 0) next.tabIndex = -1;
  next.focus();
});

// Nobody answered: the same words as for a form that is sent without htmx.
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx && !byItself(event.detail.ctx)) say(place(), { text: document.body.dataset.wordAway, tone: "alarm" });
});
