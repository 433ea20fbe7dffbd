import { copyOf, fill, follow } from "./live.js";

const CLOSED_MAX = 10;
const list = document.getElementById("alarms");
const unseen = document.getElementById("unseen");

function show(alarm) {
  let row = [...list.children].find((one) => one.dataset.id === alarm.id);
  if (!row) {
    row = copyOf("alarm-row");
    row.dataset.id = alarm.id;
    row.querySelector("[name=alarm]").value = alarm.id;
  }
  fill(row, alarm);
  row.querySelector("[name=last]").value = alarm.last;
  row.querySelector("[data-open]").hidden = !alarm.open;
  row.querySelector("[data-unseen]").hidden = !alarm.unseen;
  row.querySelector("[data-assigned]").hidden = alarm.assigned === "";
  row.querySelector("[data-notes]").hidden = alarm.notes === "";
  row.querySelector("[data-drill]").hidden = !alarm.drill;
  if (row.dataset.rank === alarm.rank) return;
  row.dataset.rank = alarm.rank;
  // Moving a row would take the place of whoever types in it: it moves when that is over.
  if (row.contains(document.activeElement)) return;
  const after = [...list.children].find((one) => one !== row && one.dataset.rank > alarm.rank);
  list.insertBefore(row, after || null);
  const closed = [...list.children].filter((one) => one.dataset.rank.startsWith("2"));
  for (const old of closed.slice(CLOSED_MAX)) old.remove();
}

follow("/alarms/live", {
  begin() {
    list.replaceChildren();
  },
  alarm: show,
  count(told) {
    unseen.hidden = told.unseen === 0;
    unseen.textContent = String(told.unseen);
    document.getElementById("none").hidden = told.open > 0;
  },
});
