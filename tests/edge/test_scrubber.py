"""A running edge looks through its whole journal every day, and says what does not hold."""

import asyncio
from pathlib import Path

import pytest

from controller import events as ev
from edge.assembly import Edge
from edge.commands.status import lines
from edge.journal import (
    JournalClosed,
    JournalFailed,
    JournalWriter,
    Report,
    Signers,
    verify_folder,
)
from edge.journal.verify import LIVE_STEP_ENTRIES, Progress
from edge.scrubber import AGAIN_S, EVERY_S, FIRST_S, PAUSE_S, Looked, Scrubber
from simulators.virtual.loop import run as in_virtual_time
from simulators.virtual.loop import virtual_loop
from simulators.virtual.run import Options, simulate
from tests.edge.house import House, bodies, running, until
from tests.edge.journal.support import EDGE, SITE, entropy, fill, records

UTC_US = 1_795_000_000_000_000


class Verified:
    """A journal of which it is noted when it was verified; `ends` says how, in order."""

    def __init__(self, report: Report, *ends: BaseException | None) -> None:
        self.at_s: list[float] = []
        self.pauses_s: set[float] = set()
        self._report = report
        self._ends = list(ends)

    async def verify(
        self,
        progress: Progress | None = None,
        signers: Signers | None = None,
        *,
        pause_s: float = 0.0,
    ) -> Report:
        self.at_s.append(virtual_loop().time())
        self.pauses_s.add(pause_s)
        error = self._ends.pop(0) if self._ends else None
        if error is not None:
            raise error
        return self._report


def sound(folder: Path) -> Report:
    fill(folder, 3)
    return verify_folder(folder)


def looked_at(journal: Verified, for_s: float) -> Scrubber:
    """What became of a scrubber that ran for so long."""
    scrubber = Scrubber(journal, Signers, lambda: UTC_US, pytest.fail)

    async def main() -> None:
        task = asyncio.create_task(scrubber.run())
        await asyncio.wait({task}, timeout=for_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    in_virtual_time(main())
    return scrubber


def test_it_looks_ten_minutes_after_the_start_and_then_every_day(tmp_path: Path) -> None:
    journal = Verified(sound(tmp_path))
    scrubber = looked_at(journal, 3 * EVERY_S)
    begun = journal.at_s[0] - FIRST_S
    assert [at_s - begun for at_s in journal.at_s] == [
        FIRST_S,
        FIRST_S + EVERY_S,
        FIRST_S + 2 * EVERY_S,
    ]
    assert journal.pauses_s == {PAUSE_S}
    assert scrubber.looked == Looked(utc_us=UTC_US, entries=3, findings=0)


def test_a_journal_that_stopped_meanwhile_is_looked_through_soon(tmp_path: Path) -> None:
    journal = Verified(sound(tmp_path), JournalFailed("the disk is gone"))
    scrubber = looked_at(journal, FIRST_S + AGAIN_S / 2)
    assert (len(journal.at_s), scrubber.looked) == (1, None)
    journal = Verified(sound(tmp_path / "again"), JournalFailed("the disk is gone"))
    scrubber = looked_at(journal, FIRST_S + AGAIN_S + 1)
    assert journal.at_s[1] - journal.at_s[0] == AGAIN_S
    assert scrubber.looked is not None


def test_a_journal_that_was_closed_ends_it(tmp_path: Path) -> None:
    async def main() -> None:
        scrubber = Scrubber(
            Verified(sound(tmp_path), JournalClosed("closed")),
            Signers,
            lambda: UTC_US,
            pytest.fail,
        )
        with pytest.raises(JournalClosed):
            await scrubber.look()

    in_virtual_time(main())


def test_no_append_waits_for_more_than_a_step(tmp_path: Path) -> None:
    """An append that is made while a look is under way is durable before the next step."""

    async def run() -> None:
        writer = await JournalWriter.open(
            tmp_path, site=SITE, edge=EDGE, entropy=entropy, utc_us=UTC_US
        )
        steps = 10
        await writer.append(records(1, steps * LIVE_STEP_ENTRIES))
        appended: list[asyncio.Task[None]] = []
        waited: list[int] = []

        def progress(done: int, total: int) -> None:
            if appended and not waited and appended[0].done():
                waited.append(done)
            if not appended:
                following = total + 1
                appended.append(asyncio.create_task(writer.append(records(following, following))))

        began = asyncio.get_running_loop().time()
        report = await writer.verify(progress, pause_s=0.02)
        took_s = asyncio.get_running_loop().time() - began
        assert report.sound
        assert waited[0] <= 2 * LIVE_STEP_ENTRIES
        assert took_s >= steps * 0.02, "there is a pause behind each step"
        await writer.close()

    asyncio.run(run())


async def by_hand(edge: Edge, statement: str) -> None:
    """The open journal's database in somebody else's hands."""
    await edge.daemon.writer._call(lambda journal: journal.connection.execute(statement).fetchall())


RENAME = "UPDATE entry SET entry = cast(replace(entry, '{}', '{}') AS BLOB)"


@pytest.mark.parametrize(
    ("edit", "undo", "told"),
    [
        (
            RENAME.format("edge-ready", "edge-raedy"),
            RENAME.format("edge-raedy", "edge-ready"),
            "its bytes are not those that were hashed when it was stored",
        ),
        (
            "UPDATE checkpoint SET peaks = zeroblob(length(peaks))",
            "",
            "the tree beside its checkpoint is not the one of the note",
        ),
    ],
    ids=["an entry", "a checkpoint"],
)
def test_what_does_not_hold_is_an_alarm_and_stands_in_the_status(
    tmp_path: Path, edit: str, undo: str, told: str
) -> None:
    house = House(tmp_path)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            assert await edge.checkpoints.take()
            scrubber = edge.desk._scrubber
            assert await scrubber.look()
            assert scrubber.looked is not None
            assert scrubber.looked.findings == 0
            assert any(" sound 0 s ago, all " in line.text for line in lines(edge.desk.status()))
            assert await bodies(edge, ev.JournalUnsound) == []
            await by_hand(edge, edit)
            assert await scrubber.look()
            await by_hand(edge, undo)  # what is not as it was stored is not read either
            (found,) = await until(edge, ev.JournalUnsound)
            assert isinstance(found, ev.JournalUnsound)
            assert found.findings >= 1
            assert found.what == told
            said = [line for line in lines(edge.desk.status()) if "NOT SOUND" in line.text]
            assert [line.tone for line in said] == ["ALARM"]

    asyncio.run(run())


def test_a_virtual_site_looks_through_its_journal_while_everything_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That it finds nothing there is a rule of every virtual site."""
    looks: list[bool] = []
    honest = Scrubber.look

    async def look(self: Scrubber) -> bool:
        looks.append(await honest(self))
        return looks[-1]

    monkeypatch.setattr(Scrubber, "look", look)
    options = Options(seed=5, days=0.05, portals=3, people=12)
    verdict = simulate(options)
    assert verdict.broken == ""
    assert True in looks
