"""The wall in the browser, over a real central, a real broker and a whole edge."""

import json
import re
import time
from collections.abc import Callable

from playwright.sync_api import Browser, Page, Route, expect

from central.operator_words import OperatorRight
from tests.central.orders import lockdown
from tests.central.web.wall_site import EDGE, SITE, WallSite
from tests.edge.signed import ANNA
from tests.web.browser import Screen, serious
from tests.web.embassy import DAVID

WITHIN_S = 60.0
REASON = "the guard has called, it was a mistake"


def alarmed(site: WallSite, gate: Screen) -> None:
    """A guard at the gate calls for help; so far nobody has seen it."""
    gate.sign_in(site.link(DAVID))
    gate.page.goto("/gate")
    gate.hold("Hold for help: panic")


def recorded(site: WallSite, kind: str, holds: Callable[[str], bool]) -> str:
    """The latest entry of that kind in the edge's own journal for which it holds."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        for line in site.command("journal", "tail", "-n", "200", "--json").splitlines():
            if json.loads(line)["kind"] == kind and holds(line):
                return line
        time.sleep(0.3)
    raise AssertionError(f"no {kind} within {WITHIN_S:.0f} s")


def test_an_alarm_is_acknowledged_at_the_wall_and_the_edges_journal_has_it(
    site: WallSite, wall: Callable[..., Screen], browser: Browser
) -> None:
    guard = Screen(browser, site.address)
    alarmed(site, guard)
    ida = wall("ida")
    with ida.task(actions=2) as page:
        row = page.locator("#alarms > li", has_text="Somebody at a terminal has called for help")
        row.get_by_text("not acknowledged").wait_for()
        expect(row.get_by_text("people may be in danger")).to_be_visible()
        ida.types("What you say to it", REASON, row)
        ida.presses("Acknowledge", row)
        expect(row.get_by_text("it stands in the journal of")).to_be_visible()
        expect(row.get_by_text("acknowledged", exact=True)).to_be_visible()
    line = recorded(site, "alarm-acknowledged", lambda one: REASON in one)
    assert "Ida (ida)" in line, "by whom stands beside it"
    assert re.search(rf"ida has seen alarm {SITE}/{EDGE}", site.log())
    guard.close()


def test_whoever_has_no_right_to_acknowledge_sees_the_alarm_and_no_button(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    page = wall("walt", (OperatorRight.WATCH,)).page
    expect(page.locator("#known")).to_have_text("1")
    expect(page.get_by_role("link", name="Search")).to_have_count(0)
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    first = page.locator("#entries > li").first
    first.wait_for()
    expect(page.get_by_role("log")).not_to_contain_text("Ben")  # no names without the right


def test_entries_come_as_they_are_stored_and_filters_hold(
    wall: Callable[..., Screen],
) -> None:
    ida = wall("ida")
    with ida.task(actions=2) as page:
        entries = page.locator("#entries > li")
        entries.filter(has_text="reported lost").first.wait_for()
        ida.types("Kinds, with commas", "portal-granted, passage-made")
        ida.presses("Filter")
        entries.filter(has_text=re.compile("passage|passed|grant", re.I)).first.wait_for()
        expect(entries.filter(has_text="reported lost")).to_have_count(0)
        expect(page.get_by_role("textbox", name="Kinds, with commas")).to_have_value(
            "portal-granted, passage-made"
        )
    page.goto(f"/?site={SITE}&portal=nowhere")
    expect(page.locator("#live")).to_have_text("Live")
    page.wait_for_timeout(1_500)
    expect(page.locator("#entries > li")).to_have_count(0)


def test_a_stream_that_is_held_still_shows_later_what_came_meanwhile(
    wall: Callable[..., Screen],
) -> None:
    page, beside = wall("ida").page, wall("ida").page
    entries, others = page.locator("#entries > li"), beside.locator("#entries > li")
    entries.first.wait_for()
    others.first.wait_for()
    page.get_by_role("button", name="Hold still").click()
    expect(page.get_by_role("button", name="Hold still")).to_have_attribute("aria-pressed", "true")
    newest = entries.first.text_content() or ""
    for _ in range(2):  # the screen beside it goes on
        expect(others.first).not_to_have_text(others.first.text_content() or "", timeout=60_000)
    expect(entries.first).to_have_text(newest)
    page.get_by_role("button", name="Hold still").click()
    expect(entries.first).not_to_have_text(newest)


def test_an_edge_is_found_by_its_name_and_shows_how_it_is(wall: Callable[..., Screen]) -> None:
    ida = wall("ida")
    with ida.task(actions=2) as page:
        ida.types("Find a site or an edge", EDGE)
        ida.presses(f"{SITE} / {EDGE}", page.locator("#edges"))
        expect(page.get_by_role("heading", level=1)).to_contain_text(EDGE)
        expect(page.locator("#edge [data-field=word]")).to_have_text("connected")
        expect(page.locator("#edge [data-field=stored]")).to_have_text(re.compile(r"\d+"))
        expect(page.get_by_role("link", name="Its own pages")).to_have_attribute(
            "href", "https://gatehouse.example"
        )
        page.locator("#entries > li").first.wait_for()
    page.goto(f"/edges/{SITE}/nobody")
    expect(page.get_by_text("Central knows no such edge.")).to_be_visible()


def test_a_search_finds_a_person_by_the_whole_name_and_is_on_record(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    ida = wall("ida")
    lost = ida.page.locator("#entries > li", has_text="reported lost").first
    lost.wait_for()
    with ida.task(actions=3) as page:
        ida.presses("Search")
        ida.types("Person: a whole name, or an id", "Grace Mbeki")
        ida.presses("Search", page.locator("form"))
        found = page.locator("#found > li")
        expect(found.first).to_contain_text("Grace Mbeki")
    assert "Grace" not in page.url, "no name stands in an address"
    assert "ida searches for Grace Mbeki" in site.log()
    page.get_by_role("textbox", name="Person").fill("Nobody Atall")
    page.locator("form").get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Nothing is found.")).to_be_visible()


def test_an_incident_has_its_timeline_and_a_note_stays_under_the_operators_name(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    number = site.command(
        "central", "incident", "open", SITE, "A trial", "--since", "2026-01-01", "--archive",
        "archive.db",
    ).strip()  # fmt: skip
    ida = wall("ida")
    with ida.task(actions=4) as page:
        ida.presses("Incidents")
        ida.presses("A trial")
        expect(page.locator("#timeline > li").first).to_be_visible()
        ida.types("Note, under your name, for good. Name nobody in it.", "The door was open.")
        ida.presses("Add the note")
        expect(page.locator("#said")).to_have_text("The note is kept.")
    shown = site.command("central", "incident", "show", number, "--archive", "archive.db")
    assert "ida: note: The door was open." in shown


def test_an_order_is_sent_from_here_and_every_portal_confirms_it(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    made = lockdown(SITE, ANNA, reason="a trial of the wall")
    ida = wall("ida")
    with ida.task(actions=3) as page:
        ida.presses("Orders")
        expect(page.locator("#live")).to_have_text("Live")
        ida.types("Its text", made.envelope.decode())
        ida.presses("Send it")
        sent = page.locator("#sent > li")
        expect(sent.get_by_text(EDGE)).to_be_visible()
        expect(sent.get_by_text("✓ in force")).to_be_visible()
        expect(sent.get_by_text("5 of 5 doors obey")).to_be_visible()
    force = page.locator("#orders > li", has_text="lockdown")
    expect(force.get_by_text("a trial of the wall")).to_be_visible()
    page.get_by_role("button", name="Send no further").click()
    expect(page.locator("#send-said")).to_have_text("It is sent no further from here.")
    page.get_by_role("textbox", name="Its text").fill("this is no order")
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#send-said")).to_have_attribute("data-tone", "denied")
    for _ in range(20):  # of people who walk there, one may be leaving by a door just now
        listed = site.command("order", "list")
        if "5 of 5 portals obey" in listed:
            break
        page.wait_for_timeout(1_000)
    assert "5 of 5 portals obey" in listed


def test_figures_are_drawn_and_stand_in_a_table(wall: Callable[..., Screen]) -> None:
    ida = wall("ida")
    with ida.task(actions=3) as page:
        ida.presses("Figures")
        ida.chooses("How far back", "the last hour")
        ida.presses("Show")
        expect(page.locator("#plot canvas")).to_be_visible()
        expect(page.locator("#numbers tbody tr")).to_have_count(60)
    page.goto("/counts?by=kind")
    expect(page.get_by_role("rowheader", name="decision-made")).to_be_visible()


def test_an_operator_is_made_changed_and_removed_and_all_of_it_is_on_record(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    ida = wall("ida")
    with ida.task(actions=4) as page:
        ida.presses("Operators")
        new = page.get_by_role("region", name="Somebody new")
        ida.types("Id", "otto", new)
        ida.types("Name", "Otto Ohm", new)
        ida.presses("Put on file", new)
        otto = page.get_by_role("region", name="Otto Ohm otto")
        expect(otto).to_be_visible()
    with ida.carries_on(actions=2):
        ida.ticks("acknowledge alarms", otto)
        with page.expect_navigation():  # the page before says "Done" too, of what was before
            ida.presses("Keep Otto Ohm", otto)
        expect(page.locator("#said")).to_have_text("Done, and on record.")
        expect(otto.get_by_role("checkbox", name="acknowledge alarms")).to_be_checked()
    with ida.carries_on(actions=1):
        ida.presses("Invite Otto Ohm", otto)
        expect(page.get_by_text("It counts once, until")).to_be_visible()
    page.goto("/operators")
    otto.get_by_text("Take away", exact=True).click()
    otto.get_by_role("button", name="Remove the operator Otto Ohm").click()
    expect(page.get_by_role("region", name="Otto Ohm otto")).to_have_count(0)
    page.get_by_role("link", name="What operators have done").click()
    expect(page.get_by_text("The record was verified when central started")).to_be_visible()
    expect(page.get_by_text("otto").first).to_be_visible()
    assert "otto" in site.log()


def test_who_has_gone_on_is_not_called_back_by_an_answer_that_comes_late(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    site.operator("paul", OperatorRight.WATCH, shown="Paul Prompt")
    page = wall("ida").page
    page.goto("/operators")
    acts, held = re.compile("/operators(/invite)?$"), list[Route]()

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route(acts, hold)
    for number, label in enumerate(("Keep Paul Prompt", "Invite Paul Prompt"), start=1):
        page.get_by_role("button", name=label).click(no_wait_after=True)
        while len(held) < number:
            page.wait_for_timeout(20)
    kept, invited = held
    with page.expect_response("**/operators"):
        kept.continue_()
    page.wait_for_timeout(300)
    invited.continue_()
    expect(page.get_by_text("It counts once, until")).to_be_visible()


def test_no_name_runs_and_none_turns_the_page_round(wall: Callable[..., Screen]) -> None:
    """Of those who walk by at the embassy some are called by what would run, were it run."""
    ida = wall("ida")
    ida.page.locator("#entries > li", has_text="hostile=1").first.wait_for()
    ida.page.locator("#entries > li", has_text="(GRANTED)").first.wait_for()
    assert ida.page.evaluate("window.hostile") is None
    assert ida.page.locator("#entries img, #entries script").count() == 0
    assert ida.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_wall_says_when_it_is_not_live_and_comes_back(
    site: WallSite, wall: Callable[..., Screen]
) -> None:
    page = wall("ida").page
    expect(page.locator("#live")).to_have_text("Live")
    site.wall.kill()
    try:
        expect(page.locator("#live")).to_have_text("NOT LIVE")
    finally:
        # The tests behind this one have no other.
        site.start_wall(site.wall_port)
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("#known")).to_have_text("1")


def test_a_locked_wall_goes_on_showing_edges_and_alarms_and_nothing_else(
    wall: Callable[..., Screen],
) -> None:
    page = wall("ida").page
    page.get_by_role("button", name="Lock screen").click()
    page.goto("/")
    expect(page.locator("#known")).to_have_text("1")
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(page.locator("#entries")).to_have_count(0)
    page.goto("/search")
    expect(page.get_by_role("heading", level=1)).to_have_text("The screen is locked")


PAGES = (
    "/",
    f"/edges/{SITE}/{EDGE}",
    "/search",
    "/counts",
    "/incidents",
    "/orders",
    "/series",
    "/operators",
    "/operators/log",
    "/own",
)


def test_nothing_serious_is_found_by_axe_in_both_themes(wall: Callable[..., Screen]) -> None:
    for theme in ("light", "dark"):
        page = wall("ida", color_scheme=theme).page
        for path in PAGES:
            page.goto(path)
            _settled(page)
            assert serious(page) == [], f"{path} in {theme}"


def test_the_wall_is_in_french(wall: Callable[..., Screen]) -> None:
    page = wall("ida").page
    page.get_by_role("button", name="Français").click()
    for path in PAGES:
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.goto("/")
    expect(page.get_by_role("heading", name="Contrôleurs")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _settled(page: Page) -> None:
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
