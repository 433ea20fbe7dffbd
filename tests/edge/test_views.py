"""What `views.db` shows is what the journal says: incrementally, after any kill, and anew."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from controller.events import DecisionMade, EntryError, decode_entry
from controller.portal import State
from controller.state import SiteState
from edge.views import NO_CODE, Changes, CountRow, PresenceRow, View, folded
from edge.views_file import (
    APPLICATION_ID,
    Journal,
    Reach,
    ViewsFailed,
    ViewsFile,
    ViewsUnusable,
    read_at,
    to_read,
)
from edge.views_fold import Beginning, Piece, ViewsFold, ViewsGapError
from tests.conftest import SEED
from tests.edge import views_child
from tests.edge.histories import (
    ZONE,
    History,
    an_hour,
    event_of,
    state_after,
    virtual_days,
)
from tests.edge.process import ROOT

SEEDS = (1, random.Random(f"{SEED}/views").randrange(2**32))
"""One that is known and one that nobody has seen; the run's seed gives it again."""

DAYS = 0.34
"""Into the Monday's morning."""

TABLES = ("view", "presence", "zone", "door", "tally", "ordered")
Rows = dict[str, list[tuple[object, ...]]]


def histories() -> list[History]:
    return [*(an_hour(seed) for seed in SEEDS), lived()]


def lived() -> History:
    return virtual_days(SEEDS[1], DAYS)


def rows(file: Path) -> Rows:
    """Everything that is in it; what SQLite says of its soundness as well."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=str)
            for name in TABLES
        }


def fold_whole(history: History, file: Path) -> Rows:
    """From scratch, in one step."""
    fold = ViewsFold.anew(file, history.journal, Beginning())
    fold.take(history.pieces)
    fold.close()
    return rows(file)


def assert_same_as_core(view: View, core: SiteState) -> None:
    assert view.state.seq == core.seq
    assert view.state.portals == core.portals
    assert view.state.people.presences == core.people.presences
    assert view.state.people.inside == core.people.inside
    assert view.state.people.escorts == core.people.escorts


@pytest.mark.parametrize("number", range(3))
def test_steps_broken_off_anywhere_give_what_a_rebuild_gives_and_what_the_core_knows(
    number: int, tmp_path: Path
) -> None:
    history = histories()[number]
    chance = random.Random(number)
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, history.journal, Beginning())
    looks, most = 0, 6  # each folds everything before it once more
    while (seq := fold.at.seq) < len(history.pieces):
        if seq and (not looks or chance.random() < 0.3):
            left = fold.view
            fold.close()
            fold = ViewsFold.resumed(file, history.journal)
            assert fold.view == left
            if looks < most:
                looks += 1
                assert_same_as_core(fold.view, state_after(history, seq))
        fold.take(history.pieces[seq : seq + chance.randint(1, 100)])
    assert_same_as_core(fold.view, history.live)
    fold.close()
    again = ViewsFold.resumed(file, history.journal)
    assert_same_as_core(again.view, history.live)
    again.close()
    assert looks
    assert rows(file) == fold_whole(history, tmp_path / "whole.db")
    assert standing(file) == set(history.live.orders.in_force)


def standing(file: Path) -> set[str]:
    """The orders that hold, by the rows."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT id FROM ordered WHERE standing AND ended_seq IS NULL")
        return {row[0] for row in found}


def test_the_histories_say_something() -> None:
    """People go in and out, doors stand in many ways: an empty file would be equal to itself."""
    history = an_hour(SEEDS[0])
    fold = ViewsFold.anew(None, history.journal, Beginning())
    people, escorted, looks = 0, 0, set()
    for at in range(0, len(history.pieces), 10):
        fold.take(history.pieces[at : at + 10])
        people = max(people, len(fold.view.state.people.presences))
        escorted = max(escorted, len(fold.view.state.people.escorts))
        looks |= {portal.state for portal in fold.view.state.portals.values()}
    fold.close()
    assert people >= 3
    assert escorted
    assert looks == set(State)
    kinds = {decode_entry(piece.entry).kind for piece in lived().pieces}
    assert {"edge-started", "passage-made", "decision-made"} <= kinds
    ordered = {decode_entry(piece.entry).kind for piece in an_hour(SEEDS[0]).pieces}
    assert {"order-accepted", "order-ended"} <= ordered


