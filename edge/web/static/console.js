import { fill, follow } from "./live.js";
import { say, send } from "./act.js";
import { open, raise } from "./lockdown.js";
import { asserted } from "./passkey.js";
import { rows } from "./kept-rows.js";

for (const button of document.querySelectorAll("[data-order]")) {
  button.addEventListener("click", () => open(button.dataset.order));
}

function items(id, lines) {
  document.getElementById(id).replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement("li");
      const data = document.createElement("bdi");
      data.textContent = line;
      item.append(data);
      return item;
    }),
  );
}

function madeOrder(row, order) {
  const two = row.querySelector("[data-lift]");
  const one = row.querySelector("[data-end-one]");
  two.hidden = order.lifted_by === "" || order.ended_by !== "";
  two.elements.kind.value = order.lifted_by;
  two.querySelector("[data-end]").name = "end." + order.id;
  one.hidden = order.ended_by === "";
  one.elements.kind.value = order.ended_by;
  one.elements.ends.value = order.id;
  row.querySelector("[data-drill]").hidden = !order.drill;
  raise(one.querySelector(".hold"), () => new URLSearchParams(new FormData(one)));
}

function madeDraft(row, draft) {
  for (const field of row.querySelectorAll("[name=draft]")) field.value = draft.id;
  row.querySelector("[data-file]").href = "/console/draft/" + draft.id;
  const place = row.querySelector("[data-sign-said]");
  row.querySelector("[data-sign]").addEventListener("click", async () => {
    try {
      const response = await asserted(JSON.parse(row.dataset.options));
      const said = await send("/console/sign", new URLSearchParams({ draft: draft.id, response }));
      say(place, said);
      if (said.tone === "alarm" || said.done) say(document.getElementById("said"), said);
    } catch (error) {
      say(place, { text: error.message, tone: "denied" });
    }
  });
}

function drawnDraft(row, draft) {
  row.dataset.options = draft.options;
  row.querySelector("[data-yours]").hidden = !draft.yours;
}

function madeConsent(row, consent) {
  const form = row.querySelector("form");
  form.elements.person.value = consent.person;
  form.hidden = consent.person === "";
}

follow("/console/live", {
  state(told) {
    const strip = document.getElementById("posture");
    fill(strip, told);
    strip.dataset.tone = told.tone;
    document.getElementById("missing").hidden = told.missing.length === 0;
    items("missing-list", told.missing);
    document.getElementById("no-orders").hidden = told.orders.length > 0;
    document.getElementById("no-drafts").hidden = told.drafts.length > 0;
    rows("orders", told.orders, "order-row", madeOrder);
    rows("drafts", told.drafts, "draft-row", madeDraft, drawnDraft);
    rows("doors", told.doors, "door-row");
    rows("zones", told.zones, "zone-row");
    items("leads", told.leads);
    document.getElementById("no-consents").hidden = told.consents.length > 0;
    rows("consents", told.consents, "consent-row", madeConsent);
  },
  clock(told) {
    document.getElementById("clock").textContent = told;
  },
});
