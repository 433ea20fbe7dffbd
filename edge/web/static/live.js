// One stream of a page: says when it is not live, and comes back by itself.
// A browser gives up for good when the first answer is no stream (a daemon that starts anew), and
// notices nothing when a server freezes: both are looked after here.

const SILENT_MS = 5000;
const AGAIN_MS = 1000;

export function follow(address, handlers) {
  const sign = document.getElementById("live");
  let source = null;
  let heardAt = performance.now();
  let opening = false;
  let last = "";

  function show(live) {
    document.body.classList.toggle("stale", !live);
    if (!sign || sign.dataset.live === String(live)) return;
    sign.dataset.live = String(live);
    sign.textContent = live ? sign.dataset.wordLive : sign.dataset.wordNot;
  }

  function heard(event) {
    heardAt = performance.now();
    if (event.lastEventId) last = event.lastEventId;
    show(true);
  }

  function open() {
    opening = false;
    if (source) source.close();
    const url = new URL(address, location.href);
    if (last) url.searchParams.set("after", last);
    source = new EventSource(url);
    heardAt = performance.now();
    source.addEventListener("beat", heard);
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        heard(event);
        handler(JSON.parse(event.data));
      });
    }
    source.addEventListener("over", () => location.reload());
  }

  function look() {
    const silent = performance.now() - heardAt > SILENT_MS;
    if (silent || source.readyState === EventSource.CLOSED) show(false);
    if ((silent || source.readyState === EventSource.CLOSED) && !opening) {
      opening = true;
      setTimeout(open, AGAIN_MS);
    }
  }

  open();
  setInterval(look, 500);
  return { close: () => source.close() };
}

// Fills elements that say which field they show: <span data-field="name">. Text only, never markup.
export function fill(element, values) {
  for (const place of element.querySelectorAll("[data-field]")) {
    const value = values[place.dataset.field];
    place.textContent = value === undefined || value === null ? "" : String(value);
  }
  for (const place of element.querySelectorAll("[data-tone-of]")) {
    place.dataset.tone = values[place.dataset.toneOf] || "";
  }
}

export function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}