def test_who_escorts_whom_outlives_a_restart(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, history.journal, Beginning())
    while not fold.view.state.people.escorts:
        fold.take(history.pieces[fold.at.seq : fold.at.seq + 5])
    left = fold.view
    fold.close()
    fold = ViewsFold.resumed(file, history.journal)
    assert fold.view == left
    fold.close()


def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """SIGKILL, as often as it takes, at moments nobody has chosen."""
    history = an_hour(SEEDS[1])
    given, file = tmp_path / "history.json", tmp_path / "views.db"
    given.write_bytes(msgspec.json.encode((history.journal, history.pieces)))
    chance, kills, ended = random.Random(SEEDS[1]), 0, False
    while not ended:
        arguments = [sys.executable, "-m", views_child.__name__, str(given), str(file)]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            steps = chance.randint(1, len(history.pieces) // views_child.STEP // 4)
            said = [line for line, _ in zip(child.stdout, range(steps), strict=False)]
            ended = len(said) < steps
            if not ended:
                child.send_signal(signal.SIGKILL)
                kills += 1
        if said and not ended:
            with to_read(file) as database:
                assert read_at(database).seq >= int(said[-1])
    assert child.returncode == 0
    assert kills >= 2
    assert rows(file) == fold_whole(history, tmp_path / "whole.db")


def test_counts_are_those_of_the_entries(tmp_path: Path) -> None:
    """Counted a second time, by another way: by hand over decoded bodies."""
    history = lived()
    expected: Counter[tuple[str, str, int]] = Counter()
    portals: Counter[str] = Counter()
    for piece in history.pieces:
        event = event_of(decode_entry(piece.entry))
        at = datetime.fromtimestamp(event.header.utc_us / 1e6, UTC).astimezone(ZoneInfo(ZONE))
        code = int(event.body.decision.code) if isinstance(event.body, DecisionMade) else NO_CODE
        expected[f"{at:%Y-%m-%d}", event.header.kind, code] += 1
        if isinstance(event.body, DecisionMade):
            portals[event.body.portal] += 1
    found: Counter[tuple[str, str, int]] = Counter()
    found_portals: Counter[str] = Counter()
    for day, kind, portal, code, entries, _ in fold_whole(history, tmp_path / "v.db")["tally"]:
        found[str(day), str(kind), int(str(code))] += int(str(entries))
        if kind == "decision-made":
            found_portals[str(portal)] += int(str(entries))
    assert found == expected
    assert found_portals == portals


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns"])
def test_a_day_is_the_sites_own(zone: str) -> None:
    history = lived()
    entries = [decode_entry(piece.entry) for piece in history.pieces]
    _, counts = folded(View(), entries, ZoneInfo(zone))
    days = Counter(
        datetime.fromtimestamp(e.utc_us / 1e6, ZoneInfo(zone)).date().isoformat() for e in entries
    )
    found: Counter[str] = Counter()
    for key, tally in counts.items():
        found[key.day] += tally.entries
    assert found == days


def test_drills_are_told_apart(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    drills = sum(decode_entry(piece.entry).drill for piece in history.pieces)
    assert drills
    tally = fold_whole(history, tmp_path / "v.db")["tally"]
    assert sum(int(str(row[5])) for row in tally) == drills


def test_an_entry_of_a_newer_version_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    last = decode_entry(history.pieces[-1].entry)
    fresh = msgspec.structs.replace(last, seq=last.seq + 1, kind="moon-landed")
    fold = ViewsFold.anew(None, history.journal, Beginning())
    fold.take(history.pieces)
    before = fold.view
    fold.take([Piece(msgspec.json.encode(fresh), "ab")])
    assert fold.view.state.people == before.state.people
    assert fold.view.state.portals == before.state.portals
    counted = list(fold.file.database.query("SELECT * FROM tally WHERE kind = 'moon-landed'"))
    assert [row["entries"] for row in counted] == [1]


def test_a_journal_that_begins_later_shows_the_state_from_its_snapshot_on(tmp_path: Path) -> None:
    """Pruned: the first entries are gone, and what the core kept of them is not."""
    history = an_hour(SEEDS[0])
    first, kept = 601, 1_800
    beginning = Beginning(first, state_after(history, kept), 7)
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, history.journal, beginning)
    assert fold.file.reach() == Reach(counted_from=first, state_from=kept)
    fold.take(history.pieces[first - 1 : 1_200])
    assert fold.view.state.portals == {}
    fold.close()
    with pytest.raises(ViewsUnusable, match="before its doors were known"):
        ViewsFold.resumed(file, history.journal)
    fold = ViewsFold.anew(file, history.journal, beginning)
    # By classes: some of the entries before the state was kept are gone as well, the last included.
    left = [*history.pieces[first - 1 : kept - 500 : 3], *history.pieces[kept:]]
    for at in range(0, len(left), 700):
        fold.take(left[at : at + 700])
    assert_same_as_core(fold.view, history.live)
    entries = [row["n"] for row in fold.file.database.query("SELECT sum(entries) n FROM tally")]
    assert entries == [len(left)]
    fold.close()
    again = ViewsFold.resumed(file, history.journal)
    assert_same_as_core(again.view, history.live)
    again.close()


def test_a_journal_of_which_nothing_is_left_but_the_state_shows_that(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    kept = 1_800
    beginning = Beginning(601, state_after(history, kept), 7)
    fold = ViewsFold.anew(tmp_path / "v.db", history.journal, beginning)
    fold.take(history.pieces[600:700])
    fold.take([])
    assert fold.at.seq == kept
    assert_same_as_core(fold.view, state_after(history, kept))
    fold.take(history.pieces[kept:])
    assert_same_as_core(fold.view, history.live)
    fold.close()


def test_a_journal_that_goes_on_from_another_begins_with_its_state(tmp_path: Path) -> None:
    state = msgspec.structs.replace(an_hour(SEEDS[0]).live, seq=0)
    fold = ViewsFold.anew(tmp_path / "v.db", an_hour(SEEDS[0]).journal, Beginning(1, state, 7))
    assert fold.view.state.people.presences == state.people.presences
    assert fold.view.state.portals == state.portals
    fold.close()


# --- what is refused --------------------------------------------------------------------------


def made(tmp_path: Path, seed: int = SEEDS[0]) -> Path:
    fold_whole(an_hour(seed), tmp_path / "views.db")
    return tmp_path / "views.db"


def test_entries_that_do_not_follow_change_nothing(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, history.journal, Beginning())
    fold.take(history.pieces[:100])
    before = rows(file)
    other = an_hour(SEEDS[1]).pieces[100]
    foreign = msgspec.structs.replace(decode_entry(other.entry), incarnation="ff" * 8, seq=101)
    for pieces in (
        history.pieces[101:110],
        history.pieces[99:110],
        [*history.pieces[100:110], history.pieces[112]],
    ):
        with pytest.raises(ViewsGapError, match="does not follow"):
            fold.take(pieces)
    with pytest.raises(ViewsUnusable, match="of another journal"):
        fold.take([Piece(msgspec.json.encode(foreign), "")])
    with pytest.raises(EntryError):
        fold.take([Piece(b"{}", "")])
    assert rows(file) == before
    fold.take(history.pieces[100:])
    fold.close()
    assert rows(file) == fold_whole(history, tmp_path / "whole.db")


@pytest.mark.parametrize("field", Journal._fields)
def test_the_rows_of_another_journal_or_zone_are_not_gone_on_with(
    field: str, tmp_path: Path
) -> None:
    file = made(tmp_path)
    with pytest.raises(ViewsUnusable, match="of another journal or time zone"):
        ViewsFold.resumed(file, an_hour(SEEDS[0]).journal._replace(**{field: "other"}))


def damage_header(file: Path) -> None:
    file.write_bytes(b"not a database" + file.read_bytes()[14:])


def damage_page(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[2 * 4096 : 2 * 4096 + 64] = bytes(64)
    file.write_bytes(data)


def damage_free_list(file: Path) -> None:
    """What no question ever comes upon, and the next write does."""
    data = bytearray(file.read_bytes())
    data[36:40] = (5).to_bytes(4, "big")
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 3 * 4096])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def statement(sql: str):
    def act(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(sql)
            connection.commit()

    return act


@pytest.mark.parametrize(
    "harm",
    [
        Path.unlink,
        damage_header,
        damage_page,
        damage_free_list,
        cut,
        empty,
        statement("PRAGMA user_version = 99"),
        statement("PRAGMA application_id = 1"),
        statement("DROP TABLE presence"),
        statement("DELETE FROM view"),
        statement("UPDATE door SET record = x'00'"),
        statement("UPDATE door SET state = 'ajar'"),
    ],
    ids=lambda harm: harm.__name__,
)
def test_what_is_damaged_is_said_to_be_unusable(harm, tmp_path: Path) -> None:
    file = made(tmp_path)
    harm(file)
    with pytest.raises(ViewsUnusable):
        ViewsFold.resumed(file, an_hour(SEEDS[0]).journal)


def test_a_file_in_the_way_is_replaced_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    """A log that outlived its database would be put into the next one."""
    history = an_hour(SEEDS[0])
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, an_hour(SEEDS[1]).journal, Beginning())
    fold.take(an_hour(SEEDS[1]).pieces[:500])
    left = {name: (tmp_path / name).read_bytes() for name in ("views.db", "views.db-wal")}
    fold.close()
    for name, data in left.items():
        (tmp_path / name).write_bytes(data)
    assert len(left["views.db-wal"]) > 4096
    assert fold_whole(history, file) == fold_whole(history, tmp_path / "clean.db")


READER = """
import sys
from pathlib import Path
from edge.views_file import read_at, to_read
with to_read(Path(sys.argv[1])) as database:
    for _ in sys.stdin:
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
        print(read_at(database).seq, sound, flush=True)
"""
"""Says what it sees in the file, line by line, for as long as it is asked."""


def test_whoever_reads_the_file_that_is_replaced_goes_on_with_the_old_one(tmp_path: Path) -> None:
    """And leaves no trace in the new one: both have a log and an index of the same name."""
    history = an_hour(SEEDS[0])
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, history.journal, Beginning())
    fold.take(history.pieces[:500])
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:

        def seen() -> str:
            assert reader.stdin is not None
            assert reader.stdout is not None
            reader.stdin.write("?\n")
            reader.stdin.flush()
            return reader.stdout.readline()

        assert seen() == "500 ok\n"
        fold.close()
        fresh = ViewsFold.anew(file, history.journal, Beginning())
        for at in range(0, 1_000, 10):
            fresh.take(history.pieces[at : at + 10])
        assert seen() == "500 ok\n"
        with to_read(file) as new:
            assert read_at(new).seq == 1_000
        fresh.take(history.pieces[1_000:])
        fresh.close()
        assert seen() == "500 ok\n"
        reader.communicate()
    assert rows(file) == fold_whole(history, tmp_path / "clean.db")


