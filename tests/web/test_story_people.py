"""Who is on file, with badges, and who signs in: an administrator's tasks, each from the start."""

import re
import time
from collections.abc import Callable

import pyotp
from playwright.sync_api import expect

from tests.web.browser import Screen, serious, until_seen
from tests.web.embassy import ANNA, DAVID, IDA, Embassy

PASSWORD = "a gate by the river"


def test_somebody_is_found_and_changed(screen: Callable[..., Screen]) -> None:
    admin = screen(IDA)
    with admin.task(actions=3) as page:
        admin.types("Name or id", "Farid")
        admin.presses("Search")
        expect(page.get_by_role("row")).to_have_count(2)
        admin.presses("Farid Haddad")
        expect(page.get_by_role("heading", level=1)).to_have_text("Farid Haddad")
    with admin.task(actions=5) as page:
        admin.types("Name or id", "Farid")
        admin.presses("Search")
        admin.presses("Farid Haddad")
        admin.types("New name", "Farid al-Haddad")
        admin.presses("Change")
        expect(page.get_by_role("heading", level=1)).to_have_text("Farid al-Haddad")
        assert serious(page) == []


def test_somebody_new_is_put_on_file_gets_a_badge_and_loses_it(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    admin = screen(IDA)
    with admin.task(actions=4) as page:
        admin.types("Id", "71")
        admin.types("Name", "Noor Visser")
        admin.types("Roles", "staff")
        admin.presses("Put on file")
        expect(page.get_by_role("heading", level=1)).to_have_text("Noor Visser")
    with admin.task(actions=5) as page:
        admin.types("Name or id", "Noor")
        admin.presses("Search")
        admin.presses("Noor Visser")
        admin.types("Reader", "lodge-in")
        admin.presses("Wait for a badge at this reader")
        said = page.get_by_text("The badge is on file.")
        until_seen(said, lambda: embassy.cue("new badge at the lodge"))
    with admin.task(actions=5) as page:
        admin.types("Name or id", "Noor")
        admin.presses("Search")
        admin.presses("Noor Visser")
        admin.chooses(re.compile("^Badge .* now active"), "lost")
        admin.presses("Change this badge")
        expect(page.get_by_text("now lost")).to_be_visible()


def test_a_session_is_ended_and_whoever_had_it_is_out_at_once(
    screen: Callable[..., Screen],
) -> None:
    chief, admin = screen(ANNA), screen(IDA)
    with chief.task(actions=0) as page:
        expect(page.get_by_role("heading", name="Doors")).to_be_visible()
    with admin.task(actions=2) as page:
        admin.presses("Who signs in")
        anna = page.get_by_role("region", name="Signed in now").get_by_role("row")
        # Hers is the newest: she may have signed in elsewhere before.
        admin.presses("End this session", anna.filter(has_text="Anna Berger").last)
    expect(chief.page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_an_invitation_makes_a_password_and_a_code_that_sign_in(
    screen: Callable[..., Screen], embassy: Embassy
) -> None:
    admin = screen(IDA)
    with admin.task(actions=2) as page:
        admin.presses("Who signs in")
        admin.presses("Invite David Lindqvist")
        expect(page.get_by_role("code")).to_have_count(2)
        code, where = page.get_by_role("code").all_inner_texts()
    guard = screen()
    # What he is handed says where: he begins there.
    with guard.task(actions=5, start=where) as page:
        guard.types("Invitation code", code)
        guard.types("Your id", DAVID)
        guard.types("New password, twelve characters or more", PASSWORD)
        guard.types("The same once more", PASSWORD)
        guard.presses("Go on")
        uri = page.get_by_text(re.compile("^otpauth://")).inner_text()
        totp = pyotp.parse_uri(uri)
        assert isinstance(totp, pyotp.TOTP)
    with guard.carries_on(actions=2) as page:
        guard.types("Code of your authenticator", totp.now())
        guard.presses("Finish and sign in")
        expect(page.get_by_role("heading", name="At the gate now")).to_be_visible()
    with guard.task(actions=5) as page:
        guard.presses("Sign out")
        guard.types("Your id", DAVID)
        guard.types("Password", PASSWORD)
        # Each code counts once: it is the next one that signs in.
        guard.types("Code of your authenticator", totp.at(time.time(), counter_offset=1))
        guard.presses("Sign in with password")
        expect(page.get_by_role("heading", name="At the gate now")).to_be_visible()
