"""Visits and deliveries from end to end: `sentrypost visitor` and `delivery` beside a daemon."""

import asyncio
import io
import json
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from controller import events as ev
from controller import events_visits as evi
from controller.ids import InputId
from controller.inputs import ClockChecked
from controller.visit import State
from edge.assembly import Edge
from edge.commands.delivery import delivery
from edge.commands.person import person
from edge.commands.visitor import qr_code, visitor
from edge.control.messages_visitors import (
    VISITS_SHOWN_MAX,
    ExpectVisitor,
    ReadVisits,
    SignInVisitor,
    VisitShown,
    VisitsReply,
)
from edge.control.place import SOCKET
from edge.control.protocol import decode_reply
from edge.documents import Document
from edge.people.records import CredentialRecord
from edge.visitor_label import label
from edge.web.daemon import conversing
from policies.codes import Code
from tests.edge.house import FRONT, bodies, running, until
from tests.edge.visited import HOST, Site, scene

AHEAD = ("--purpose", "a treaty", "--organisation", "Ministry of Rivers", "--host", "1")
FAR = "2098-12-31T12:00"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def runs(site: Site, command: click.Command, *words: str, given: bytes = b"") -> Result:
    state = str(site.house.folder / "state")
    arguments = [*words, "--state", state]
    return await asyncio.to_thread(CliRunner().invoke, command, arguments, input=given)


async def told(site: Site, command: click.Command, *words: str) -> Any:
    """What it answers in JSON, where it was done."""
    done = await runs(site, command, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def soon(site: Site) -> str:
    """An hour from now on the site's wall, as it is typed."""
    listed = await told(site, visitor, "list")
    zone = ZoneInfo(listed["timezone"])
    at = datetime.fromtimestamp(listed["utc_s"], zone) + timedelta(hours=1)
    return f"{at:%Y-%m-%dT%H:%M}"


async def expected(site: Site, *words: str) -> str:
    """The id of a visit of Vera, who is on file, or of whom `words` name."""
    who = words or ("7",)
    answer = await told(site, visitor, "expect", *who, *AHEAD, "--until", await soon(site))
    assert answer["accepted"], answer
    return str(answer["shown"]["visit"])


async def arrived(site: Site, visit: str, *words: str) -> Any:
    papers = ("--document", "passport", "--country", "uto")
    return await told(site, visitor, "arrive", visit[:6], *papers, *words)


def badges_of(edge: Edge, holder: str) -> list[CredentialRecord]:
    roll = edge.daemon.people.roll
    return [one for one in roll.credentials.values() if one.holder == holder]


async def off_file(edge: Edge, count: int = 1) -> None:
    await until(edge, evi.VisitBadgeReturned, count)


def test_a_visit_from_its_announcement_until_the_code_is_off_the_file(site: Site) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site)
        listed = await runs(site, visitor, "list")
        for word in (visit[:8], "expected", "Vera", "Ministry of Rivers", "Ada", "a treaty"):
            assert word in listed.stdout, listed.stdout
        answer = await arrived(site, visit)
        assert answer["shown"]["state"] == "signed-in"
        assert answer["shown"]["document"] == "passport, UTO"
        (vera,) = [one for one in edge.daemon.people.roll.holders.values() if one.name == "Vera"]
        assert len(badges_of(edge, vera.id)) == 1
        assert await site.enters(edge, answer["code"]) is Code.GRANTED
        done = await runs(site, visitor, "leave", visit[:4])
        assert done.exit_code == 0, done.output
        await off_file(edge)
        assert badges_of(edge, vera.id) == []
        assert await site.decided(edge, answer["code"]) is Code.UNKNOWN_CREDENTIAL
        assert (await told(site, visitor, "list"))["visits"] == []

    scene(site, what)


