"""Incidents in both stores: opened by an alarm or by hand, closed with what they need."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from central.archive_sql import SqlArchive
from central.commands import central
from central.findings import EntriesStored
from central.incidents import (
    AFTER_US,
    ALARMS_NOTED_MAX,
    BEFORE_US,
    GROUP_US,
    MINUTE_US,
    OPEN_MAX,
    AlarmJoined,
    Closed,
    IncidentError,
    MeasureTaken,
    Noted,
    Opened,
)
from central.printer import lines
from controller import events as ev
from controller import events_devices as ed
from controller.alarms import ALARMS
from controller.events import KINDS, Body, Event, Header, encode, kind_of
from controller.ids import PortalId, ReaderId
from controller.portal import Portal
from edge.journal.store import Record
from policies.facts import Mode
from tests.central.rig import ROOT
from tests.central.stores import SqliteStore, Store
from tests.central.test_erasures import sent
from tests.edge.test_policy_compare import decision
from tests.policies.support import changed, embassy_text

SITE, START_US = "embassy-vienna", 1_795_000_000_000_000
FORCED = ev.PortalForced(portal=PortalId("main-gate"), after=Portal())


def entry(
    seq: int,
    minute: float,
    body: Body = FORCED,
    *,
    site: str = SITE,
    edge: str = "gate",
    drill: bool = False,
    trusted: bool = True,
) -> Record:
    header = Header(
        site=site,
        edge=edge,
        incarnation="0" * 16,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=START_US + int(minute * MINUTE_US),
        mono_us=seq,
        clock_trusted=trusted,
        cause="in",
        drill=drill,
        policy="p",
    )
    return Record(seq, encode(Event(header=header, body=body)), ())


def store(archive: SqlArchive, *records: Record, site: str = SITE, edge: str = "gate") -> None:
    archive.store(site, edge, sent(*records))


def alarms_of(archive: SqlArchive, number: int) -> list[tuple[str, int]]:
    steps = archive.incident(number).steps
    return [(one.what.edge, one.what.seq) for one in steps if isinstance(one.what, AlarmJoined)]


def close(archive: SqlArchive, number: int, utc_us: int = START_US) -> None:
    closed = Closed(cause="wind", gaps=("a latch",))
    archive.add_to_incident(
        number, MeasureTaken(text="a new latch"), closed, who="anna", utc_us=utc_us
    )


def test_alarms_of_one_site_and_time_are_one_incident(archive: SqlArchive) -> None:
    store(archive, entry(1, 0), entry(2, 1, ev.EdgeReady()), entry(3, 14))
    store(archive, entry(1, 28, edge="annex"), edge="annex")
    store(archive, entry(1, 1, site="geneva"), site="geneva")
    (here,) = archive.incidents(site=SITE)
    assert (here.title, here.alarms, here.by_alarm) == ("A door was forced", 3, True)
    assert (here.first_us, here.last_us) == (START_US, START_US + 28 * MINUTE_US)
    assert alarms_of(archive, here.id) == [("gate", 1), ("gate", 3), ("annex", 1)]
    assert archive.incident(here.id).span == (
        START_US - BEFORE_US,
        START_US + 28 * MINUTE_US + AFTER_US,
    )
    assert len(archive.incidents()) == 2, "another site is another incident"
    store(archive, entry(4, 28 + GROUP_US / MINUTE_US + 1))
    assert len(archive.incidents(site=SITE)) == 2, "later is another one"


def test_whoever_watches_central_is_told_that_one_was_opened(archive: SqlArchive) -> None:
    said = []
    for records in ([entry(1, 0, drill=True), entry(2, 0)], [entry(3, 1)]):
        receipt = archive.store(SITE, "gate", sent(*records))
        stored = EntriesStored(site=SITE, edge="gate", new=(), unproven=0, opened=receipt.opened)
        said += lines(stored, as_json=False)
    assert said == [
        f"-- {SITE}/gate INCIDENT: DRILL incident 1 opened: A door was forced",
        f"-- {SITE}/gate INCIDENT: incident 2 opened: A door was forced",
    ]


def test_a_backlog_that_arrives_late_joins_by_its_own_time(archive: SqlArchive) -> None:
    store(archive, entry(1, 60))
    store(archive, entry(1, 50, edge="annex"), entry(2, 10, edge="annex"), edge="annex")
    assert [(one.first_us - START_US) // MINUTE_US for one in archive.incidents()] == [10, 50]


def test_a_drill_and_the_real_thing_are_never_one_incident(archive: SqlArchive) -> None:
    store(archive, entry(1, 0, drill=True), entry(2, 1), entry(3, 2, drill=True))
    assert [(one.drill, one.alarms) for one in archive.incidents()] == [(False, 1), (True, 2)]


def test_an_alarm_behind_a_closed_incident_opens_another(archive: SqlArchive) -> None:
    store(archive, entry(1, 0))
    close(archive, 1)
    assert archive.incidents() == []
    store(archive, entry(2, 1))
    assert [one.id for one in archive.incidents()] == [2]
    assert alarms_of(archive, 1) == [("gate", 1)]


def posture(mode: Mode, was: Mode) -> Body:
    return ev.PostureChanged(mode=mode, threat=1, was_mode=was, was_threat=1)


@pytest.mark.parametrize(
    ("body", "opens"),
    [
        (ev.ReaderTampered(reader=ReaderId("r"), tampered=True), True),
        (ev.ReaderTampered(reader=ReaderId("r"), tampered=False), False),
        (ed.ReaderPowerFailed(reader=ReaderId("r"), failing=True), True),
        (ed.ReaderPowerFailed(reader=ReaderId("r"), failing=False), False),
        (posture(Mode.LOCKDOWN, Mode.NORMAL), True),
        (
            ev.PostureChanged(mode=Mode.NORMAL, threat=1, was_mode=Mode.LOCKDOWN, was_threat=1),
            False,
        ),
        (ev.PortalHeld(portal=PortalId("p"), after=Portal()), False),
    ],
)
def test_what_opens_an_incident(archive: SqlArchive, body: Body, opens: bool) -> None:
    store(archive, entry(1, 0, body))
    assert bool(archive.incidents()) is opens


def test_the_page_names_every_kind_that_opens_one() -> None:
    page = (ROOT / "docs" / "archive.md").read_text()
    (listed,) = re.findall(r"These kinds of event open one: (.*?)\. Alarms", page, re.DOTALL)
    assert set(re.findall(r"`([a-z-]+)`", listed)) == set(ALARMS) <= set(KINDS)


def test_a_batch_sent_again_is_no_new_alarm(archive: SqlArchive) -> None:
    for _ in range(3):
        store(archive, entry(1, 0), entry(2, 1))
    assert [one.alarms for one in archive.incidents()] == [2]


def test_alarms_without_end_do_not_fill_the_archive(archive: SqlArchive) -> None:
    count = ALARMS_NOTED_MAX + 50
    store(archive, *(entry(seq, seq / 60) for seq in range(1, count + 1)))
    (one,) = archive.incidents()
    assert one.alarms == count
    assert len(alarms_of(archive, one.id)) == ALARMS_NOTED_MAX
    far = [entry(count + n, 100 * n) for n in range(1, OPEN_MAX + 50)]
    store(archive, *far)
    assert len(archive.incidents()) == OPEN_MAX


def test_it_is_closed_only_with_cause_gaps_and_measures(archive: SqlArchive) -> None:
    store(archive, entry(1, 0, ev.EdgeReady()))
    number = archive.open_incident(
        SITE, Opened(title="Noise", since_us=START_US), who="anna", utc_us=START_US
    )
    closed = Closed(cause="wind", gaps=("none found",))
    with pytest.raises(IncidentError, match="no measure"):
        archive.add_to_incident(number, closed, who="anna", utc_us=START_US)
    assert len(archive.incident(number).steps) == 1, "nothing was added"
    close(archive, number, START_US + MINUTE_US)
    incident = archive.incident(number)
    assert incident.span == (START_US, START_US + MINUTE_US)
    assert [step.number for step in incident.steps] == [1, 2, 3]
    assert [step.who for step in incident.steps] == ["anna"] * 3
    for late in (closed, MeasureTaken(text="late")):
        with pytest.raises(IncidentError, match="is closed"):
            archive.add_to_incident(number, late, who="ben", utc_us=START_US)
    archive.add_to_incident(number, Noted(text="late"), who="ben", utc_us=START_US)
    assert archive.incident(number).steps[:3] == incident.steps, "what was said stays"
    with pytest.raises(IncidentError, match="no incident 77"):
        archive.incident(77)


def test_two_who_write_at_once_lose_no_step(store: Store) -> None:
    store.open().close()

    def work(name: str) -> None:
        with closing(store.open()) as archive:
            for number in range(10):
                archive.add_to_incident(1, Noted(text=f"{number}"), who=name, utc_us=number)

    with closing(store.open()) as archive:
        archive.store(SITE, "gate", sent(entry(1, 0, ev.EdgeReady())))
        archive.open_incident(SITE, Opened(title="x", since_us=1), who="anna", utc_us=1)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, ("anna", "ben")))
        steps = archive.incident(1).steps
    assert [step.number for step in steps] == list(range(1, 22))
    for name in ("anna", "ben"):
        notes = (one.what for one in steps[1:] if one.who == name)
        said = [note.text for note in notes if isinstance(note, Noted)]
        assert said == [str(number) for number in range(10)]


# --- the commands ---------------------------------------------------------------------------------


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(central, ["incident", *map(str, arguments)])


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def policies(tmp_path: Path) -> Sequence[Path]:
    """The policy that decided, a stricter one, and one that goes back behind that."""
    texts = (
        embassy_text(),
        changed("threat-max = 3", "threat-max = 2"),
        changed("threat-max = 3", "threat-max = 4"),
    )
    files = [tmp_path / f"policy-{number}.toml" for number in range(3)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return files


def test_an_officer_takes_an_incident_from_its_alarm_to_a_policy_that_is_held_to_it(
    store: Store, policies: Sequence[Path]
) -> None:
    embassy, stricter, laxer = policies
    with closing(store.open()) as archive:
        granted = decision(embassy, 0, 3)
        assert granted.decision.granted
        seen = entry(2, 1, granted)
        archive.store(SITE, "gate", sent(entry(1, 0), seen, entry(3, 2, ev.EdgeReady())))
        clock = entry(1, 0.5, ev.EdgeStopping(reason="power"), edge="annex", trusted=False)
        archive.store(SITE, "annex", sent(clock))
    where = ("--archive", store.where)
    listed = done("list", *where)
    assert listed.startswith("1 open embassy-vienna since 2026-11-18")
    assert "A door was forced, 1 alarms" in listed
    done("note", *where, "1", "the guard saw somebody")
    shown = done("show", *where, "1").splitlines()
    kinds = [line for line in shown if not line.startswith("--")][1:]
    assert [line.split()[0] for line in kinds] == [
        *("embassy-vienna/gate", "embassy-vienna/annex", "embassy-vienna/gate"),
        "embassy-vienna/gate",
    ]
    assert "?" in kinds[1].split("#")[0], "that edge's clock was not trusted"
    refused = run("close", *where, "1", "--cause", "a badge lent", "--gap", "no PIN at level 3")
    assert refused.exit_code == 1
    assert "has no measure" in refused.output
    place = (*where, "1", "level 3 is for the guards", "--entry", f"{SITE}/gate#2", "--policy")
    same = run("measure", *place, embassy)
    assert "under this policy it is granted as it was" in same.output
    said = done("measure", *place, stricter)
    assert said == "from policy version 1 on this has to be refused (603)\n"
    done("close", *where, "1", "--cause", "a badge lent", "--gap", "no PIN at level 3")
    assert done("list", *where) == ""
    assert "closed" in done("list", *where, "--all")
    assert "CLOSED. Cause: a badge lent. Gaps: no PIN at level 3" in done("show", *where, "1")
    assert "1 measures, 0 of them do not hold" in done("measures", *where, "--policy", stricter)
    for file in (embassy, laxer):
        broken = run("measures", *where, "--policy", file)
        assert broken.exit_code == 1
        assert "incident 1 DOES NOT HOLD: level 3 is for the guards: entry 2" in broken.output


def test_a_measure_whose_portal_is_gone_does_not_hold(
    store: Store, policies: Sequence[Path], tmp_path: Path
) -> None:
    embassy, stricter, _ = policies
    with closing(store.open()) as archive:
        archive.store(SITE, "gate", sent(entry(1, 0, decision(embassy, 0, 3))))
    where = ("--archive", store.where)
    assert done("open", *where, SITE, "a badge lent", "--since", "2026-11-18T20:00") == "1\n"
    done("measure", *where, "1", "strict", "--entry", f"{SITE}/gate#1", "--policy", stricter)
    other = tmp_path / "other.toml"
    other.write_text(stricter.read_text().replace("main-gate", "front-gate"))
    broken = run("measures", *where, "--policy", other)
    assert broken.exit_code == 1
    assert "the policy has no portal main-gate" in broken.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("measure", "1", "x", "--entry", "nowhere"), "--entry and --policy go together"),
        (("measures",), "name the policy"),
        (("open", SITE, " "), "a text has 1 to"),
        (("open", SITE, "x", "--since", "2026-11-18", "--until", "2026-11-17"), "lies before"),
        (("open", SITE, "x", "--since", "yesterday"), "is no time"),
        (("open", "embasy-vienna", "x"), "no entry of a site embasy-vienna"),
        (("open", SITE, "\udcff"), "is not in UTF-8"),
        (("note", "5", "x"), "no incident 5"),
        (("show", "5"), "no incident 5"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    place = SqliteStore(tmp_path / "archive.db")
    place.open().close()
    result = run(arguments[0], "--archive", place.where, *arguments[1:])
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)


def test_an_incident_can_be_read_by_programs(store: Store) -> None:
    with closing(store.open()) as archive:
        archive.store(SITE, "gate", sent(entry(1, 0)))
    shown = done("show", "--archive", store.where, "1", "--json").splitlines()
    summary, *steps, alarm = map(json.loads, shown)
    assert (summary["id"], summary["closed"]) == (1, False)
    assert [step["what"]["type"] for step in steps] == ["opened", "alarm"]
    assert (alarm["kind"], alarm["seq"], alarm["clock_trusted"]) == ("portal-forced", 1, True)
