"""The system's Chromium, driven as a person drives it: by labels, keys and fingers."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.servers import skip_or_fail

CHROMIUM = shutil.which("chromium")
ACTIONS_MAX = 5
"""What a page's main task may take, from the page on which a person begins."""

Label = str | re.Pattern[str]

SECONDS_MAX = 20
"""For what a person does again and again."""

HOLDS_MAX = 5
"""Tries to come down on a button that moves."""

AXE = Path("axe/node_modules/axe-core/axe.min.js")

# No look at anything but our pages: a closed network refuses it, many at a time.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP sentrypost.* 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        skip_or_fail("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Screen:
    """One browser with cookies of its own, which keeps everything that went wrong in it."""

    def __init__(self, browser: Browser, address: str, **options: object) -> None:
        self.address = address
        self.context: BrowserContext = browser.new_context(
            base_url=address,
            ignore_https_errors=True,
            **options,  # type: ignore[arg-type]
        )
        self.context.set_default_timeout(15_000)
        self.troubles: list[str] = []
        self.foreign: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: self._noted(said.type, said.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda one: self._requested(one.url))
        self._actions = 0

    def _noted(self, kind: str, text: str) -> None:
        # A refusal by status is told by the page itself; the browser's line on it is no trouble.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.troubles.append(text)

    def _requested(self, url: str) -> None:
        if not url.startswith((self.address, "blob:", "data:")):
            self.foreign.append(url)

    def sign_in(self, code: str) -> None:
        """By a one-time link, as somebody opens it who was given it."""
        self.page.goto(f"/sign-in#link={code}")
        self.page.get_by_role("button", name="Sign in by this link").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    # --- what a person does, by what is written on the page, and counted ---

    @contextmanager
    def task(self, actions: int, start: str = "/") -> Iterator[Page]:
        """From a start page on, somebody does something in exactly so many actions."""
        self.page.goto(start)
        with self.carries_on(actions):
            yield self.page

    @contextmanager
    def carries_on(self, actions: int) -> Iterator[Page]:
        """The same from the page that is there."""
        assert actions <= ACTIONS_MAX, "a main task takes no more"
        self._actions = 0
        yield self.page
        assert self._actions == actions, f"it took {self._actions} actions"

    def presses(self, label: Label, within: Locator | None = None) -> None:
        """A button or a link."""
        place = within or self.page
        self._actions += 1
        button = place.get_by_role("button", name=label, exact=True)
        button.or_(place.get_by_role("link", name=label, exact=True)).click()

    def types(self, label: str, text: str, within: Locator | None = None) -> None:
        self._actions += 1
        place = within or self.page
        field = place.get_by_role("textbox", name=label, exact=True)
        field = field.or_(place.get_by_role("searchbox", name=label, exact=True))
        # A password has no role of its own.
        field.or_(place.get_by_label(label, exact=True)).filter(visible=True).fill(text)

    def chooses(
        self, label: str | re.Pattern[str], option: str, within: Locator | None = None
    ) -> None:
        self._actions += 1
        box = (within or self.page).get_by_role("combobox", name=label, exact=True)
        box.select_option(label=option)

    def ticks(self, label: str, within: Locator | None = None) -> None:
        self._actions += 1
        (within or self.page).get_by_role("checkbox", name=label, exact=True).check()

    def shows_badge(self, show: Callable[[], None]) -> None:
        """Away from the page: a badge is held to a reader."""
        self._actions += 1
        show()

    def hold(self, label: str, for_ms: int = 1300) -> None:
        """Press with the mouse, and keep it pressed; if it does not fill, press anew."""
        self._actions += 1
        button = self.page.get_by_role("button", name=label)
        for _ in range(HOLDS_MAX):
            expect(button).to_be_enabled()
            button.hover()
            self.page.mouse.down()
            # Whoever came to the gate just then has moved the button from under the pointer.
            if "holding" in (button.get_attribute("class") or ""):
                break
            self.page.mouse.move(0, 0)  # beside it is another button, which nobody meant
            self.page.mouse.up()
        self.page.wait_for_timeout(for_ms)
        self.page.mouse.up()

    def close(self) -> None:
        self.context.close()
        assert not self.foreign, f"the page asked elsewhere: {self.foreign}"
        assert not self.troubles, f"the page had troubles: {self.troubles}"


def until_seen(wanted: Locator, again: Callable[[], None]) -> None:
    """Do it again until that is there: somebody holds a badge to a reader, and looks."""
    for _ in range(SECONDS_MAX):
        again()
        with suppress(PlaywrightTimeoutError):
            wanted.wait_for(timeout=1_000)
            return
    expect(wanted).to_be_visible()


def read_code(picture: bytes) -> str:
    """What a reader of QR codes sees in a screenshot."""
    try:
        import cv2
        import numpy
    except ImportError as error:
        skip_or_fail(f"OpenCV does not come up: {error}")
    image = cv2.imdecode(numpy.frombuffer(picture, numpy.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return cv2.QRCodeDetector().detectAndDecode(image)[0]


def serious(page: Page) -> list[str]:
    """What axe-core finds of WCAG 2.2 AA that is serious or worse, each in a line."""
    page.evaluate(axe())
    found = page.evaluate(
        """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})"""
    )
    return [
        f"{one['id']}: {one['help']} at {[node['target'] for node in one['nodes']][:4]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def axe() -> str:
    """Its source. A page's policy keeps scripts out of it; the browser's own driver may run one."""
    beside = Path(sys.prefix) / AXE
    if not beside.exists():
        skip_or_fail("axe-core is not here: sh requirements/npm.sh axe .venv/axe")
    return beside.read_text("utf-8")
