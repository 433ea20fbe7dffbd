"""Administration without loading pages anew, and the same without any script."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import Screen, serious
from tests.web.embassy import BEN, CLARA, DAVID, Embassy

SCREEN = Callable[..., Screen]
IDA = "40"


@pytest.fixture
def administrator(embassy: Embassy) -> str:
    if embassy.run("person", "show", IDA).returncode != 0:
        embassy.command("person", "add", IDA, "--name", "Ida Holm", "--role", "administrator")
    return IDA


def kept(page: Page) -> None:
    """From here on a page that is loaded anew is noticed."""
    page.evaluate("() => { window.same = true; }")


def still_the_same(page: Page) -> None:
    assert page.evaluate("() => window.same === true"), "the page was loaded anew"


def test_people_are_found_while_somebody_types_and_how_many_is_told(
    screen: SCREEN, administrator: str
) -> None:
    one = screen(administrator)
    page = one.page
    page.goto("/people")
    kept(page)
    search = page.get_by_label("Name or id")
    search.press_sequentially("Clara", delay=20)
    expect(page.get_by_role("row", name=re.compile("Clara"))).to_have_count(1)
    expect(page.get_by_role("row", name=re.compile("Ben"))).to_have_count(0)
    counted = page.locator("#counted")
    expect(counted).to_have_text("1 person")
    assert counted.get_attribute("aria-live") == "polite"
    expect(search).to_be_focused()
    assert search.input_value() == "Clara"
    search.fill("nobody of that name")
    expect(page.get_by_text("Nobody is found.")).to_be_visible()
    still_the_same(page)
    assert "search=nobody" in page.url, "loaded anew, or come back to, it is the same search"
    assert serious(page) == []


def test_a_row_is_changed_where_it_stands_and_the_keyboard_stays_in_it(
    screen: SCREEN, administrator: str, embassy: Embassy
) -> None:
    page = screen(administrator).page
    page.goto("/people?search=clara")
    kept(page)
    page.get_by_role("link", name="Change Clara").press("Enter")
    row = page.get_by_role("row").nth(1)
    name = row.get_by_label("Name")
    expect(name).to_be_focused()
    was = name.input_value()
    name.fill(f"{was} <b>x</b>")
    row.get_by_role("button", name="Keep").click()
    said = page.locator("#said")
    expect(said).to_have_text("It is on file.")
    expect(page.get_by_role("link", name=f"{was} <b>x</b>", exact=True)).to_be_visible()
    expect(row.get_by_role("link", name=re.compile("^Change"))).to_be_focused()
    row.get_by_role("link", name=re.compile("^Change")).click()
    expect(row.get_by_label("Name")).to_be_focused()
    row.get_by_label("Roles").fill("no-such-role")
    row.get_by_role("button", name="Keep").press("Enter")
    expect(said).to_have_attribute("data-tone", "denied")
    expect(row.get_by_label("Roles")).to_have_value("no-such-role")
    assert serious(page) == []
    row.get_by_role("button", name="As it was").click()
    expect(row.get_by_role("link", name=re.compile("^Change"))).to_be_focused()
    still_the_same(page)
    embassy.command("person", "change", CLARA, "--name", was)


def test_sessions_invitations_and_terminals_are_seen_to_on_one_page(
    screen: SCREEN, administrator: str
) -> None:
    page = screen(administrator).page
    page.goto("/people/sign-ins")
    kept(page)
    david = page.locator("#open").get_by_role("row", name=re.compile("David"))
    ends = david.get_by_role("button", name="End this session")
    had = [one.get_attribute("id") or "" for one in ends.all()]
    guard = screen(DAVID).page
    # It comes by itself, behind those that there are.
    expect(ends.last).to_be_visible()
    expect(ends.last).not_to_have_attribute("id", had[-1] if had else "")
    named = ends.last.get_attribute("id")
    ends.last.click()
    expect(page.locator("#said")).to_have_text("Done, and on record.")
    expect(page.locator(f"#{named}")).to_have_count(0)
    expect(page.get_by_role("heading", name="Signed in now")).to_be_focused()
    page.get_by_role("button", name=re.compile("^Invite David")).click()
    expect(page.locator("#code code").first).to_have_text(re.compile(r"^(\w{4}-){3}\w{4}$"))
    still_the_same(page)
    assert serious(page) == []
    guard.goto("/gate")
    expect(guard.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_badge_is_awaited_and_what_came_of_it_is_said_on_the_same_page(
    screen: SCREEN, administrator: str
) -> None:
    page = screen(administrator).page
    page.goto(f"/people/{BEN}")
    kept(page)
    page.get_by_label("Reader").fill("no-such-reader")
    page.get_by_role("button", name="Wait for a badge at this reader").click()
    said = page.locator("#said")
    expect(said).to_have_attribute("data-tone", "denied")
    expect(page.get_by_label("Reader")).to_have_value("no-such-reader")
    page.get_by_label(re.compile("^Badge ")).first.select_option("lost")
    page.get_by_role("button", name="Change this badge").first.click()
    expect(said).to_have_text("The badge is on file.")
    expect(page.get_by_label(re.compile("now lost")).first).to_be_visible()
    page.get_by_label(re.compile("^Badge ")).first.select_option("active")
    page.get_by_role("button", name="Change this badge").first.click()
    expect(page.get_by_label(re.compile("now active")).first).to_be_visible()
    still_the_same(page)


def test_visits_of_another_screen_come_by_themselves_and_nothing_typed_is_lost(
    screen: SCREEN, embassy: Embassy
) -> None:
    page = screen(DAVID).page
    page.clock.install()
    page.goto("/visitors")
    kept(page)
    for name in ("Nora Vik", "Olaf Berg"):
        page.get_by_label("Name of the visitor").fill(name)
        page.get_by_label("Id of the host").fill(CLARA)
        page.get_by_label("Purpose").fill("a talk")
        page.get_by_role("button", name="Note the visit").click()
        expect(page.get_by_role("button", name=f"Sign in {name}")).to_be_visible()
        expect(page.get_by_label("Purpose")).to_have_value("")
    country = page.get_by_label("Issued by").first
    country.fill("NO")
    embassy.command(
        *("visitor", "expect", "--name", "Pia Lund", "--host", CLARA, "--purpose", "x"),
        *("--until", "23:59"),
    )
    page.clock.run_for(30_000)  # a list asks anew every five seconds
    assert country.input_value() == "NO", "what somebody types is not taken away"
    country.fill("")
    page.get_by_label("Purpose").focus()
    page.clock.run_for(6_000)
    expect(page.get_by_role("button", name="Sign in Pia Lund")).to_be_visible()
    card = page.get_by_role("listitem").filter(has_text="Olaf Berg")
    card.get_by_role("button", name="Nobody comes").dblclick()
    expect(page.get_by_text("Olaf Berg")).to_have_count(0)
    expect(page.locator("#said")).not_to_have_attribute("data-tone", "denied")
    expect(page.get_by_role("heading", name="Expected and here")).to_be_focused()
    still_the_same(page)
    assert serious(page) == []


def test_a_list_that_asks_by_itself_keeps_no_screen_from_being_locked(
    screen: SCREEN, embassy: Embassy
) -> None:
    page = screen(DAVID).page
    page.clock.install()

    def seen() -> list[int]:
        sessions = json.loads(embassy.command("signin", "list", "--json"))["sessions"]
        return sorted(one["seen_utc_us"] for one in sessions if one["person"] == DAVID)

    for path in ("/visitors", "/deliveries"):
        page.goto(path)
        before = seen()
        with page.expect_response(f"**{path}/list") as told:
            page.clock.run_for(6_000)
        assert told.value.ok
        assert seen() == before


def test_a_session_that_is_over_leads_back_to_the_same_page(
    screen: SCREEN, administrator: str
) -> None:
    one = screen(administrator)
    page = one.page
    page.goto("/people")
    one.context.clear_cookies(name="session")
    page.get_by_label("Name or id").fill("x")
    page.wait_for_url("**/sign-in?next=%2Fpeople")


def test_everything_works_without_a_script(screen: SCREEN, administrator: str) -> None:
    cookies = screen(administrator).context.cookies()
    one = screen(java_script_enabled=False)
    one.context.add_cookies(cookies)  # type: ignore[arg-type]
    page = one.page
    page.goto("/people")
    page.get_by_label("Name or id").fill("Clara")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#found").get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name=re.compile("^Change Clara")).click()
    page.get_by_label("Status").select_option("suspended")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("Clara"))).to_be_visible()
    page.goto("/people?search=clara")
    expect(page.get_by_text("suspended")).to_be_visible()
    page.goto(f"/people/{CLARA}")
    page.get_by_label("Status").select_option("active")
    page.get_by_role("button", name="Change", exact=True).click()
    page.goto(f"/people/{BEN}")
    page.get_by_role("button", name="Change this badge").first.click()
    expect(page.get_by_text("The badge is on file.")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_role("heading", name="Badges")).to_be_visible()
    page.goto("/people/sign-ins")
    page.get_by_role("button", name=re.compile("^Invite Clara|^Invite David")).first.click()
    expect(page.locator("code").first).to_be_visible()
    page.goto(f"/people/{BEN}/edit")
    assert page.url.endswith(f"/people/{BEN}"), "a piece by itself is no page"
