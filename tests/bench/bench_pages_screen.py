"""From a badge at the reader to the guard's screen, in the real Chromium; and what pages cost.

The edge and the pages are processes of their own, started by their public commands, with one reader
played here as in `bench_latency`. The browser is a third party on the same two cores; at a site it
is another machine.

One clock: what is read here, what Chromium counts `performance.now()` in and what it says of a
page's beginning are all CLOCK_MONOTONIC. That is not believed but looked at in each run.
"""

import http.client
import json
import os
import random
import selectors
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import Page

from edge.people import Change, HolderRecord, People
from tests.bench import Figure
from tests.bench.bench_gate import resident_mb
from tests.bench.bench_latency import Line, make_site, running
from tests.web.browser import Screen, chromium
from tests.web.embassy import SENTRYPOST, Process

BADGES: Final = 150
WARM_UP: Final = 15
PAUSE_S: Final = (0.25, 0.4)
"""Between two badges: a guard reads one before the next comes."""

SHOWN_WITHIN_S: Final = 10.0
SAME_CLOCK_MS: Final = 2.0
AIM_MS: Final = 100

OTHERS: Final = {"/gate/live?attends=1": 10, "/console/live": 5, "/alarms/live": 4}
"""Pages that are open beside the one that is looked at: twenty in all."""

PAGES_POLICY: Final = """
[role.guard]
[role.chief]
[page.gate]
roles = ["guard"]
[page.console]
roles = ["chief"]
"""

GUARD, CHIEF = "2", "3"

STAMPS: Final = """
window.stamps = [];
document.addEventListener("DOMContentLoaded", () => {
  const drawn = (one) => requestAnimationFrame(() => { one.painted = performance.now(); });
  const seen = new MutationObserver((changes) => {
    for (const change of changes) for (const row of change.addedNodes) {
      const one = { shown: performance.now(), painted: 0, text: row.textContent };
      window.stamps.push(one);
      // The frame that has it is drawn before the one after it begins.
      requestAnimationFrame(() => drawn(one));
    }
  });
  const list = document.getElementById("list");
  if (list) seen.observe(list, { childList: true });
});
"""
"""Put into the page by the browser's driver: when a passage stood in its list, and was drawn."""


class Late(NamedTuple):
    """One badge. Seconds from the card's bytes on the wire."""

    strike_s: float
    shown_s: float
    painted_s: float


class Memory(NamedTuple):
    """Resident, in MB."""

    edge: float
    web: float


def site(folder: Path) -> Line:
    """As `bench_latency` has it, with somebody at the gate and somebody at the console."""
    line = Line(folder, make_site(folder))
    with (folder / "policy.toml").open("a") as policy:
        policy.write(PAGES_POLICY)
    staff = tuple(
        HolderRecord(id=sign * 16, external_id=number, name=name, roles=(role,))
        for sign, number, name, role in (
            ("b", GUARD, "David L", "guard"),
            ("d", CHIEF, "Anna B", "chief"),
        )
    )
    with People.open(folder / "state" / "site.db") as people:
        people.apply(Change(base=people.version, holders=staff, credentials=(), pins=()))
    return line


@contextmanager
def served(line: Line) -> Iterator[None]:
    """The reader answers by itself while something else is done."""
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            line.serve(0.05)

    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve)
        try:
            yield
        finally:
            done.set()
            serving.result()


def link(folder: Path, person: str) -> str:
    """The code of a one-time link."""
    words = [*SENTRYPOST, "signin", "link", person, "--json"]
    made = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    code: str = json.loads(made.stdout)["code"]
    return code


def cookie(port: int, code: str) -> str:
    """Of a session without a browser."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
    }
    connection.request("POST", "/sign-in/link", urlencode({"code": code}), headers)
    answer = connection.getresponse()
    answer.read()
    given = answer.headers["set-cookie"]
    connection.close()
    return str(given).partition(";")[0]


@contextmanager
def opened(port: int, cookies: dict[str, str]) -> Iterator[None]:
    """The other pages' streams, each read as soon as something comes."""
    done = threading.Event()
    with ExitStack() as stack, selectors.DefaultSelector() as chosen:
        for path, count in OTHERS.items():
            who = cookies["console" if path.startswith("/console") else "gate"]
            asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {who}\r\n\r\n"
            for _ in range(count):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                one.sendall(asked.encode())
                assert one.recv(64).startswith(b"HTTP/1.1 200")
                chosen.register(one, selectors.EVENT_READ)

        def read() -> None:
            while not done.is_set():
                for key, _ in chosen.select(0.1):
                    os.read(key.fd, 1 << 16)

        reading = threading.Thread(target=read)
        reading.start()
        try:
            yield
        finally:
            done.set()
            reading.join()


