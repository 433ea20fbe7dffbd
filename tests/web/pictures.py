"""Pictures of the pages for docs/pages.md and docs/wall.md: `python -m tests.web.pictures`, or with
`edge` or `wall` behind it those of one kind.

Whoever changes a page makes them anew and looks at them: no test sees that a page is ugly.
"""

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy
from playwright.sync_api import Browser

from central.control_client import CentralClient
from tests.bench.bench_wall_screen import Played
from tests.central.orders import lockdown
from tests.central.web.wall_site import EVERYTHING, SITE, WallSite
from tests.edge.signed import ANNA as ANNA_KEY
from tests.mqtt import clients
from tests.records import ROOT
from tests.web.arabic import served
from tests.web.browser import Screen, chromium
from tests.web.embassy import ANNA, DAVID, IDA, WALKS, Embassy

FOLDER = ROOT / "docs" / "pages"
WIDTH, HEIGHT = 1180, 900
TALL = 1450
"""For a page with something pinned to the window: a picture of the whole page has it anywhere."""

SHOWN = 0.6
"""Of a page's size: words can still be read, and all pictures together take less than 1 MB."""

QUALITY = 70

PLAYED_S = 8.0
"""What other edges do before the picture."""


def shoot(screen: Screen, name: str, *, whole: bool = True) -> None:
    """One picture of the whole page, or of what a screen has room for, small."""
    png = screen.page.screenshot(full_page=whole)
    image = cv2.imdecode(numpy.frombuffer(png, numpy.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    small = cv2.resize(image, None, fx=SHOWN, fy=SHOWN, interpolation=cv2.INTER_AREA)
    path = FOLDER / f"{name}.webp"
    cv2.imwrite(str(path), small, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB\n")


def four(site: Embassy, browser: Browser, theme: str) -> list[Screen]:
    """A guard's screen, a chief's, an administrator's, and nobody's."""
    size = {"width": WIDTH, "height": HEIGHT}
    screens = [Screen(browser, site.address, viewport=size, color_scheme=theme) for _ in range(4)]
    for screen, person in zip(screens, (DAVID, ANNA, IDA), strict=False):
        screen.sign_in(site.link(person))
    return screens


def shoot_gate(guard: Screen, name: str) -> None:
    """Somebody whose badge was reported lost stands there."""
    guard.page.goto("/gate")
    guard.page.get_by_role("log").get_by_text("Grace Mbeki").first.click(timeout=60_000)
    guard.page.set_viewport_size({"width": WIDTH, "height": TALL})
    shoot(guard, name, whole=False)
    guard.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def shoot_mirrored(site: Embassy, browser: Browser, folder: Path) -> None:
    """The same in letters that run from right to left."""
    with served(site, folder) as address:
        guard = Screen(browser, address, locale="ar", viewport={"width": WIDTH, "height": HEIGHT})
        guard.page.goto(f"/sign-in#link={site.link(DAVID)}")
        guard.page.locator("#by-link button").click()
        guard.page.locator("form[action='/sign-out']").wait_for()
        shoot_gate(guard, "gate-right-to-left")


def main(kinds: list[str]) -> int:
    FOLDER.mkdir(exist_ok=True)
    for kind, take in (("edge", of_edge), ("wall", of_wall)):
        if not kinds or kind in kinds:
            take()
    return 0


def of_wall() -> None:
    """The wall of the embassy, among 1,000 edges that say that they are there."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        WallSite(Path(folder), WALKS, ()) as site,
        clients(site.broker.port) as make,
    ):
        played = Played(make("many"))
        played.born()
        played.play(time.monotonic() + PLAYED_S)
        guard = Screen(browser, site.address)
        guard.sign_in(site.link(DAVID))
        guard.page.goto("/gate")
        guard.hold("Hold for help: panic")
        order = lockdown(SITE, ANNA_KEY, reason="a warning came in")
        with CentralClient(site.folder / "archive.state") as central:
            central.send_order(order.envelope, (), 5.0, lambda _: None)
        for theme in ("light", "dark"):
            size = {"width": WIDTH, "height": HEIGHT}
            screen = Screen(browser, site.wall_address, viewport=size, color_scheme=theme)
            screen.sign_in(site.operator("ida", *EVERYTHING, shown="Ida Holm"))
            _shoot_wall(screen, theme)
            screen.close()
        guard.close()


def _shoot_wall(screen: Screen, theme: str) -> None:
    page = screen.page
    page.goto("/")
    page.locator("#alarms > li", has_text="called for help").wait_for()
    page.locator("#entries > li").nth(8).wait_for()
    shoot(screen, f"wall-{theme}")
    page.goto("/orders")
    page.get_by_text("doors obey").first.wait_for()
    shoot(screen, f"wall-orders-{theme}")
    page.goto("/search")
    page.get_by_label("Site", exact=True).fill(SITE)
    page.locator("form").get_by_role("button", name="Search", exact=True).click()
    page.locator("#found > li").first.wait_for()
    shoot(screen, f"wall-search-{theme}", whole=False)
    page.goto("/incidents")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    page.locator("#timeline").wait_for()
    shoot(screen, f"wall-incident-{theme}", whole=False)
    page.goto("/series?span=hour")
    page.locator("#plot canvas").wait_for()
    shoot(screen, f"wall-figures-{theme}")
    page.goto("/operators")
    shoot(screen, f"wall-operators-{theme}")


def of_edge() -> None:
    """The pages of the embassy's edge."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as locale,
        chromium() as browser,
        Embassy(Path(folder), WALKS, ()) as site,
    ):
        shoot_mirrored(site, browser, Path(locale))
        for theme in ("light", "dark"):
            guard, chief, admin, nobody = four(site, browser, theme)
            nobody.page.goto("/sign-in")
            shoot(nobody, f"sign-in-{theme}")
            shoot_gate(guard, f"gate-{theme}")
            for name in ("visitors", "deliveries", "muster"):
                guard.page.goto(f"/{name}")
                shoot(guard, f"{name}-{theme}")
            if theme == "light":
                guard.page.goto("/gate")
                guard.hold("Hold for help: panic")
            guard.page.goto("/alarms")
            guard.page.get_by_role("listitem").first.wait_for()
            shoot(guard, f"alarms-{theme}")
            for name, path in (("people", "/people"), ("sign-ins", "/people/sign-ins")):
                admin.page.goto(path)
                shoot(admin, f"{name}-{theme}")
            chief.page.goto("/console")
            if theme == "light":
                chief.page.get_by_role("button", name="Lockdown").first.click()
                chief.hold("Hold for one second to order")
                chief.page.get_by_role("button", name="Close", exact=True).click()
            chief.page.get_by_text("doors obey").first.wait_for()
            shoot(chief, f"console-{theme}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
