// All edges are known here; drawn is what is wrong, and counts of the rest.
import { follow } from "./live.js";
import { alarmRow, byRank, count, draw, edgeAddress, Entries } from "./rows.js";

const ALARMS_MAX = 40;
const EDGES_MAX = 40;
const SITES_MAX = 60;
const CALM_MAX = 300;
const SHOWN_ALWAYS = 8;
const DRAW_MS = 250;

const strip = document.getElementById("strip");
const find = document.getElementById("find");
const calm = document.getElementById("calm");
const one = strip.dataset.site;
const edges = new Map();
const alarms = new Map();
let counted = { on_wire: true, known: 0, connected: 0 };
let total = 0;
let whole = false;
let waits = false;
let drawnAt = -DRAW_MS;

function edgeRow(row, edge) {
  row.querySelector("[data-edge]").href = edgeAddress(edge);
  row.querySelector("[data-alarms]").hidden = edge.alarms === 0;
  row.querySelector("[data-away]").hidden = edge.connected;
}

function siteRow(row, site) {
  row.querySelector("[data-site]").href = "/?site=" + encodeURIComponent(site.site);
  row.querySelector("[data-doubted]").hidden = site.doubted === 0;
  row.querySelector("[data-well]").hidden = site.doubted > 0;
}

function sites(shown) {
  const found = new Map();
  for (const edge of shown) {
    let site = found.get(edge.site);
    if (!site) {
      site = { id: edge.site, site: edge.site, edges: 0, connected: 0, alarms: 0, doubted: 0, calm: true };
      found.set(edge.site, site);
    }
    site.edges += 1;
    site.connected += edge.connected ? 1 : 0;
    site.alarms += edge.alarms;
    site.doubted += edge.doubted ? 1 : 0;
    site.calm = site.calm && edge.calm;
  }
  return [...found.values()].map((site) => {
    const away = site.connected < site.edges;
    return {
      ...site,
      rank: (site.calm ? "1" : "0") + site.site,
      tone: away ? "alarm" : "granted",
      sign: away ? "✕" : "●",
      witness_tone: site.doubted ? "alarm" : "granted",
      witness_sign: site.doubted ? "‼" : "✓",
    };
  });
}

function drawEdges() {
  const wanted = find.value.trim().toLowerCase();
  const known = [...edges.values()];
  const shown = wanted ? known.filter((edge) => edge.id.toLowerCase().includes(wanted)) : known;
  // Of one site all are shown, of many what is wrong; who looks for one finds it.
  const listed = one || wanted ? shown : shown.filter((edge) => !edge.calm);
  listed.sort(byRank);
  draw(document.getElementById("edges"), listed.slice(0, EDGES_MAX), "edge-row", edgeRow);
  count("more-edges", listed.length - EDGES_MAX);
  drawSites(sites(shown).sort(byRank));
  document.getElementById("all-well").hidden =
    !whole || wanted !== "" || known.some((edge) => !edge.calm);
}

// Where all is well, many sites are a count; few of them are rows.
function drawSites(every) {
  const few = every.length <= SHOWN_ALWAYS;
  const listed = few ? every : every.filter((site) => !site.calm);
  const quiet = few ? [] : every.filter((site) => site.calm);
  draw(document.getElementById("sites"), listed.slice(0, SITES_MAX), "site-row", siteRow);
  count("more-sites", listed.length - SITES_MAX);
  calm.hidden = quiet.length === 0;
  document.getElementById("calm-sites").textContent = String(quiet.length);
  document.getElementById("calm-edges").textContent = String(quiet.reduce((sum, site) => sum + site.edges, 0));
  draw(document.getElementById("calm-rows"), calm.open ? quiet.slice(0, CALM_MAX) : [], "site-row", siteRow);
  count("more-calm", quiet.length - CALM_MAX);
}

function drawAlarms() {
  const open = [...alarms.values()].sort(byRank);
  draw(document.getElementById("alarms"), open.slice(0, ALARMS_MAX), "alarm-row", alarmRow);
  count("more-alarms", Math.max(total, open.length) - Math.min(open.length, ALARMS_MAX));
  document.getElementById("no-alarms").hidden = !whole || total > 0;
  return open.filter((alarm) => alarm.unseen).length;
}

function drawStrip(unseen) {
  document.getElementById("connected").textContent = String(counted.connected);
  document.getElementById("known").textContent = String(counted.known);
  document.getElementById("open").textContent = String(total);
  document.getElementById("unseen-count").textContent = String(unseen);
  const well = counted.on_wire && unseen === 0 && counted.connected === counted.known;
  const said = document.getElementById("strip-said");
  const word = !counted.on_wire ? strip.dataset.wordNoWire : well && whole ? strip.dataset.wordWell : "";
  if (said.textContent !== word) said.textContent = word;
  strip.dataset.tone = well ? "granted" : "alarm";
}

function drawAll() {
  waits = false;
  drawnAt = performance.now();
  drawEdges();
  drawStrip(drawAlarms());
}

// The first change is drawn at once, and those that follow it closely together.
function soon() {
  if (waits) return;
  waits = true;
  setTimeout(drawAll, Math.max(0, drawnAt + DRAW_MS - performance.now()));
}

find.addEventListener("input", soon);
calm.addEventListener("toggle", soon);

follow("/live" + (one ? "?site=" + encodeURIComponent(one) : ""), {
  begin() {
    edges.clear();
    alarms.clear();
    whole = false;
  },
  edges(told) {
    for (const edge of told.edges) edges.set(edge.id, edge);
    for (const id of told.gone) edges.delete(id);
    counted = told.counted;
    whole = told.final;
    soon();
  },
  alarms(told) {
    for (const alarm of told.alarms) alarms.set(alarm.id, alarm);
    for (const id of told.gone) alarms.delete(id);
    total = told.total;
    drawStrip(drawAlarms()); // an alarm waits for nothing
  },
});

// A screen that is locked goes on showing edges and alarms, and no entries.
const pause = document.getElementById("pause");
if (pause) {
  const entries = new Entries(document.getElementById("entries"));
  pause.addEventListener("click", () => {
    const still = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(still));
    entries.hold(still);
  });
  follow("/entries/live" + location.search, {
    begin: () => entries.begin(),
    entries: (told) => entries.add(told),
  });
}
