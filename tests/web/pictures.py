"""Pictures of the pages for docs/pages.md: `python -m tests.web.pictures`.

Whoever changes a page makes them anew and looks at them: no test sees that a page is ugly.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy
from playwright.sync_api import Browser

from tests.records import ROOT
from tests.web.arabic import served
from tests.web.browser import Screen, chromium
from tests.web.embassy import ANNA, DAVID, IDA, WALKS, Embassy

FOLDER = ROOT / "docs" / "pages"
WIDTH, HEIGHT = 1180, 900
SHOWN = 0.6
"""Of a page's size: words can still be read, and all pictures together take less than 1 MB."""

QUALITY = 70


def shoot(screen: Screen, name: str) -> None:
    """One picture of the whole page, small."""
    png = screen.page.screenshot(full_page=True)
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
    shoot(guard, name)


def shoot_mirrored(site: Embassy, browser: Browser, folder: Path) -> None:
    """The same in letters that run from right to left."""
    with served(site, folder) as address:
        guard = Screen(browser, address, locale="ar", viewport={"width": WIDTH, "height": HEIGHT})
        guard.page.goto(f"/sign-in#link={site.link(DAVID)}")
        guard.page.locator("#by-link button").click()
        guard.page.locator("form[action='/sign-out']").wait_for()
        shoot_gate(guard, "gate-right-to-left")


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
