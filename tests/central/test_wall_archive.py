"""What the wall finds in the archive is what the command line finds, in both stores, and never at
the cost of what is stored meanwhile.
"""

import asyncio
import json
import os
import random
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from central import wall_archive
from central.archive import Archived
from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive
from central.commands import central
from central.incidents import Noted
from central.mentions import mentions
from central.operator_desk import answer
from central.operator_messages import LoggedLine, OperatorLog, ReadOperatorLog
from central.operator_words import OperatorRight
from central.search import DAY_US, By, Query
from central.wall_archive import NotFoundOutError, Reader
from central.wall_messages import (
    POINTS_MAX,
    AskCounts,
    AskIncident,
    AskSeries,
    CountsReply,
    IncidentNoted,
    IncidentReply,
    IncidentsReply,
    ListIncidents,
    NotDone,
    NoteIncident,
    Search,
    SearchReply,
    SeriesReply,
    StoredEntry,
)
from controller.alarms import alarm
from controller.events import decode_entry
from controller.events_signins import SUSPECTED_TRIES, How, SignInRefused
from edge.present import as_json
from tests.central.rig import EDGE, SITE
from tests.central.stores import Store
from tests.central.test_erasures import sent
from tests.central.test_gaps import Pruned
from tests.central.test_incidents import FORCED, entry
from tests.central.test_search import PEOPLE, START_US, filled
from tests.central.walled import Served, served_wall, wall

SEED = int(os.environ["SENTRYPOST_SEED"])
EVERYTHING = tuple(OperatorRight)
GRANTS = (100, 101, 102, 103, 104, 105, 107)