def test_past_its_time_host_and_visitor_are_named_and_the_code_lets_nobody_in(site: Site) -> None:
    async def what(edge: Edge) -> None:
        desk, now_s = edge.desk.visitors, edge.daemon.now().utc_s
        asked = ExpectVisitor(visitor="7", host="1", purpose="a treaty", until_s=now_s + 2)
        visit = (await desk.expect(asked, "smith")).shown
        assert visit is not None
        arrives = SignInVisitor(
            visit=visit.visit, document=Document.PASSPORT, country="UTO", given=evi.Given.CODE
        )
        code = (await desk.sign_in(arrives, "smith")).code
        (overdue,) = await until(edge, evi.VisitOverdue)
        assert isinstance(overdue, evi.VisitOverdue)
        assert (overdue.visit, overdue.host) == (visit.visit, "a" * 16)
        assert await site.decided(edge, code) is Code.EXPIRED
        (shown,) = (await told(site, visitor, "list"))["visits"]
        assert shown["state"] == "overdue"
        assert "visit-overdue" in {one.kind for one in edge.daemon.site.state.alarms.open}

    scene(site, what)


def test_who_is_not_on_file_is_put_there_for_the_visit(site: Site) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site, "--name", "Zoë Müller")
        (shown,) = (await told(site, visitor, "list"))["visits"]
        assert (shown["visit"], shown["name"]) == (visit, "Zoë Müller")
        records = edge.daemon.people.roll.holders.values()
        (zoe,) = [one for one in records if one.name == "Zoë Müller"]
        assert zoe.roles == ("visitor",)
        entries = "".join(str(one) for one in await bodies(edge))
        assert "Zoë" not in entries
        assert "treaty" not in entries

    scene(site, what)


def test_another_code_takes_the_place_of_the_one_before(site: Site) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site)
        first = (await arrived(site, visit))["code"]
        second = (await told(site, visitor, "print", visit[:6]))["code"]
        assert first != second
        assert await site.decided(edge, first) is Code.UNKNOWN_CREDENTIAL
        assert await site.enters(edge, second) is Code.GRANTED

    scene(site, what)


def test_a_badge_of_the_drawer_goes_from_one_visitor_to_the_next(site: Site) -> None:
    async def what(edge: Edge) -> None:
        for count, who in enumerate((("7",), ("--name", "Zoë Müller")), 1):
            visit = await expected(site, *who)
            await arrived(site, visit, "--badge", "code:DRAWER-1")
            assert await site.enters(edge, "DRAWER-1") is Code.GRANTED
            taken = await runs(site, visitor, "leave", visit[:6])
            assert taken.exit_code == 0, taken.output
            await off_file(edge, count)
        assert await site.decided(edge, "DRAWER-1") is Code.UNKNOWN_CREDENTIAL

    scene(site, what)


def test_a_badge_that_somebody_has_is_given_to_nobody_and_nothing_is_recorded(site: Site) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site)
        papers = ("--document", "passport", "--country", "UTO")
        done = await runs(site, visitor, "arrive", visit, *papers, "--badge", f"code:{HOST}")
        assert done.exit_code == 1
        assert "on file" in done.output
        assert HOST not in done.output
        assert await bodies(edge, evi.VisitorSignedIn) == []

    scene(site, what)


def test_times_that_cannot_be_and_people_whom_nobody_knows_are_refused_with_a_remedy(
    site: Site,
) -> None:
    async def what(edge: Edge) -> None:
        end = ("--until", await soon(site))
        for words, said in (
            (("99", *AHEAD, *end), "nobody on file has the id '99'"),
            (("1", *AHEAD, *end), "no visitor by the policy"),
            (("7", *AHEAD, "--until", FAR), "days at most"),
            (("7", *AHEAD, "--until", "2001-01-01T10:00"), "before it begins"),
            (("7", *AHEAD, "--until", "tomorrow"), "write 2026-01-31"),
            (("--name", "Bad\u202eName", *AHEAD, *end), "control character"),
            (("--name", "N" * 101, *AHEAD, *end), "length <= 100"),
            (("--name", "Zoë", "--role", "staff", *AHEAD, *end), "no visitor's role"),
        ):
            done = await runs(site, visitor, "expect", *words)
            assert done.exit_code != 0
            assert said in " ".join(done.output.split()), done.output
        assert await bodies(edge, evi.VisitExpected) == []

    scene(site, what)


