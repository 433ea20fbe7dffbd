// Forms with data-act are sent in place: the answer is said beside them, and the page stays.
// Without this script the same form is answered by a whole page.

export async function send(address, fields) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { accept: "application/json" },
    body: fields,
    credentials: "same-origin",
  });
  if (answer.status === 401) {
    location.assign("/sign-in?next=" + encodeURIComponent(location.pathname));
    throw new Error("signed out");
  }
  return answer.json();
}

export function say(place, said) {
  place.textContent = said.text;
  place.dataset.tone = said.tone;
}

// Where the answer is a page made anew, it is said there.
const KEPT = "said";
const kept = sessionStorage.getItem(KEPT);
sessionStorage.removeItem(KEPT);
if (kept && document.getElementById("said")) say(document.getElementById("said"), JSON.parse(kept));

function go(said) {
  if (location.pathname !== "/" && said.go.startsWith(location.pathname)) {
    sessionStorage.setItem(KEPT, JSON.stringify({ text: said.text, tone: said.tone }));
  }
  location.assign(said.go);
}

// Whoever has gone on to another page meanwhile stays on the way there.
let leavings = 0;
addEventListener("beforeunload", () => { leavings += 1; });

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-act]")) return;
  event.preventDefault();
  const leftBefore = leavings;
  const place = form.querySelector("[data-said]") || document.getElementById("said");
  const buttons = [...form.querySelectorAll("button")];
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const address = event.submitter?.getAttribute("formaction") || form.action;
  for (const button of buttons) button.disabled = true;
  try {
    const said = await send(address, fields);
    say(place, said);
    if (said.done && form.dataset.act === "reset") form.reset();
    if (said.go && leavings === leftBefore) go(said);
    form.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: said }));
  } catch {
    say(place, { text: document.body.dataset.wordAway, tone: "alarm" });
  } finally {
    for (const button of buttons) button.disabled = false;
  }
});