def began_s(page: Page) -> float:
    """When this page's `performance.now()` was nothing, by our clock."""
    browser = page.context.new_cdp_session(page)
    browser.send("Performance.enable")
    told = browser.send("Performance.getMetrics")["metrics"]
    browser.detach()
    (said_s,) = (one["value"] for one in told if one["name"] == "NavigationStart")
    trials = []
    for _ in range(20):
        before_s = time.perf_counter()
        now_ms = page.evaluate("performance.now()")
        trials.append((time.perf_counter() - before_s, before_s, now_ms))
    took_s, before_s, now_ms = min(trials)
    early_s = before_s - (said_s + now_ms / 1e3)
    slack_s = SAME_CLOCK_MS / 1e3
    assert -took_s - slack_s <= early_s <= slack_s, f"two clocks: {early_s} s apart"
    return float(said_s)


def badges(line: Line, chance: random.Random, page: Page, count: int) -> list[Late]:
    """So many badges, one after the other, as they came onto the screen."""
    page.evaluate("window.stamps.length = 0")
    cards: list[tuple[float, float]] = []
    for _ in range(count):
        line.serve(chance.uniform(*PAUSE_S))
        trial = line.badge()
        cards.append((time.perf_counter() - trial.total_s, trial.total_s))
    until = time.monotonic() + SHOWN_WITHIN_S
    with served(line):
        while page.evaluate("stamps.filter((one) => one.painted).length") < count:
            assert time.monotonic() < until, "a passage was not shown"
            time.sleep(0.1)
        stamps = page.evaluate("stamps")
    assert len(stamps) == count, "one row for each badge"
    assert all("Granted" in stamp["text"] for stamp in stamps), "each with its verdict"
    zero_s = began_s(page)
    return [
        Late(
            strike_s,
            zero_s + stamp["shown"] / 1e3 - card_s,
            zero_s + stamp["painted"] / 1e3 - card_s,
        )
        for (card_s, strike_s), stamp in zip(cards, stamps, strict=True)
    ]


def measured(folder: Path) -> tuple[list[Late], list[Late], Memory, Memory]:
    """With one page open, and with twenty; and the memory, before any and with all of them."""
    chance = random.Random(0)
    line = site(folder)
    with running(folder, line) as edge, served_web(folder, line) as web, chromium() as browser:
        port = int(web.said("http://").rstrip("/").rpartition(":")[2])
        with served(line):
            cookies = {
                name: cookie(port, link(folder, person))
                for name, person in (("gate", GUARD), ("console", CHIEF))
            }
            line_code = link(folder, GUARD)
            before = Memory(resident_mb(edge.pid), resident_mb(web.process.pid))
            screen = Screen(browser, f"http://localhost:{port}")
            screen.sign_in(line_code)
            screen.page.add_init_script(STAMPS)
            screen.page.goto("/gate")
            screen.page.locator("#live[data-live=true]").wait_for()
        badges(line, chance, screen.page, WARM_UP)
        alone = badges(line, chance, screen.page, BADGES)
        with opened(port, cookies):
            with served(line):
                time.sleep(2.0)
            many = badges(line, chance, screen.page, BADGES)
            after = Memory(resident_mb(edge.pid), resident_mb(web.process.pid))
        with served(line):
            screen.close()
    return alone, many, before, after


@contextmanager
def served_web(folder: Path, line: Line) -> Iterator[Process]:
    """The pages' process."""
    web = Process("web", folder, "web", "--listen", "127.0.0.1:0")
    try:
        yield web
    finally:
        with served(line):
            web.stop()


def _percentiles(values_s: list[float]) -> tuple[float, float]:
    """The 50th and the 95th, in milliseconds."""
    quantiles = statistics.quantiles(values_s, n=20)
    return quantiles[9] * 1e3, quantiles[18] * 1e3


def run() -> list[Figure]:
    """Name, value, unit, note."""
    began = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        alone, many, before, after = measured(Path(folder))
    load = f"load {began:.0f} to {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    figures = []
    for trials, pages in ((alone, "1 page"), (many, f"{1 + sum(OTHERS.values())} pages")):
        note = f"{len(trials)} badges; {load}"
        for name, values in (
            ("strike", [one.strike_s for one in trials]),
            ("in the page", [one.shown_s for one in trials]),
            ("on the screen", [one.painted_s for one in trials]),
        ):
            p50, p95 = _percentiles(values)
            aim = f"aim: at most {AIM_MS}" if name == "on the screen" else note
            figures.append(Figure(f"badge to {name}, {pages}, median", p50, "ms", note))
            figures.append(Figure(f"badge to {name}, {pages}, p95", p95, "ms", aim))
    twenty = "resident, with 20 pages open: 11 gate, 5 console, 4 alarms"
    return [
        *figures,
        Figure("memory of the edge, no page open", before.edge, "MB", "resident"),
        Figure("memory of the edge, 20 pages open", after.edge, "MB", twenty),
        Figure("memory of the pages' process, no page open", before.web, "MB", "resident"),
        Figure("memory of the pages' process, 20 pages open", after.web, "MB", twenty),
    ]