def test_a_row_that_the_file_refuses_is_an_error_and_never_left_out(tmp_path: Path) -> None:
    """sqlite-utils has an upsert that leaves out what breaks a rule, and says nothing. It is taken
    where the library believes SQLite to be old, which it finds out by writing."""
    history = an_hour(SEEDS[0])
    file = ViewsFile.made(tmp_path / "v.db", history.journal, Reach())
    file.database.use_old_upsert = True
    at = msgspec.structs.replace(file.at(), seq=1)
    good = PresenceRow(
        holder="a", zone="hall", since_s=1, entered_s=None, overstayed=False, host=None
    )
    file.write(Changes(presences=(good,)), at)
    bad = msgspec.structs.replace(good, holder="b", zone=None)  # type: ignore[arg-type]
    none = CountRow(day="2026-01-01", kind="x", portal="", code=0, entries=0, drills=0)
    for changes in (Changes(presences=(good, bad)), Changes(counts=(none,))):
        with pytest.raises(ViewsUnusable):
            file.write(changes, msgspec.structs.replace(at, seq=2))
    assert [row["holder"] for row in file.database.query("SELECT holder FROM presence")] == ["a"]
    assert file.at().seq == 1
    file.close()


# --- what passes ------------------------------------------------------------------------------


def test_somebody_who_reads_holds_nobody_up_and_sees_one_moment(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    fold = ViewsFold.anew(tmp_path / "views.db", history.journal, Beginning())
    fold.take(history.pieces[:200])
    with to_read(tmp_path / "views.db") as database:
        assert read_at(database).seq == 200
        fold.take(history.pieces[200:400])
        assert read_at(database).seq == 200
    with to_read(tmp_path / "views.db") as database:
        assert read_at(database).seq == 400
    fold.close()


def test_who_reads_cannot_write(tmp_path: Path) -> None:
    file = made(tmp_path)
    with pytest.raises(ViewsUnusable, match="readonly"), to_read(file) as database:
        database.execute("DELETE FROM presence")


def test_a_lock_that_somebody_holds_is_waited_for_later(tmp_path: Path) -> None:
    history = an_hour(SEEDS[0])
    file = tmp_path / "views.db"
    fold = ViewsFold.anew(file, history.journal, Beginning())
    fold.take(history.pieces[:100])
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ViewsFailed, match="locked"):
            fold.take(history.pieces[100:200])
        other.execute("ROLLBACK")
    fold.take(history.pieces[100:200])
    assert fold.at.seq == 200
    fold.close()


