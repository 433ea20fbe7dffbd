"""The wall in the real Chromium, with 1,000 edges live: how soon an edge's alarm is on the screen,
what central, the wall's process and the page compute meanwhile, and what they have in memory after
ten minutes.

Broker, central and wall are processes, started by their public commands. The edges are played here
over one connection, with the messages that edges send: each is born, stores an entry now and then,
goes and comes back, and some have an alarm. SENTRYPOST_WALL_S=N watches for another time. The clock
is one, as `bench_pages_screen` shows in each run.
"""

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from central.control_client import CentralClient, NoCentralError
from central.operator_words import OperatorRight
from edge import wire
from edge.topics import Topics
from edge.wire_alarms import encode_alarm
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.bench.bench_drain import central, processor_s, resident_mb
from tests.bench.bench_pages_screen import began_s
from tests.central.rig import record
from tests.central.test_wall_streams import alarm
from tests.mqtt import Client, clients
from tests.web.browser import Screen, chromium
from tests.web.embassy import Process

SITES: Final = 50
EACH: Final = 20
EDGES: Final = SITES * EACH
WATCHED_S: Final = float(os.environ.get("SENTRYPOST_WALL_S") or 600)
WARM_UP_S: Final = 30.0
ENTRIES_A_SECOND: Final = 20
ALARM_EVERY: Final = 60
"""Of so many entries one is an alarm as well: one in three seconds."""

OPEN_MAX: Final = 10
"""Alarms at a time; the oldest ends when a new one comes."""

SHOWN_WITHIN_S: Final = 30.0

STAMPS: Final = """
window.stamps = {};
document.addEventListener("DOMContentLoaded", () => {
  const list = document.getElementById("alarms");
  if (!list) return;
  new MutationObserver((changes) => {
    for (const change of changes) for (const row of change.addedNodes) {
      const id = row.dataset.id;
      if (window.stamps[id]) continue;
      const one = { shown: performance.now(), painted: 0 };
      window.stamps[id] = one;
      // The frame that has it is drawn before the one after it begins.
      const drawn = () => { one.painted = performance.now(); };
      requestAnimationFrame(() => requestAnimationFrame(drawn));
    }
  }).observe(list, { childList: true });
});
"""
"""Put into the page by the browser's driver: when an alarm stood in its list, and was drawn."""


class Used(NamedTuple):
    """Of one moment: seconds of a processor so far, and MB resident; `heap`: the script's."""

    at_s: float
    central_s: float
    wall_s: float
    page_s: float
    central_mb: float
    wall_mb: float
    page_mb: float
    heap_mb: float


class Played:
    """All the edges."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._chance = random.Random(0)
        self._boots = [1] * EDGES
        self._seqs = [0] * EDGES
        self._open: list[tuple[str, str, int]] = []
        self.raised_s: dict[str, float] = {}
        """When each alarm was said, by the id that its row has."""
        self.entries = 0

    def born(self) -> None:
        for number in range(EDGES):
            self._status(number, alive=True)

    def play(self, until_s: float) -> None:
        """On a thread of its own, until that moment of the monotonic clock."""
        began, away = time.monotonic(), -1
        while time.monotonic() < until_s:
            self.entries += 1
            number = self._chance.randrange(EDGES)
            self._entry(number)
            if self.entries % ALARM_EVERY == 0:
                self._alarm(self._chance.randrange(EDGES))
            if self.entries % ENTRIES_A_SECOND == 0:
                if away >= 0:
                    self._boots[away] += 1
                    self._status(away, alive=True)
                away = number
                self._status(away, alive=False)
            time.sleep(max(0.0, began + self.entries / ENTRIES_A_SECOND - time.monotonic()))

    def _topics(self, number: int) -> Topics:
        return Topics(*_place(number))

    def _status(self, number: int, *, alive: bool) -> None:
        said = wire.Status(
            alive=alive,
            incarnation=f"{number:016x}",
            boot=self._boots[number],
            number=1,
            version="0.1.0",
        )
        self._client.publish(self._topics(number).status, wire.encode_status(said), 1, retain=True)

    def _entry(self, number: int) -> None:
        self._seqs[number] += 1
        incarnation, (site, edge) = f"{number:016x}", _place(number)
        made = record(incarnation, self._seqs[number], site=site, edge=edge)
        sent = wire.SentEntry(entry=made.entry.decode(), personal=made.personal)
        batch = wire.Batch(incarnation=incarnation, first=made.seq, entries=(sent,))
        self._client.publish(self._topics(number).journal, wire.encode_batch(batch), 1)

    def _alarm(self, number: int) -> None:
        site, edge = _place(number)
        seq = 1_000_000 + len(self.raised_s)
        now_us = time.time_ns() // 1_000
        payload = encode_alarm(replace(alarm(seq), first_us=now_us, last_us=now_us))
        topic = self._topics(number).alarm(str(seq))
        self.raised_s[f"{site}/{edge}/{seq}"] = time.perf_counter()
        self._client.publish(topic, payload, 1, retain=True)
        self._open.append((site, edge, seq))
        if len(self._open) > OPEN_MAX:
            gone_site, gone_edge, gone = self._open.pop(0)
            topic = Topics(gone_site, gone_edge).alarm(str(gone))
            self._client.publish(topic, b"", 1, retain=True)


def _place(number: int) -> tuple[str, str]:
    return f"post-{number // EACH:02d}", f"gate-{number % EACH}"


def code(state: Path) -> str:
    """Of a link that signs an operator in."""
    until = time.monotonic() + SHOWN_WITHIN_S
    while True:
        try:
            with CentralClient(state) as asked:
                done = asked.put_operator("ida", "Ida Holm", tuple(OperatorRight), new=True)
                assert done.done, done.reason
                return asked.link_operator("ida").code
        except NoCentralError:
            assert time.monotonic() < until, "central does not come up"
            time.sleep(0.1)


def used(central_pid: int, wall_pid: int, browser: Browser, page: Page) -> Used:
    """What they have had so far, and have now."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    renderers = [one for one in processes if one["type"] == "renderer"]
    busiest = max(renderers, key=lambda one: one["cpuTime"])
    inside = page.context.new_cdp_session(page)
    inside.send("HeapProfiler.collectGarbage")
    inside.send("Performance.enable")
    told = inside.send("Performance.getMetrics")["metrics"]
    inside.detach()
    (heap,) = (one["value"] for one in told if one["name"] == "JSHeapUsedSize")
    return Used(
        at_s=time.monotonic(),
        central_s=processor_s(central_pid),
        wall_s=processor_s(wall_pid),
        page_s=busiest["cpuTime"],
        central_mb=resident_mb(central_pid),
        wall_mb=resident_mb(wall_pid),
        page_mb=resident_mb(busiest["id"]),
        heap_mb=heap / 1e6,
    )


