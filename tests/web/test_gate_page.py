"""A guard at his terminal: by visible labels alone, in a real browser, at the embassy's edge."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.web.browser import Screen, serious
from tests.web.embassy import DAVID, HOSTILE, Embassy


def test_a_guard_sees_who_comes_why_somebody_is_refused_and_opens_by_hand(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen(DAVID)
    page = guard.page
    page.get_by_role("link", name="Gate", exact=True).click()
    expect(page.locator("#live")).to_have_text("Live")
    log = page.get_by_role("log")
    # Somebody whose badge was reported lost is refused, with the reason and what to do.
    expect(log.get_by_text("the credential is reported lost").first).to_be_visible(timeout=30_000)
    expect(
        log.get_by_text("Ben Okafor").or_(log.get_by_text("a protected person")).first
    ).to_be_visible(timeout=30_000)
    now = page.get_by_role("region", name="At the gate now")
    log.get_by_role("button", name=re.compile("reported lost")).first.click()
    expect(now.get_by_text("Refused")).to_be_visible()
    expect(now.get_by_text("Ask for a document")).to_be_visible()
    # The door opens on the guard's own word, with a reason.
    page.get_by_label("Door", exact=True).select_option(label="main-gate")
    page.get_by_role("textbox", name="Reason", exact=True).fill("a delivery for the kitchen")
    page.get_by_role("button", name="Open the door").click()
    by_hand = page.get_by_role("region", name="Open by hand")
    expect(by_hand.get_by_role("status").first).to_contain_text("Granted: ")
    expect(page.get_by_role("row", name=re.compile("main-gate"))).to_be_visible()
    assert serious(page) == []
    journal = embassy.command("journal", "tail", "-n", "50", "--json")
    assert "a delivery for the kitchen" in journal


def test_whoever_holds_the_panic_button_is_heard_and_a_guard_acknowledges_it(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen(DAVID)
    page = guard.page
    page.goto("/gate")
    page.get_by_role("button", name="Hold for help: panic").click()
    guard.hold("Hold for help: panic")
    expect(page.get_by_text("The alarm is given.")).to_be_visible()
    page.get_by_role("link", name="Alarms").click()
    alarm = page.get_by_role("listitem").filter(has_text=re.compile("help"))
    expect(alarm.get_by_text("not acknowledged")).to_be_visible()
    alarm.get_by_role("textbox", name="Note").fill("went there: pressed by mistake")
    alarm.get_by_role("button", name="Acknowledge").click()
    expect(
        alarm.get_by_text("David Lindqvist").or_(alarm.get_by_text("mistake")).first
    ).to_be_visible()
    assert serious(page) == []
    listed = embassy.command("alarm", "list", "--json")
    assert "pressed by mistake" in listed


def test_names_that_try_to_be_more_than_names_are_shown_as_they_are(
    screen: Callable[..., Screen],
) -> None:
    page = screen(DAVID).page
    page.goto("/gate")
    log = page.get_by_role("log")
    for name in HOSTILE:
        expect(log.get_by_text(name, exact=True).first).to_be_visible(timeout=40_000)
    assert page.evaluate("window.hostile") is None
    assert page.locator("img").count() == 0
    # A name that turns the direction round keeps to itself: the verdict stays where it was.
    row = log.get_by_role("button").filter(has_text=HOSTILE[1]).first
    isolated = row.locator("bdi").first
    assert isolated.evaluate("one => getComputedStyle(one).unicodeBidi") == "isolate"


def test_a_page_that_loses_its_edge_says_so_and_comes_back_by_itself(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    page = screen(DAVID).page
    page.goto("/gate")
    expect(page.locator("#live")).to_have_text("Live")
    embassy.edge.stop()
    expect(page.locator("#live")).to_have_text("NOT LIVE", timeout=20_000)
    embassy.start_edge()
    expect(page.locator("#live")).to_have_text("Live", timeout=30_000)
    expect(page.get_by_role("row", name=re.compile("main-gate"))).to_be_visible()
