"""The system's Chromium, driven as a person drives it: by labels, keys and fingers."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.servers import skip_or_fail

CHROMIUM = shutil.which("chromium")
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

    def hold(self, label: str, for_ms: int = 1300) -> None:
        """Press with the mouse, and keep it pressed."""
        button = self.page.get_by_role("button", name=label)
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        self.page.wait_for_timeout(for_ms)
        self.page.mouse.up()

    def close(self) -> None:
        self.context.close()
        assert not self.foreign, f"the page asked elsewhere: {self.foreign}"
        assert not self.troubles, f"the page had troubles: {self.troubles}"


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
