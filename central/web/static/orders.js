import { copyOf, fill, follow } from "./live.js";
import { count, draw } from "./rows.js";
import { say } from "./act.js";

const FILE_BYTES_MAX = 4096;

function doorRow(door) {
  const row = copyOf("door-row");
  fill(row, door);
  return row;
}

function reachedRow(row, edge) {
  row.querySelector("[data-doors]").replaceChildren(...edge.missing.map(doorRow));
}

function orderRow(row, order) {
  row.querySelector("[data-drill]").hidden = !order.drill;
  row.querySelector("[data-review]").hidden = order.review === "";
  row.querySelector("[data-more]").hidden = order.more === 0;
  // Made anew: what fills the order has filled the rows of its edges as well.
  const edges = row.querySelector("[data-edges]");
  edges.replaceChildren();
  draw(edges, order.edges, "reached-row", reachedRow);
}

follow("/orders/live", {
  orders(told) {
    draw(document.getElementById("orders"), told.orders, "order-row", orderRow);
    document.getElementById("no-orders").hidden = told.orders.length > 0;
    document.getElementById("no-wire").hidden = told.on_wire;
    count("more-orders", told.more);
  },
});

const form = document.getElementById("send");
if (form) sending(form);

function sending(form) {
  const said = document.getElementById("send-said");
  const stop = document.getElementById("stop");
  const sent = document.getElementById("sent");
  let going = null;

  document.getElementById("choose").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    if (file.size > FILE_BYTES_MAX) return say(said, { text: said.dataset.wordLarge, tone: "denied" });
    form.elements.file.value = await file.text();
  });

  stop.addEventListener("click", () => going && going.abort());

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (going) going.abort();
    const mine = new AbortController();
    going = mine;
    stop.hidden = false;
    say(said, { text: said.dataset.wordSends, tone: "notice" });
    try {
      const refused = await carry(new URLSearchParams(new FormData(form)), mine.signal, sent);
      say(said, refused || { text: said.dataset.wordOver, tone: "notice" });
    } catch {
      const text = mine.signal.aborted ? said.dataset.wordOver : document.body.dataset.wordAway;
      if (going === mine) say(said, { text, tone: mine.signal.aborted ? "notice" : "alarm" });
    } finally {
      if (going === mine) {
        going = null;
        stop.hidden = true;
      }
    }
  });
}

// What central says of the order, as it comes. Returns what was refused, if it was.
async function carry(fields, signal, sent) {
  const answer = await fetch("/orders", {
    method: "POST",
    headers: { accept: "text/event-stream" },
    body: fields,
    credentials: "same-origin",
    signal,
  });
  if (!answer.ok) return { text: (await refusal(answer)) || document.body.dataset.wordAway, tone: "denied" };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return null;
    const events = (kept + value).split("\n\n");
    kept = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)[1];
      const data = JSON.parse(/^data: (.*)$/m.exec(event)[1]);
      if (name === "over") location.reload();
      if (name === "refused") return data;
      if (name === "sent") draw(sent, [data], "order-row", orderRow);
    }
  }
}

async function refusal(answer) {
  if (answer.status === 401) location.assign("/sign-in?next=/orders");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector(".said")?.textContent.trim();
}
