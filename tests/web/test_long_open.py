"""Pages that stay open for an hour of the site's traffic, in a minute: nothing grows, nothing lags.

Badges are held to four readers at once, much faster than people come; the edge decides each as it
always does. What Chromium counts is asked after it has thrown away what nobody uses any more.
"""

import json
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from playwright.sync_api import CDPSession, Page, expect

from tests.web.browser import Screen
from tests.web.embassy import ANNA, DAVID, Embassy

HOUR_ENTRIES = 3_600
"""One each second: more than a small embassy has on its busiest day."""

PACE_S = 0.02
WARM_CUES = 40
"""Four passages each: the list of fifty is full, and scripts are compiled."""

SAMPLE_CUES, SAMPLE_PACE_S = 12, 0.3
WITHIN_S = 200.0

NODES_MORE = 150
"""A passage more or less in the list has some ten; 3,600 that stay would be 36,000."""

HEAP_MORE_BYTES = 400_000
"""Ten times what came and went in a run; 3,600 passages that stay somewhere are some 2 MB."""

LISTENERS_MORE = 20
LAG_TIMES, LAG_MORE_S = 3.0, 0.15
"""Some 0.01 s before and after; with 3,600 rows in the list it was 0.24 s."""

STAMP = """() => {
  window.came = new Map();
  window.stamping?.disconnect();
  window.stamping = new MutationObserver((changes) => {
    for (const change of changes) for (const row of change.addedNodes)
      if (row.dataset?.attempt) window.came.set(row.dataset.attempt, Date.now() / 1000);
  });
  window.stamping.observe(document.querySelector("[role=log] ol"), { childList: true });
}"""
STAMPED = """() => {
  const came = Object.fromEntries(window.came);
  window.stamping.disconnect();
  window.came.clear();
  return came;
}"""


class Weight(NamedTuple):
    nodes: int
    listeners: int
    heap_bytes: int


class Weighed:
    """One open page, and what it weighs."""

    def __init__(self, screen: Screen, path: str) -> None:
        self.page: Page = screen.page
        self.page.goto(path)
        expect(self.page.get_by_text("Live", exact=True)).to_be_visible()
        self._devtools: CDPSession = screen.context.new_cdp_session(self.page)
        self._devtools.send("Performance.enable")

    def weight(self) -> Weight:
        """Once what nobody uses any more is gone."""
        for _ in range(3):
            self._devtools.send("HeapProfiler.collectGarbage")
        told = self._devtools.send("Performance.getMetrics")["metrics"]
        said = {one["name"]: int(one["value"]) for one in told}
        return Weight(said["Nodes"], said["JSEventListeners"], said["JSHeapUsedSize"])


def seq(embassy: Embassy) -> int:
    found: int = json.loads(embassy.command("status", "--json"))["seq"]
    return found


def rush(embassy: Embassy, entries: int) -> int:
    """Badges everywhere until so many entries more are in the journal; how many it became."""
    begin = at = seq(embassy)
    until = time.monotonic() + WITHIN_S
    while at - begin < entries:
        assert time.monotonic() < until, f"{at - begin} entries in {WITHIN_S:.0f} s"
        for _ in range(1 + (entries - at + begin) // 4):
            embassy.cue("crowd")
            time.sleep(PACE_S)
        at = seq(embassy)
    return at - begin


def lag_s(embassy: Embassy, gate: Page) -> float:
    """From an entry to its row on the page, in the middle, while badges come one by one."""
    gate.evaluate(STAMP)
    begin = seq(embassy)
    for _ in range(SAMPLE_CUES):
        embassy.cue("crowd")
        time.sleep(SAMPLE_PACE_S)
    count = str(seq(embassy) - begin)
    decided = {
        entry["body"]["attempt"]: datetime.fromisoformat(entry["utc"]).timestamp()
        for line in embassy.command("journal", "tail", "-n", count, "--json").splitlines()
        if (entry := json.loads(line))["kind"] == "decision-made"
    }
    came: dict[str, float] = gate.evaluate(STAMPED)
    lags = [came[attempt] - at_s for attempt, at_s in decided.items() if attempt in came]
    assert len(lags) >= SAMPLE_CUES, "the page shows what happens"
    return statistics.median(lags)


def test_pages_left_open_for_an_hour_of_traffic_neither_grow_nor_lag(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard, chief, other = screen(DAVID), screen(ANNA), screen(DAVID)
    open_pages = {
        path: Weighed(one, path)
        for one, path in ((guard, "/gate"), (chief, "/console"), (other, "/alarms"))
    }
    rush(embassy, WARM_CUES * 4)
    lag_before_s = lag_s(embassy, guard.page)
    before = {path: one.weight() for path, one in open_pages.items()}
    began = time.monotonic()
    entries = rush(embassy, HOUR_ENTRIES)
    print(f"{entries} entries in {time.monotonic() - began:.0f} s")  # noqa: T201
    lag_after_s = lag_s(embassy, guard.page)
    print(f"lag {lag_before_s:.3f} s, then {lag_after_s:.3f} s")  # noqa: T201
    for path, one in open_pages.items():
        now, then = one.weight(), before[path]
        print(f"{path}: {then}, then {now}")  # noqa: T201
        assert now.nodes <= then.nodes + NODES_MORE, path
        assert now.listeners <= then.listeners + LISTENERS_MORE, path
        assert now.heap_bytes <= then.heap_bytes + HEAP_MORE_BYTES, path
        expect(one.page.get_by_text("Live", exact=True)).to_be_visible()
    assert lag_after_s <= lag_before_s * LAG_TIMES + LAG_MORE_S
