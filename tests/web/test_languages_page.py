"""The same page in another language, and in one that runs from right to left."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from playwright.sync_api import Browser, expect

from edge.control.place import PAGES_SOCKET
from edge.web.app import application
from tests.web.browser import Screen, serious
from tests.web.embassy import DAVID, Embassy

ARABIC = {
    "Gate": "البوابة",
    "Doors": "الأبواب",
    "At the gate now": "عند البوابة الآن",
    "Live": "مباشر",
}
"""Enough of a catalogue to see that a page needs no more."""


@pytest.fixture
def arabic(embassy: Embassy, tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "ar" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalogue = Catalog("ar", charset="utf-8")
    for said, translated in ARABIC.items():
        catalogue.add(said, translated)
    with (folder / "sentrypost.mo").open("wb") as file:
        write_mo(file, catalogue)
    socket = embassy.folder / "state" / PAGES_SOCKET
    app = application(socket, secure=False, locale=tmp_path)
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def test_french_is_chosen_by_the_browser_or_at_the_foot_of_any_page(
    embassy: Embassy, browser: Browser
) -> None:
    screen = Screen(browser, embassy.address, locale="fr-FR")
    page = screen.page
    page.goto("/sign-in")
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    assert serious(page) == []
    screen.close()


def test_a_language_from_right_to_left_needs_its_catalogue_and_nothing_else(
    arabic: str, embassy: Embassy, browser: Browser
) -> None:
    screen = Screen(browser, arabic, locale="ar")
    page = screen.page
    page.goto(f"/sign-in#link={embassy.link(DAVID)}")
    page.get_by_role("button", name="Sign in by this link").click()
    page.locator("form[action='/sign-out']").wait_for()
    page.goto("/gate")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", name=ARABIC["At the gate now"])).to_be_visible()
    expect(page.locator("#live")).to_have_text(ARABIC["Live"])
    # The first card stands at the right, where reading begins; times keep their own direction.
    now = page.locator("#now").bounding_box()
    doors = page.get_by_role("region", name=ARABIC["Doors"]).first.bounding_box()
    assert now is not None
    assert doors is not None
    assert now["x"] > doors["x"]
    expect(page.locator("#clock")).to_have_attribute("dir", "ltr")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    screen.close()
