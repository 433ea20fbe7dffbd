"""A journal that was cut is set aside, and the edge goes on with what it still says."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller import events as ev
from edge.assembly import Edge
from edge.journal import verify_folder
from edge.renewal import ASIDE, FRESH, JOURNAL
from policies.facts import Mode
from tests.edge.house import House, bodies, posture, running, until

SEEN = 10_000


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def one_run(house: House, mode: Mode | None = None) -> tuple[str, Mode, list[ev.Body]]:
    """The incarnation, the mode it began with, and its doubts."""
    async with house.line(), running(house) as edge:
        await until(edge, ev.EdgeReady)
        began = edge.daemon.site.state.mode
        if mode is not None:
            posture(edge, mode)
        await edge.daemon.recorder.drained()
        return edge.daemon.writer.incarnation, began, await told(edge)


async def told(edge: Edge) -> list[ev.Body]:
    return list(await bodies(edge, ev.JournalDoubted))


def by_hand(house: House, statement: str) -> None:
    segment = house.folder / "state" / JOURNAL / "segment-000001.db"
    with closing(sqlite3.connect(segment)) as connection, connection:
        connection.execute(statement)


def aside(house: House) -> list[Path]:
    return sorted((house.folder / "state").glob(f"{ASIDE}.*"))


CUT = f"UPDATE meta SET value = '{SEEN}' WHERE key = 'acked'"
DOUBTED = f"INSERT INTO meta VALUES ('doubted', '{SEEN}')"


@pytest.mark.parametrize("doubt", [CUT, DOUBTED], ids=["the archive has more", "the witness has"])
def test_a_new_incarnation_goes_on_with_the_state_of_the_one_set_aside(
    house: House, doubt: str
) -> None:
    first, _, doubts = asyncio.run(one_run(house, Mode.LOCKDOWN))
    assert doubts == []
    by_hand(house, doubt)
    second, began, doubts = asyncio.run(one_run(house))
    assert second != first
    assert began is Mode.LOCKDOWN, "what the old journal ends with"
    (doubt_told,) = doubts
    assert isinstance(doubt_told, ev.JournalDoubted)
    assert (doubt_told.before, doubt_told.witnessed) == (first, SEEN)
    assert [path.name for path in aside(house)] == [f"{ASIDE}.{first}"]
    assert doubt_told.held == verify_folder(aside(house)[0]).last_seq
    third, began, again = asyncio.run(one_run(house))
    assert (third, began) == (second, Mode.LOCKDOWN)
    assert again == doubts, "told once, and nothing is set aside any more"
    assert verify_folder(house.folder / "state" / JOURNAL).sound


def test_the_same_old_copy_may_be_put_back_again_and_again(house: House) -> None:
    """Each time the edge starts, and nothing that was set aside before is lost."""
    journal, copy = house.folder / "state" / JOURNAL, house.folder / "copy"
    first, *_ = asyncio.run(one_run(house))
    shutil.copytree(journal, copy)
    for _ in range(3):
        shutil.rmtree(journal)
        shutil.copytree(copy, journal)
        by_hand(house, DOUBTED)
        assert asyncio.run(one_run(house))[0] != first
    names = [path.name for path in aside(house)]
    assert names == [f"{ASIDE}.{first}", f"{ASIDE}.{first}.2", f"{ASIDE}.{first}.3"]
    assert all(verify_folder(path).sound for path in aside(house))


def test_a_power_cut_in_the_middle_leaves_one_journal_or_the_other(house: House) -> None:
    state = house.folder / "state"
    first, *_ = asyncio.run(one_run(house, Mode.LOCKDOWN))
    # Half made beside the old one: it is made anew.
    (state / FRESH).mkdir()
    (state / FRESH / "segment-000001.db.new").write_bytes(b"half")
    assert asyncio.run(one_run(house))[0] == first
    assert not (state / FRESH).exists()
    # Made, and the old one put away already: it is the journal.
    by_hand(house, CUT)
    second, *_ = asyncio.run(one_run(house))
    (state / JOURNAL).rename(state / FRESH)
    again, began, doubts = asyncio.run(one_run(house))
    assert (again, began, len(doubts)) == (second, Mode.LOCKDOWN, 1)
    assert len(aside(house)) == 1
