"""What a browser that has nothing yet is sent of each page at its first load, without pictures.

At the demonstration's embassy, with its doors and people, in the real Chromium: whatever the page
itself asks for is counted, styles, scripts and the first state on its stream.
"""

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, Response
from starlette.routing import Route

from edge.web.app import routes
from tests.bench import Figure
from tests.web.browser import Screen, chromium
from tests.web.embassy import ANNA, DAVID, Embassy

AIM_KB: Final = 150
SETTLED_MS: Final = 1500
"""From the page's load until all is there that it asks for by itself."""

ADMINISTRATOR: Final = "40"

READERS: Final = {
    "/gate": DAVID,
    "/visitors": DAVID,
    "/deliveries": DAVID,
    "/alarms": DAVID,
    "/muster": DAVID,
    "/own": DAVID,
    "/unlock": DAVID,
    "/console": ANNA,
    "/people": ADMINISTRATOR,
    "/sign-in": "",
    "/invitation": "",
}
"""By whom a page and what lies below it is looked at; nobody is not signed in."""

NO_PAGES: Final = {
    *("/gate/live", "/console/live", "/alarms/live"),
    *("/gate/picture", "/orders/zones", "/sign-in/badge"),
    *("/console/draft/{draft:str}", "/visitors/list", "/deliveries/list", "/people/sign-ins/open"),
    *("/people/{person:str}/row", "/people/{person:str}/edit"),
}
"""Streams, pictures, data for a page's script, addresses that lead elsewhere, files."""

UNSEEN: Final = {"/", "/console/drills/{order:str}"}
"""Where to go next, and a printed report, which is as long as its exercise was."""


class Weight(NamedTuple):
    """In bytes: as it is served, and if it were compressed."""

    path: str
    served: int
    compressed: int


def pages() -> Iterator[tuple[str, str]]:
    """Each page with whoever looks at it."""
    for route in routes():
        if not isinstance(route, Route) or "GET" not in (route.methods or ()):
            continue
        if route.path in NO_PAGES | UNSEEN:
            continue
        owner = next(one for one in READERS if (route.path + "/").startswith(one + "/"))
        yield route.path.replace("{person:str}", DAVID), READERS[owner]


def weight(screen: Screen, path: str) -> Weight:
    """The page is loaded into a browser that keeps nothing."""
    page, context = screen.page, screen.context
    page.wait_for_timeout(SETTLED_MS)  # nothing comes any more of the page before
    bodies: list[Response] = []

    def count(response: Response) -> None:
        bodies.append(response)

    page.on("response", count)
    browser = context.new_cdp_session(page)
    browser.send("Network.enable")
    browser.send("Network.setCacheDisabled", {"cacheDisabled": True})
    received: list[int] = []
    browser.on("Network.dataReceived", lambda told: received.append(told["dataLength"]))
    answer = page.goto(path)
    assert answer is not None
    assert answer.ok, f"{path}: {answer.status}"
    assert answer.url.endswith(path), f"{path} leads to {answer.url}"
    page.wait_for_timeout(SETTLED_MS)
    page.remove_listener("response", count)
    saved = 0
    for one in bodies:
        if "event-stream" in one.headers.get("content-type", ""):
            continue  # goes on; what came of it so far is counted as it is
        body = one.body()
        saved += max(0, len(body) - len(zlib.compress(body)))
    browser.detach()
    return Weight(path, sum(received), sum(received) - saved)


def measured(site: Embassy, browser: Browser) -> list[Weight]:
    site.command("person", "add", ADMINISTRATOR, "--name", "Ida Holm", "--role", "administrator")
    found = []
    with ExitStack() as stack:
        screens: dict[str, Screen] = {}
        for path, reader in pages():
            if reader not in screens:
                screens[reader] = Screen(browser, site.address)
                stack.callback(screens[reader].close)
                if reader:
                    screens[reader].sign_in(site.link(reader))
            found.append(weight(screens[reader], path))
    return found


def run() -> list[Figure]:
    """Name, value, unit, note."""
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as folder,
        Embassy(Path(folder), also=()) as site,
        chromium() as browser,
    ):
        found = measured(site, browser)
    worst = max(found, key=lambda one: one.served)
    return [
        *(
            Figure(
                f"page weight, {one.path}",
                one.served / 1e3,
                "kB",
                f"first load, uncompressed as it is served; {one.compressed / 1e3:.1f} compressed",
            )
            for one in found
        ),
        Figure("page weight, the heaviest", worst.served / 1e3, "kB", f"aim: at most {AIM_KB}"),
    ]
