"""Signing in by a badge at the terminal's own reader, under duress too, and by a passkey."""

import subprocess
from collections.abc import Callable

from playwright.sync_api import expect

from edge.commands.duress import TOLD
from tests.web.browser import Screen, until_seen
from tests.web.embassy import ANNA, DURESS_PIN, PIN, TERMINAL, Embassy

TRIES = 5
"""A machine that is busy with other tests does not hash a PIN in time, and says so."""


def let_in(guard: Screen, embassy: Embassy, pin: str) -> bool:
    """The guard holds his badge to the terminal's reader and types that; whether it was checked."""
    with guard.task(actions=3) as page:
        read = page.get_by_text("Badge read. Type your PIN.")
        guard.shows_badge(lambda: until_seen(read, lambda: embassy.cue("guard at the lodge")))
        guard.types("PIN", pin)
        guard.presses("Sign in with badge and PIN")
        there = page.get_by_role("heading", name="At the gate now")
        busy = page.get_by_text("too many are being checked at this moment")
        expect(there.or_(busy)).to_be_visible()
        return there.is_visible()


def at_the_lodge(guard: Screen, embassy: Embassy, pin: str) -> str:
    """The guard signs in at his terminal, looks at himself, and signs out; what he was shown."""
    assert any(let_in(guard, embassy, pin) for _ in range(TRIES))
    with guard.task(actions=2) as page:
        guard.presses("David Lindqvist")
        # The page is whole when its scripts have run.
        expect(page.get_by_role("button", name="Add a passkey")).to_be_enabled()
        shown = page.content()
        guard.presses("Sign out")
        expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    return shown


def told(embassy: Embassy) -> subprocess.CompletedProcess[str]:
    """What they are told who can send help."""
    return embassy.run("duress", "open", "state", "--key", "watch-room.key")


def test_a_badge_and_a_pin_sign_in_and_the_pin_for_duress_does_the_same_and_calls_help(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    guard = screen()
    with guard.task(actions=2, start="/terminal") as page:
        guard.types("Code of the terminal", embassy.terminal_code(TERMINAL))
        guard.presses("This browser is the terminal from now on")
        expect(page.get_by_role("heading", name="Badge and PIN")).to_be_visible()
    usual = at_the_lodge(guard, embassy, PIN)
    before = told(embassy)
    assert "DURESS" not in before.stdout, before
    forced = at_the_lodge(guard, embassy, DURESS_PIN)
    assert forced == usual
    after = told(embassy)
    assert after.returncode == TOLD
    assert all(f"at {TERMINAL}" in line for line in after.stdout.splitlines())
    for command in (("journal", "tail", "-n", "30"), ("alarm", "list", "--all")):
        assert "uress" not in embassy.command(*command)


def test_a_passkey_is_added_and_signs_in_by_itself(
    screen: Callable[..., Screen],
) -> None:
    chief = screen(ANNA)
    devtools = chief.context.new_cdp_session(chief.page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    with chief.task(actions=3) as page:
        chief.presses("Anna Berger")
        chief.types("Name of the new one", "tablet")
        chief.presses("Add a passkey")
        expect(page.get_by_text("The passkey is on file.")).to_be_visible()
    with chief.task(actions=2) as page:
        chief.presses("Sign out")
        chief.presses("Sign in with a passkey")
        expect(page.get_by_role("heading", name="Orders in force")).to_be_visible()
