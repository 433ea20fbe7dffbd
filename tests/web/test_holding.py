"""A button that is held: it acts where the finger stays, whatever moves on the page meanwhile."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.browser import Screen
from tests.web.embassy import DAVID

MOVED = """() => { document.querySelector(".pinned").style.insetBlockEnd = "12rem"; }"""


@pytest.mark.parametrize(("drawn_off_px", "given"), [(0, True), (200, False)])
def test_a_page_that_moves_lets_go_of_no_button_and_a_finger_that_moves_away_does(
    screen: Callable[..., Screen], drawn_off_px: int, given: bool
) -> None:
    page = screen(DAVID).page
    page.goto("/gate")
    button = page.get_by_role("button", name="Hold for help: panic")
    box = button.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(MOVED)
    moved = button.bounding_box()
    assert moved is not None
    assert moved["y"] + moved["height"] < y
    page.mouse.move(x + drawn_off_px, y)
    page.wait_for_timeout(1300)
    page.mouse.up()
    expect(page.get_by_text("The alarm is given.")).to_have_count(int(given))