def command(store: Store, *words: str) -> list[dict[str, Any]]:
    """What `sentrypost central …` prints, as JSON."""
    name, *rest = words
    options = ("--archive", store.where, "--json")
    done = CliRunner().invoke(central, [name, *rest, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def shown(entries: Sequence[StoredEntry]) -> list[dict[str, Any]]:
    """As the command prints them."""
    found = []
    for one in entries:
        stored = decode_entry(one.entry.encode())
        found.append(json.loads(as_json(stored, one.personal)))
    return found


def test_a_search_finds_what_the_command_finds_page_by_page(store: Store, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with closing(store.open()) as archive:
        filled(archive, chance)
    asks = [
        ({}, ()),
        ({"person": "Ben Sample"}, ("--person", "Ben Sample")),
        ({"person": "h1", "site": "vienna"}, ("--person", "h1", "--site", "vienna")),
        ({"portal": "safe-room", "code": 100}, ("--portal", "safe-room", "--code", "100")),
        ({"kind": "portal-forced", "edge": "gate"}, ("--kind", "portal-forced", "--edge", "gate")),
        ({"person": "nobody"}, ("--person", "nobody")),
    ]

    async def run() -> None:
        async with served_wall(tmp_path, store.where) as at:
            token = await at.signed_in("olga", *EVERYTHING)
            for fields, options in asks:
                wanted = await asyncio.to_thread(command, store, "search", "-n", "999", *options)
                got: list[StoredEntry] = []
                before, more = "", True
                while more:
                    async with wall(tmp_path, token) as page:
                        ask = Search(**fields, before=before, count=chance.randrange(1, 40))
                        reply = await page.ask(ask, SearchReply)
                    got += reply.entries
                    before, more = reply.before, bool(reply.before)
                assert shown(got) == wanted, fields
            log = [line.text for line in await lines(at)]
            assert sum("olga searches for Ben Sample, everywhere" in line for line in log) > 0
            assert any("olga searches for h1, vienna" in line for line in log)
            assert not any("safe-room" in line for line in log)
            async with wall(tmp_path, token) as page:
                for before in ("x", "1.2", "1.2.3.4", "1.2.x", "1..2", "9" * 20 + ".1.1"):
                    reply_or_not = await page.ask(Search(before=before), NotDone)
                    assert reply_or_not.remedy

    asyncio.run(run())


async def lines(at: Served) -> Sequence[LoggedLine]:
    log = await answer(at.desk, ReadOperatorLog(), "test")
    assert isinstance(log, OperatorLog)
    return log.lines


def series_by_reading(
    every: Sequence[Archived], since_us: int, until_us: int, step_us: int, site: str
) -> list[tuple[int, int, int]]:
    """Read one by one, whatever index there is."""
    count = -(-(until_us - since_us) // step_us)
    steps = [[0, 0, 0] for _ in range(count)]
    for one in every:
        found = one.entry
        if not since_us <= found.utc_us < until_us or found.drill or site not in ("", found.site):
            continue
        step = steps[(found.utc_us - since_us) // step_us]
        for code in (one.value for one in mentions(found) if one.what == "code"):
            step[0 if int(code) in GRANTS else 1] += 1
        step[2] += alarm(found) is not None
    return [(a, b, c) for a, b, c in steps]


def test_counts_and_series_are_what_a_reading_of_every_entry_gives(
    store: Store, tmp_path: Path
) -> None:
    with closing(store.open()) as archive:
        every = filled(archive, random.Random(SEED))

    async def run() -> None:
        async with served_wall(tmp_path, store.where) as at:
            token = await at.signed_in("otto", OperatorRight.WATCH)
            async with wall(tmp_path, token) as page:
                for by in By:
                    wanted = await asyncio.to_thread(command, store, "counts", "--by", by.value)
                    reply = await page.ask(AskCounts(by=by), CountsReply)
                    assert [msgspec.to_builtins(one) for one in reply.counts] == wanted
                for site in ("", "vienna"):
                    since_us, until_us = START_US + DAY_US // 8, START_US + 9 * DAY_US + 1
                    ask = AskSeries(site=site, since_us=since_us, until_us=until_us, step_s=21_600)
                    series = await page.ask(ask, SeriesReply)
                    step_us = 21_600 * 1_000_000
                    wanted_steps = series_by_reading(every, since_us, until_us, step_us, site)
                    got = [(one.grants, one.refusals, one.alarms) for one in series.points]
                    assert got == wanted_steps
                    assert [one.utc_us for one in series.points] == [
                        since_us + n * step_us for n in range(len(wanted_steps))
                    ]
                too_many = AskSeries(since_us=0, until_us=10_000_000 * (POINTS_MAX + 1), step_s=10)
                assert "steps" in (await page.ask(too_many, NotDone)).reason
                backwards = AskSeries(since_us=5, until_us=5, step_s=10)
                assert "before it begins" in (await page.ask(backwards, NotDone)).reason

    asyncio.run(run())


def test_alarms_that_have_to_be_read_are_counted_where_they_are_some_and_no_drill(
    store: Store, tmp_path: Path
) -> None:
    tries = (1, SUSPECTED_TRIES, SUSPECTED_TRIES + 1)
    bodies = [SignInRefused(how=How.PASSWORD, tries=count) for count in tries]
    with closing(store.open()) as archive:
        entries = [entry(n, n, body) for n, body in enumerate((*bodies, FORCED), 1)]
        drills = [entry(n, n, body, drill=True) for n, body in enumerate((*bodies, FORCED), 5)]
        archive.store("embassy-vienna", "gate", sent(*entries, *drills))

    async def run() -> None:
        async with served_wall(tmp_path, store.where) as at:
            token = await at.signed_in("otto", OperatorRight.WATCH)
            ask = AskSeries(since_us=START_US, until_us=START_US + 9 * 60_000_000, step_s=60)
            async with wall(tmp_path, token) as page:
                series = await page.ask(ask, SeriesReply)
            assert [one.alarms for one in series.points] == [0, 0, 1, 1, 1, 0, 0, 0, 0]

    asyncio.run(run())


def test_what_could_not_be_searched_is_said_as_the_command_says_it(
    store: Store, tmp_path: Path
) -> None:
    pruned = Pruned(20, {})
    with closing(store.open()) as archive:
        archive.store(SITE, EDGE, pruned.batch(11, 20, bare=(13, 15), begins=True))
    options = ("search", "--archive", store.where, "--site", SITE)
    done = CliRunner().invoke(central, options, catch_exceptions=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("not searched: ")]

    async def run() -> None:
        async with served_wall(tmp_path, store.where) as at:
            token = await at.signed_in("olga", *EVERYTHING)
            async with wall(tmp_path, token) as page:
                reply = await page.ask(Search(site=SITE), SearchReply)
                counts = await page.ask(AskCounts(by=By.KIND), CountsReply)
                elsewhere = await page.ask(Search(site="moon"), SearchReply)
            assert (len(reply.gaps), reply.more_gaps, elsewhere.gaps) == (len(said), 0, ())
            assert len(said) == 2
            for line, gap in zip(said, reply.gaps, strict=True):
                assert line.startswith(f"not searched: {gap} (see ")
            assert counts.gaps == reply.gaps

    asyncio.run(run())


def test_an_incident_is_what_the_command_shows_and_is_noted_in_ones_own_name(
    store: Store, tmp_path: Path
) -> None:
    with closing(store.open()) as archive:
        records = [entry(n, n / 10) for n in range(1, 31)]
        archive.store("embassy-vienna", "gate", sent(*records))
        (number,) = [one.id for one in archive.incidents()]
        for n in range(150):
            archive.add_to_incident(number, Noted(text=f"{n} {'y' * 1_900}"), who="x", utc_us=n)

    async def run() -> None:
        async with served_wall(tmp_path, store.where) as at:
            token = await at.signed_in("olga", *EVERYTHING)
            async with wall(tmp_path, token) as page:
                note = NoteIncident(number=number, text="the camera shows the courier")
                await page.ask(note, IncidentNoted)
                nothing = await page.ask(NoteIncident(number=99, text="x"), NotDone)
                assert nothing.reason == "there is no incident 99"
                listed = await page.ask(ListIncidents(), IncidentsReply)
                wanted = await asyncio.to_thread(command, store, "incident", "list")
                assert [msgspec.to_builtins(one) for one in listed.incidents] == wanted
                reply = await page.ask(AskIncident(number=number, count=7), IncidentReply)
                steps, entries = list(reply.steps), list(reply.entries)
                while reply.steps_after:
                    ask = AskIncident(number=number, count=1, steps_after=reply.steps_after)
                    reply = await page.ask(ask, IncidentReply)
                    steps += reply.steps
                after = entries[-1].place
                while after:
                    ask = AskIncident(number=number, count=7, after=after, steps_after=2**53 - 1)
                    reply = await page.ask(ask, IncidentReply)
                    assert (reply.steps, reply.steps_after) == ((), 0)
                    entries += reply.entries
                    after = reply.after
            head, *rest = await asyncio.to_thread(command, store, "incident", "show", str(number))
            assert msgspec.to_builtins(reply.summary) == head
            assert [msgspec.to_builtins(one) for one in steps] == rest[: len(steps)]
            assert shown(entries) == rest[len(steps) :]
            assert (steps[-1].who, steps[-1].what.text) == ("olga", "the camera shows the courier")
            assert any("olga adds a note to incident 1" in one.text for one in await lines(at))

    asyncio.run(run())


def test_a_question_that_takes_too_long_is_given_up_and_the_next_is_answered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.open().close()
    monkeypatch.setattr(wall_archive, "ANSWER_S_MAX", 0.3)
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    if store.where.startswith("postgresql"):
        slow = "SELECT pg_sleep(60)"

    def forever(archive: SqlArchive) -> object:
        with archive._failing("cannot read the archive"):
            return archive._db.execute(slow).fetchall()

    async def run() -> None:
        reader = Reader(store.where, "test")
        with pytest.raises(NotFoundOutError, match="has not answered within"):
            await reader.ask(forever)
        monkeypatch.setattr(wall_archive, "ANSWER_S_MAX", 30.0)
        assert await reader.ask(lambda archive: archive.find(Query())) == []
        await reader.close()

    asyncio.run(run())


def test_questions_wait_only_so_long_and_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "archive.db"
    SqliteArchive(where).close()
    go = threading.Event()

    async def run() -> None:
        reader = Reader(str(where), "test")
        first = asyncio.ensure_future(reader.ask(lambda _: go.wait(30)))
        await asyncio.sleep(0)
        monkeypatch.setattr(wall_archive, "ANSWER_S_MAX", 0.0)
        late = [asyncio.ensure_future(reader.ask(lambda _: 1)) for _ in range(15)]
        await asyncio.sleep(0)
        with pytest.raises(NotFoundOutError, match="too many questions"):
            await reader.ask(lambda _: 1)
        go.set()
        assert await first
        for one in late:
            with pytest.raises(NotFoundOutError, match="busy with other questions"):
                await one
        await reader.close()

    asyncio.run(run())


def test_an_archive_that_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    where = tmp_path / "archive.db"

    async def run() -> None:
        reader = Reader(str(where), "test")
        with pytest.raises(NotFoundOutError) as lost:
            await reader.ask(lambda archive: archive.find(Query()))
        assert lost.value.remedy
        SqliteArchive(where).close()
        assert await reader.ask(lambda archive: archive.find(Query())) == []
        await reader.close()

    asyncio.run(run())


assert "Ben Sample" in PEOPLE.values()