def test_many_are_announced_by_a_file_all_or_none(site: Site) -> None:
    async def what(edge: Edge) -> None:
        end = await soon(site)
        head = "host,visitor,name,purpose,until\n"
        good = f"1,7,,a treaty,{end}\n1,,Zoë Müller,a treaty,{end}\n"
        bad = f"1,,,a treaty,{end}\n99,7,,a treaty,{end}\n"
        csv = ("expect", "--csv", "-")
        done = await runs(site, visitor, *csv, given=(head + good + bad).encode())
        assert done.exit_code == 1
        assert "row 4" in done.output
        assert "row 5" in done.output
        tried = await runs(site, visitor, *csv, "--dry-run", given=(head + good).encode())
        assert (tried.exit_code, tried.stdout) == (0, "2 visits would be announced\n")
        assert await bodies(edge, evi.VisitExpected) == []
        done = await runs(site, visitor, *csv, given=(head + good).encode())
        assert (done.exit_code, done.stdout) == (0, "2 visits announced\n"), done.output
        assert len((await told(site, visitor, "list"))["visits"]) == 2

    scene(site, what)


def test_a_list_longer_than_an_answer_is_whole_in_commands_and_on_pages(site: Site) -> None:
    many = 2 * VISITS_SHOWN_MAX + 1

    async def what(edge: Edge) -> None:
        end = await soon(site)
        rows = "".join(f"1,7,,treaty {number},{end}\n" for number in range(many))
        csv = f"host,visitor,name,purpose,until\n{rows}".encode()
        done = await runs(site, visitor, "expect", "--csv", "-", given=csv)
        assert done.stdout == f"{many} visits announced\n", done.output
        listed = await told(site, visitor, "list")
        assert {one["purpose"] for one in listed["visits"]} == {f"treaty {n}" for n in range(many)}
        assert len(listed["visits"]) == many
        async with conversing(site.house.folder / "state" / SOCKET, decode_reply) as page:
            reply, found = await page.ask_all(
                ReadVisits(), VisitsReply, lambda one: (one.visits, one.total)
            )
        assert (reply.total, len(reply.visits)) == (many, 1)
        assert [one.visit for one in found] == [one["visit"] for one in listed["visits"]]

    scene(site, what)


def test_a_visit_goes_on_is_cancelled_and_says_by_whose_word(site: Site) -> None:
    async def what(edge: Edge) -> None:
        first, second = await expected(site), await expected(site)
        listed = await told(site, visitor, "list")
        later = max(one["until_s"] for one in listed["visits"]) + 1800
        end = datetime.fromtimestamp(later, UTC).isoformat()
        done = await runs(site, visitor, "extend", first, "--until", end, "--host-says")
        assert done.exit_code == 0, done.output
        (extended,) = await bodies(edge, evi.VisitExtended)
        assert isinstance(extended, evi.VisitExtended)
        assert (extended.word, extended.until_s) == (evi.WordOf.HOST, later)
        done = await runs(site, visitor, "cancel", second)
        assert done.exit_code == 0, done.output
        again = await runs(site, visitor, "cancel", second)
        assert again.exit_code == 1
        assert [one["visit"] for one in (await told(site, visitor, "list"))["visits"]] == [first]

    scene(site, what)


def test_visits_outlive_a_restart_and_what_ended_without_the_file_is_taken_off_it(
    site: Site,
) -> None:
    async def what(edge: Edge) -> None:
        visit, stays = await expected(site), await expected(site, "--name", "Zoë Müller")
        await arrived(site, visit)
        await arrived(site, stays)
        # Whoever changes people waits for this: the file does not follow before the edge ends.
        await edge.desk.visitors._people._bringing.acquire()
        done = await runs(site, visitor, "leave", visit)
        assert done.exit_code == 0, done.output
        assert len(edge.daemon.people.roll.credentials) == 5
        assert await bodies(edge, evi.VisitBadgeReturned) == []

    async def after() -> None:
        async with site.house.line(), running(site.house) as edge:
            await off_file(edge)
            assert len(edge.daemon.people.roll.credentials) == 4
            (shown,) = (await told(site, visitor, "list"))["visits"]
            assert (shown["name"], shown["state"]) == ("Zoë Müller", "signed-in")
            assert shown["purpose"] == "a treaty"

    scene(site, what)
    asyncio.run(after())