def test_the_file_is_ours_by_its_number_and_open_to_the_sockets_group(tmp_path: Path) -> None:
    """Log and index too, whatever the account's mask: without them the group could not read."""
    before = os.umask(0o077)
    fold = ViewsFold.anew(tmp_path / "views.db", an_hour(SEEDS[0]).journal, Beginning())
    fold.take(an_hour(SEEDS[0]).pieces[:10])
    os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("views.db", "views.db-wal", "views.db-shm"), 0o640)
    fold.close()
    header = (tmp_path / "views.db").read_bytes()[:100]
    assert int.from_bytes(header[68:72], "big") == APPLICATION_ID


def test_whoever_makes_it_the_account_of_the_folder_can_write_it(tmp_path: Path) -> None:
    """Root asks for a report while no edge runs; the daemon goes on with the file."""
    root = os.geteuid() == 0
    account = (12345, 12346) if root else (os.getuid(), os.getgid())
    os.chown(tmp_path, *account)
    fold = ViewsFold.anew(tmp_path / "views.db", an_hour(SEEDS[0]).journal, Beginning())
    fold.take(an_hour(SEEDS[0]).pieces[:10])
    assert {(p.stat().st_uid, p.stat().st_gid) for p in tmp_path.iterdir()} == {account}
    fold.close()


def test_nobody_is_named_in_it(tmp_path: Path) -> None:
    """Random ids alone: there is nothing to erase when a person is."""
    history = lived()
    fold_whole(history, tmp_path / "views.db")
    data = (tmp_path / "views.db").read_bytes()
    for word in (b"staff 1", b"archivist", b"h10301", b"diplomat"):
        assert word not in data
