import { fill, follow } from "./live.js";
import { alarmRow, byRank, count, draw, Entries } from "./rows.js";

const ALARMS_MAX = 40;
const place = document.getElementById("place").dataset;
const where = "site=" + encodeURIComponent(place.site) + "&edge=" + encodeURIComponent(place.edge);
const card = document.getElementById("edge");
const alarms = new Map();
let known = false;

function show(edge) {
  known = true;
  fill(card, edge);
  const pages = document.getElementById("pages");
  pages.hidden = edge.pages === "";
  if (edge.pages) pages.href = edge.pages;
}

follow("/live?" + where, {
  begin() {
    alarms.clear();
    known = false;
  },
  edges(told) {
    for (const edge of told.edges) show(edge);
    if (told.gone.includes(place.site + "/" + place.edge)) known = false;
    if (told.final) document.getElementById("unknown").hidden = known;
  },
  alarms(told) {
    for (const alarm of told.alarms) alarms.set(alarm.id, alarm);
    for (const id of told.gone) alarms.delete(id);
    const open = [...alarms.values()].sort(byRank);
    draw(document.getElementById("alarms"), open.slice(0, ALARMS_MAX), "alarm-row", alarmRow);
    count("more-alarms", open.length - ALARMS_MAX);
    document.getElementById("no-alarms").hidden = open.length > 0;
  },
});

const entries = new Entries(document.getElementById("entries"));
follow("/entries/live?" + where, {
  begin: () => entries.begin(),
  entries: (told) => entries.add(told),
});