def test_by_a_clock_that_is_not_trusted_no_code_is_made_and_the_list_says_so(site: Site) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site)
        daemon = edge.daemon
        clock = daemon._clock
        daemon.judge(ClockChecked(id=InputId("c"), trusted=False, stepped_ms=0))

        class Untrusted:
            def moment(self) -> Any:
                return replace(clock.moment(), trusted=False)

            def __getattr__(self, name: str) -> Any:
                return getattr(clock, name)

        daemon._clock = Untrusted()  # type: ignore[assignment]
        papers = ("--document", "passport", "--country", "UTO")
        done = await runs(site, visitor, "arrive", visit, *papers)
        assert done.exit_code == 1
        assert "clock is not trusted" in done.output
        listed = await runs(site, visitor, "list")
        assert "no visit ends by itself" in listed.output
        assert not (await told(site, visitor, "list"))["clock_trusted"]
        daemon._clock = clock

    scene(site, what)


def test_the_page_for_print_has_the_code_and_nothing_that_runs(site: Site, tmp_path: Path) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site, "--name", "<script>alert(1)</script> & Co")
        page = tmp_path / "label.svg"
        papers = ("--document", "service-card", "--country", "UNO", "--label", str(page))
        done = await runs(site, visitor, "arrive", visit, *papers)
        assert done.exit_code == 0, done.output
        assert "SPV1." not in done.output
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        drawn = page.read_text()
        assert "&lt;script&gt;" in drawn
        assert "<script" not in drawn
        again = await runs(site, visitor, "print", visit, "--label", str(page))
        assert again.exit_code == 1
        assert "there is such a file" in again.output
        assert page.read_text() == drawn

    scene(site, what)


def test_a_report_tells_of_visits_and_an_erasure_leaves_none_of_their_values(
    site: Site, tmp_path: Path
) -> None:
    async def what(edge: Edge) -> None:
        visit = await expected(site)
        await arrived(site, visit, "--nothing")
        config = ("--config", str(site.house.folder / "site.toml"))
        out = tmp_path / "report.txt"
        words = ["report", "7", "--out", str(out), *config]
        done = await asyncio.to_thread(CliRunner().invoke, person, words)
        assert done.exit_code == 0, done.output
        for word in (f"visit {visit[:8]}", "a treaty", "Ministry of Rivers", "passport, UTO"):
            assert word in out.read_text()
        words = ["erase", "7", "--reason", "asked for by letter", *config]
        done = await asyncio.to_thread(CliRunner().invoke, person, words)
        assert done.exit_code == 0, done.output
        assert edge.daemon.site.state.visits == {}
        stored = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
        beside = {value.value for one in stored for value in one.personal}
        assert beside.isdisjoint({"a treaty", "Ministry of Rivers", "passport, UTO", "Vera"})
        for file in (site.house.folder / "state").rglob("*"):
            assert not file.is_file() or b"Ministry of Rivers" not in file.read_bytes(), file

    scene(site, what)


def test_a_guards_word_is_recorded_and_opens_nothing(site: Site) -> None:
    async def what(edge: Edge) -> None:
        decided = len(await bodies(edge, ev.DecisionMade))
        done = await runs(site, visitor, "seen", "1", "--in", "hall", "--reason", "I see her")
        assert done.exit_code == 0, done.output
        assert list(edge.daemon.site.state.people.sightings) == ["a" * 16]
        words = ("left", "1", "--by", "garage", "--reason", "seen at the ramp")
        done = await runs(site, visitor, *words)
        assert done.exit_code == 0, done.output
        assert edge.daemon.site.state.people.sightings == {}
        assert len(await bodies(edge, evi.PresenceCorrected)) == 2
        assert len(await bodies(edge, ev.DecisionMade)) == decided
        assert site.house.opened_at(FRONT) == []
        done = await runs(site, visitor, "left", "99", *words[2:])
        assert done.exit_code == 1

    scene(site, what)


