// Frames come behind their time and length (edge/web/pictures.py). They are drawn, never kept.
const HEAD = 13;

function pieces(bytes) {
  const view = new DataView(bytes);
  const found = [];
  for (let at = 0; at + HEAD <= bytes.byteLength; ) {
    const size = view.getUint32(at + 9);
    if (at + HEAD + size > bytes.byteLength) break;
    found.push({
      shown: view.getUint8(at) === 70,
      ms: Number(view.getBigUint64(at + 1) / 1000n),
      content: bytes.slice(at + HEAD, at + HEAD + size),
    });
    at += HEAD + size;
  }
  return found;
}

async function show(form, frames, at) {
  const image = await createImageBitmap(new Blob([frames[at].content], { type: "image/jpeg" }));
  const canvas = form.querySelector("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").drawImage(image, 0, 0);
  image.close();
  const said = new Intl.DateTimeFormat(document.documentElement.lang, {
    timeZone: form.dataset.zone, hourCycle: "h23", dateStyle: "short", timeStyle: "long",
  });
  form.querySelector("[data-at]").textContent = said.format(new Date(frames[at].ms));
}

async function asked(form) {
  const said = form.querySelector("[data-said]");
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    credentials: "same-origin",
  });
  if (!answer.ok) return location.reload();
  const found = pieces(await answer.arrayBuffer());
  const frames = found.filter((one) => one.shown);
  const words = found.filter((one) => !one.shown).map((one) => new TextDecoder().decode(one.content));
  said.textContent = words.join(" ");
  said.dataset.tone = words.length ? "denied" : "";
  form.querySelector("[data-shown]").hidden = frames.length === 0;
  if (frames.length === 0) return;
  const which = form.querySelector("[data-which]");
  which.max = String(frames.length - 1);
  which.closest("label").hidden = frames.length === 1;
  which.oninput = () => show(form, frames, Number(which.value));
  await show(form, frames, 0);
}

for (const form of document.querySelectorAll("[data-picture]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await asked(form);
    } catch {
      const said = form.querySelector("[data-said]");
      said.textContent = document.body.dataset.wordAway;
      said.dataset.tone = "alarm";
    }
  });
}
