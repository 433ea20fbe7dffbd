// Passkeys: the browser asks the person, the daemon judges. What passes here is opaque.
import { say, send } from "./act.js";

const words = document.body.dataset;

export async function asserted(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const given = await navigator.credentials.get({ publicKey });
  return JSON.stringify(given.toJSON());
}

async function made(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const given = await navigator.credentials.create({ publicKey });
  return JSON.stringify(given.toJSON());
}

export function passkeys() {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const place = form.querySelector("[data-said]") || document.getElementById("said");
    // Disabled from the start: sent before this script is here the form would say nothing.
    if (!window.PublicKeyCredential) continue;
    form.querySelector("button").disabled = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = new URLSearchParams(new FormData(form));
      try {
        const asked = await send(form.dataset.passkey, fields);
        if (!asked.options) return say(place, asked);
        const options = JSON.parse(asked.options);
        const answer = form.dataset.makes ? made : asserted;
        fields.set("response", await answer(options.publicKey || options));
        const said = await send(form.action, fields);
        say(place, said);
        if (said.go) location.assign(said.go);
        else if (said.done) form.reset();
      } catch (error) {
        const text = error instanceof DOMException ? words.wordNoPasskey || error.message : words.wordAway;
        say(place, { text, tone: "denied" });
      }
    });
  }
}
