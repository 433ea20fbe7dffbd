"""Visitors and deliveries at a guard's terminal, from the start page on."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.web.browser import Screen, read_code, serious
from tests.web.embassy import CLARA, DAVID, Embassy

GUEST = "Zoë Ångström"
TAKEN, REFUSED = "Blue Van", "Grey Van"


def announced(guard: Screen, name: str) -> None:
    with guard.task(actions=5) as page:
        guard.presses("Visitors")
        guard.types("Name of the visitor", name)
        guard.types("Id of the host", CLARA)
        guard.types("Purpose", "a passport")
        guard.presses("Note the visit")
        card = page.get_by_role("listitem").filter(has_text=name)
        expect(card.get_by_text("expected", exact=True)).to_be_visible()
        expect(card.get_by_text("Clara Diaz")).to_be_visible()


def test_a_visitor_is_announced_shows_a_document_gets_a_code_and_signs_out(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen(DAVID)
    announced(guard, GUEST)
    with guard.task(actions=4) as page:
        guard.presses("Visitors")
        card = page.get_by_role("listitem").filter(has_text=GUEST)
        guard.chooses("Document seen", "identity card", card)
        guard.types("Issued by (country, as FRA)", "SWE", card)
        guard.presses(f"Sign in {GUEST}")
        expect(page.get_by_role("heading", level=1)).to_have_text(GUEST)
        code = page.get_by_role("img", name=re.compile("QR code"))
        expect(code).to_be_visible()
        paper = code.screenshot()
        assert serious(page) == []
    with guard.task(actions=2) as page:
        guard.presses("Visitors")
        guard.presses(f"Sign out {GUEST}")
        card = page.get_by_role("listitem").filter(has_text=GUEST)
        expect(card).to_have_count(0)
    journal = embassy.command("journal", "tail", "-n", "60", "--json")
    assert '"visitor-signed-in"' in journal
    assert '"visitor-signed-out"' in journal
    # At the end: a machine without OpenCV has told the rest of the story.
    assert read_code(paper).startswith("SPV1.")


def test_what_is_brought_is_taken_and_handed_over_or_not_taken_at_all(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen(DAVID)
    with guard.task(actions=5) as page:
        guard.presses("Deliveries")
        guard.chooses("Door", "main-gate")
        guard.types("Company or courier", TAKEN)
        guard.types("Id of the recipient", CLARA)
        guard.presses("Take it")
        card = page.get_by_role("listitem").filter(has_text=TAKEN)
        expect(card.get_by_text("Clara Diaz")).to_be_visible()
        assert serious(page) == []
    with guard.task(actions=2) as page:
        guard.presses("Deliveries")
        card = page.get_by_role("listitem").filter(has_text=TAKEN)
        guard.presses("Handed over", card)
        expect(card).to_have_count(0)
    with guard.task(actions=5) as page:
        guard.presses("Deliveries")
        guard.chooses("Door", "main-gate")
        guard.types("Company or courier", REFUSED)
        guard.types("Why it is not taken", "nobody ordered it")
        guard.presses("Do not take it")
        expect(page.get_by_role("status")).to_contain_text("refused")
    journal = embassy.command("journal", "tail", "-n", "60", "--json")
    assert all(one in journal for one in (TAKEN, REFUSED, "nobody ordered it"))
