"""The chief at her console: a lockdown in a second, and every door by name."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.web.browser import Screen, serious
from tests.web.embassy import ANNA, DAVID, Embassy


@pytest.fixture(scope="module")
def embassy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embassy]:
    """One of its own: it is locked down here, and stays so."""
    with Embassy(tmp_path_factory.mktemp("locked")) as site:
        yield site


def test_one_hold_locks_the_site_down_and_each_door_says_that_it_obeys(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    page_of = screen(ANNA)
    page = page_of.page
    page.goto("/console")
    posture = page.locator("#posture")
    expect(posture).to_contain_text("normal")
    # A click is no order, nor are many.
    page.get_by_role("button", name="Lockdown").first.click()
    hold = page.get_by_role("button", name=re.compile("Hold for one second"))
    hold.click()
    page.get_by_label("Where").select_option(label="The whole site")
    page.get_by_label("Reason").fill("shots at the gate")
    expect(posture).to_contain_text("normal")
    page_of.hold("Hold for one second to order")
    expect(posture).to_contain_text("LOCKDOWN")
    page.get_by_role("button", name="Close", exact=True).click()
    orders = page.get_by_role("region", name="Orders in force")
    expect(orders).to_contain_text("shots at the gate")
    expect(orders).to_contain_text("doors obey")
    assert serious(page) == []
    # A guard's page, open elsewhere, says the same.
    guard = screen(DAVID).page
    guard.goto("/gate")
    expect(guard.locator("#posture")).to_contain_text("LOCKDOWN")
    assert "shots at the gate" in embassy.command("order", "list", "--json")
