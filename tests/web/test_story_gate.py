"""A guard's alarms, help, and who is inside: from the start page on, by what is written there."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.web.browser import Screen, serious
from tests.web.embassy import DAVID, Embassy


def test_help_is_called_and_the_alarm_is_noted_assigned_acknowledged_and_closed(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen(DAVID)
    with guard.task(actions=1) as page:
        guard.hold("Hold for help: panic")
        expect(page.get_by_text("The alarm is given.")).to_be_visible()
    with guard.task(actions=3) as page:
        guard.presses("Alarms")
        # The newest of them: another test may have called as well.
        call = page.get_by_role("listitem").filter(has_text=re.compile("not acknowledged"))
        call = call.filter(has_text=re.compile("help")).last
        guard.types("Note", "on my way there", call)
        guard.presses("Add the note", call)
        expect(call.get_by_text("on my way there")).to_be_visible()
    with guard.task(actions=3) as page:
        guard.presses("Alarms")
        guard.types("Id of who sees to it", DAVID, call)
        guard.presses("Assign", call)
        expect(call.get_by_text("Sees to it: David Lindqvist")).to_be_visible()
    with guard.task(actions=3) as page:
        guard.presses("Alarms")
        call = page.get_by_role("listitem").filter(has_text="on my way there")
        guard.types("Note", "pressed with an elbow", call)
        guard.presses("Acknowledge", call)
        expect(call.get_by_text("pressed with an elbow").first).to_be_visible()
        expect(call.get_by_text("acknowledged", exact=True)).to_be_visible()
        assert serious(page) == []
    with guard.task(actions=3) as page:
        guard.presses("Alarms")
        guard.chooses("What it was", "false alarm", call)
        guard.presses("Close the alarm", call)
        expect(call.get_by_text("closed", exact=True)).to_be_visible()
    assert "pressed with an elbow" in embassy.command("alarm", "list", "--all", "--json")


def test_whoever_is_inside_is_found_and_checked_off(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen(DAVID)
    with guard.task(actions=1) as page:
        guard.presses("Who is inside")
        inside = page.get_by_role("table")
        expect(inside).to_be_visible()
        expect(page.get_by_role("row", name="a protected person").first).to_be_visible()
        assert serious(page) == []
    with guard.task(actions=4) as page:
        guard.presses("Who is inside")
        guard.presses("Check people off")
        guard.presses("Begin to check people off")
        ben = page.get_by_role("listitem").filter(has_text="Ben Okafor")
        expect(ben.get_by_text("not accounted for")).to_be_visible()
        guard.presses("Ben Okafor is safe")
        expect(ben.get_by_text("seen safe at")).to_be_visible()
        expect(page.get_by_text("1 seen safe")).to_be_visible()
        assert serious(page) == []
    with guard.task(actions=2) as page:
        guard.presses("Muster")
        guard.presses("It was not Ben Okafor")
        expect(ben.get_by_text("not accounted for")).to_be_visible()
    with guard.task(actions=2) as page:
        guard.presses("Muster")
        guard.presses("End the muster")
        button = page.get_by_role("button", name="Begin to check people off")
        expect(button).to_be_visible()
    journal = embassy.command("journal", "tail", "-n", "80", "--json")
    for kind in ("muster-begun", "person-checked-off", "check-undone", "muster-ended"):
        assert f'"{kind}"' in journal