@contextmanager
def walled(folder: Path) -> Iterator[Process]:
    """`sentrypost central web`"""
    words = ("central", "web", "--state", str(folder / "central"), "--listen", "127.0.0.1:0")
    wall = Process("wall", folder, *words)
    try:
        yield wall
    finally:
        wall.stop()


def measured(folder: Path) -> tuple[list[float], list[float], Used, Used, int]:
    """Alarms until they stood in the page, and until they were drawn, in seconds; then what was
    used after the first of the time and after all of it, and how many entries were stored.
    """
    with (
        BrokerProcess("mosquitto") as broker,
        clients(broker.port) as make,
        central(broker.port, str(folder / "archive.db"), folder) as pid,
        walled(folder) as wall,
        chromium() as browser,
    ):
        played = Played(make("many"))
        played.born()
        address = wall.said("http://").split()[-1].rstrip("/").replace("127.0.0.1", "localhost")
        screen = Screen(browser, address)
        screen.sign_in(code(folder / "central"))
        screen.page.add_init_script(STAMPS)
        screen.page.goto("/")
        page = screen.page
        expect(page.locator("#known")).to_have_text(str(EDGES), timeout=60_000)
        until_s = time.monotonic() + WARM_UP_S + WATCHED_S
        playing = threading.Thread(target=played.play, args=(until_s,))
        playing.start()
        page.wait_for_timeout(WARM_UP_S * 1e3)
        wall_pid = wall.process.pid
        early = used(pid, wall_pid, browser, page)
        while playing.is_alive():
            page.wait_for_timeout(1_000)
        late = used(pid, wall_pid, browser, page)
        page.wait_for_timeout(2_000)
        stamps = page.evaluate("stamps")
        zero_s = began_s(page)
        assert page.locator("#live").text_content() == "Live"
        screen.close()
    missing = played.raised_s.keys() - stamps.keys()
    assert not missing, f"{len(missing)} alarms were never shown"
    seen = [(said, stamps[id]) for id, said in played.raised_s.items()]
    shown = [zero_s + stamp["shown"] / 1e3 - said for said, stamp in seen]
    drawn = [zero_s + stamp["painted"] / 1e3 - said for said, stamp in seen]
    return shown, drawn, early, late, played.entries


def run() -> list[Figure]:
    """Without Mosquitto nothing."""
    if find_mosquitto() is None:
        return []
    began = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        shown, drawn, early, late, entries = measured(Path(folder))
    load = f"load {began:.0f} to {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    note = f"{len(shown)} alarms among {EDGES:,} edges and {entries:,} entries; {load}"
    figures = []
    for name, values in (("in the page", shown), ("on the screen", drawn)):
        quantiles = statistics.quantiles(values, n=20)
        figures.append(Figure(f"alarm to {name}, median", quantiles[9] * 1e3, "ms", note))
        figures.append(Figure(f"alarm to {name}, p95", quantiles[18] * 1e3, "ms", note))
    span_s = late.at_s - early.at_s
    rate = f"{EDGES:,} edges, {ENTRIES_A_SECOND} entries a second, for {span_s:.0f} s"
    minutes = f"resident, after {WARM_UP_S:.0f} s and {span_s:.0f} s more"
    for name, before_s, after_s, before_mb, after_mb in (
        ("central", early.central_s, late.central_s, early.central_mb, late.central_mb),
        ("the wall's process", early.wall_s, late.wall_s, early.wall_mb, late.wall_mb),
        ("the page", early.page_s, late.page_s, early.page_mb, late.page_mb),
    ):
        share = (after_s - before_s) / span_s * 100
        figures.append(Figure(f"wall live, processor of {name}", share, "% of a core", rate))
        figures.append(Figure(f"wall live, memory of {name} at first", before_mb, "MB", minutes))
        figures.append(Figure(f"wall live, memory of {name} at last", after_mb, "MB", minutes))
    figures.append(Figure("wall live, the page's heap at first", early.heap_mb, "MB", "used"))
    figures.append(Figure("wall live, the page's heap at last", late.heap_mb, "MB", "used"))
    return figures
