"""The same page in another language, and in one that runs from right to left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.arabic import WORDS, served
from tests.web.browser import Screen, serious
from tests.web.embassy import DAVID, Embassy


@pytest.fixture
def arabic(embassy: Embassy, tmp_path: Path) -> Iterator[str]:
    with served(embassy, tmp_path) as address:
        yield address


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
    page.locator("#by-link button").click()
    page.locator("form[action='/sign-out']").wait_for()
    page.goto("/gate")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", name=WORDS["At the gate now"])).to_be_visible()
    expect(page.locator("#live")).to_have_text(WORDS["Live"])
    # The first card stands at the right, where reading begins; times keep their own direction.
    now = page.locator("#now").bounding_box()
    doors = page.get_by_role("region", name=WORDS["Doors"]).first.bounding_box()
    assert now is not None
    assert doors is not None
    assert now["x"] > doors["x"]
    # A plan is a drawing: what is written in it stands where it was drawn.
    assert page.evaluate(
        """() => [...document.querySelectorAll(".plan g.zone")].every((zone) =>
        zone.querySelector("text").getBBox().x >= zone.querySelector("rect").getBBox().x)"""
    )
    expect(page.locator("#clock")).to_have_attribute("dir", "ltr")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    screen.close()
