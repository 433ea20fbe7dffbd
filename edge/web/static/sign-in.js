import { passkeys } from "./passkey.js";

passkeys();

// The code of a one-time link stands behind the #, which no browser sends and no log sees. It is
// used when somebody presses the button, and not when something looks at the address.
const code = new URLSearchParams(location.hash.slice(1)).get("link");
if (code) {
  document.getElementById("link-code").value = code;
  const section = document.getElementById("by-link");
  section.hidden = false;
  section.querySelector("button").focus();
  history.replaceState(null, "", location.pathname + location.search);
}

const badge = document.getElementById("badge-said");
if (badge) {
  const pin = document.getElementById("pin");
  let seen = false;
  setInterval(async () => {
    try {
      const answer = await fetch("/sign-in/badge", { headers: { accept: "application/json" } });
      const said = await answer.json();
      if (said.seen === seen) return;
      seen = Boolean(said.seen);
      badge.textContent = seen ? badge.dataset.wordSeen : badge.dataset.wordWait;
      badge.dataset.tone = seen ? "granted" : "";
      if (seen) pin.focus();
    } catch {
      // The edge is away: the form says so when it is sent.
    }
  }, 700);
}
