// The plot is drawn of the table that stands below it: the same numbers, once.

/* global uPlot */
const plot = document.getElementById("plot");
const table = document.getElementById("numbers");
const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
const rows = [...table.tBodies[0].rows];
const columns = [
  rows.map((row) => Number(row.dataset.begins)),
  ...[1, 2, 3].map((at) => rows.map((row) => Number(row.cells[at].textContent))),
];
const zone = plot.dataset.zone;
const LOOKS = [
  ["--granted", []],
  ["--denied", [8, 4]],
  ["--alarm", [2, 3]],
];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Hours of the day, or days, as the table has them; in no country's own way.
const two = "2-digit";
const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: zone, hourCycle: "h23", month: two, day: two, hour: two, minute: two,
});

function said(seconds, spacing) {
  const told = parts.formatToParts(new Date(seconds * 1000));
  const of = Object.fromEntries(told.map((one) => [one.type, one.value]));
  return spacing < 86400 ? `${of.hour}:${of.minute}` : `${of.month}-${of.day}`;
}

const line = { stroke: () => colour("--line") };
const axis = { stroke: () => colour("--ink"), grid: line, ticks: line };
const options = {
  width: plot.clientWidth,
  height: 320,
  tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
  series: [
    { label: heads[0] },
    // A dash of its own each, so that no colour speaks alone.
    ...LOOKS.map(([name, dash], at) => ({ label: heads[at + 1], stroke: () => colour(name), width: 2, dash })),
  ],
  axes: [{ ...axis, values: (_, splits, at, space, spacing) => splits.map((one) => said(one, spacing)) }, axis],
  legend: { markers: { dash: (_, at) => ["solid", "solid", "dashed", "dotted"][at] } },
};
const drawn = new uPlot(options, columns, plot);
addEventListener("resize", () => drawn.setSize({ width: plot.clientWidth, height: 320 }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.redraw());