def test_a_delivery_is_taken_handed_over_and_another_one_refused(site: Site) -> None:
    async def what(edge: Edge) -> None:
        words = ("take", "Swift Wheels", "--portal", "front", "--for", "1", "--place", "hatch")
        taken = await told(site, delivery, *words, "--vehicle", "UT QX77", "--contents", "toner")
        name = taken["shown"]["delivery"]
        listed = await runs(site, delivery, "list")
        for word in (name[:8], "parcel", "Swift Wheels", "for Ada", "hatch"):
            assert word in listed.stdout, listed.stdout
        done = await runs(site, delivery, "hand", name[:6], "--to", "2")
        assert done.exit_code == 0, done.output
        assert (await told(site, delivery, "list"))["deliveries"] == []
        gate = ("--company", "Swift Wheels", "--portal", "front", "--reason", "nobody ordered it")
        done = await runs(site, delivery, "refuse", *gate)
        assert done.exit_code == 0, done.output
        day = taken_on(await told(site, visitor, "list"))
        both = (await told(site, delivery, "list", "--day", day))["deliveries"]
        assert [one["state"] for one in both] == ["handed", "refused"]
        assert both[0]["vehicle"] == "UT QX77"
        assert both[1]["reason"] == "nobody ordered it"
        entries = "".join(str(one) for one in await bodies(edge))
        for word in ("Swift", "QX77", "toner", "ordered"):
            assert word not in entries

    scene(site, what)


def taken_on(head: Any) -> str:
    return f"{datetime.fromtimestamp(head['utc_s'], ZoneInfo(head['timezone'])):%Y-%m-%d}"


def test_a_diplomatic_bag_is_held_nowhere(site: Site) -> None:
    async def what(edge: Edge) -> None:
        bag = ("take", "Courier Service", "--portal", "front", "--goods", "diplomatic-bag")
        held = await runs(site, delivery, *bag, "--place", "inspection")
        assert held.exit_code == 1
        assert "not held" in held.output
        assert await bodies(edge, evi.DeliveryTaken) == []
        done = await runs(site, delivery, *bag, "--to", "1")
        assert done.exit_code == 0, done.output
        assert len(await bodies(edge, evi.DeliveryHanded)) == 1

    scene(site, what)


def test_a_courier_is_let_in_by_decision_and_nothing_is_taken_where_he_is_not(site: Site) -> None:
    policy = site.house.folder / "policy.toml"
    policy.write_text(policy.read_text().replace('1 = "badge" }', '1 = "badge | guard" }'))

    async def what(edge: Edge) -> None:
        words = ("take", "Swift Wheels", "--portal", "front", "--place", "hatch", "--let-in")
        kept_out = await runs(site, delivery, *words, "2")
        assert kept_out.exit_code == 1
        assert "not let in" in kept_out.output
        assert await bodies(edge, evi.DeliveryTaken) == []
        assert len(await bodies(edge, ev.DecisionMade)) == 1
        done = await told(site, delivery, *words, "1")
        assert (done["granted"], done["released"]) == (True, True)
        assert done["shown"]["bearer"] == "1"
        assert len(await bodies(edge, ev.GuardVouched)) == 2

    scene(site, what)


def test_a_name_from_right_to_left_and_a_long_one_fit_on_the_page() -> None:
    shown = VisitShown(
        visit="a" * 16,
        state=State.SIGNED_IN,
        person="7",
        name="م" * 100,
        organisation="Ministry",
        host="1",
        host_name="Ada",
        from_s=1_795_161_600,
        until_s=1_795_165_200,
        closes_s=1_795_215_600,
    )
    drawn = label(shown, "SPV1.CODE", ZoneInfo("Europe/Vienna")).decode()
    alone = io.BytesIO()
    qr_code("SPV1.CODE").save(alone, kind="svg")
    (path,) = re.findall(r' d="[^"]+"', alone.getvalue().decode())
    assert path in drawn, "the same dots as wherever else a code is drawn"
    assert "2026-11-20 09:00 – 10:00" in drawn
    assert drawn.count("unicode-bidi:isolate") == 4
    assert 'font-size="1.48"' in drawn
