"""A real edge's journal through months that pass at once: sealed, and kept as long as was said."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller import events as ev
from controller.body import Body
from controller.events import decode_body, decode_entry
from controller.moment import Moment
from controller.retention import RecordClass
from edge import keeper
from edge.assembly import Edge
from edge.commands.check import about_retention
from edge.journal import AckRefused, Signers, verify_folder
from edge.keeper import DAY_US, SEGMENT_ENTRIES_MAX, Keeper
from edge.notes import Algorithm, NoteKey, cosignature
from edge.renewal import JOURNAL
from edge.signatures import SigningKey
from policies.facts import Mode
from tests.commands import command
from tests.edge.house import House, posture, running, until

CENTRAL = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\4" * 32))
WITNESS = NoteKey("central", CENTRAL.public, Algorithm.WITNESS)
EVERY = dict.fromkeys(RecordClass, 10)
MONTH_DAYS = 31


class Kept:
    """The keeper of an edge, under a calendar of its own."""

    def __init__(
        self,
        edge: Edge,
        days: Mapping[RecordClass, int] = EVERY,
        witness: NoteKey | None = WITNESS,
    ) -> None:
        self.edge = edge
        self.moment = edge.daemon.now()
        self.low = 0
        self.keeper = Keeper(
            edge.daemon,
            edge.checkpoints,
            lambda: self.moment,
            days,
            lambda: Signers(edge.checkpoints.key.public, witness),
            self._room_is_low,
        )

    def _room_is_low(self) -> bool:
        self.low -= self.low > 0
        return self.low > 0

    async def later(self, days: int, *, trusted: bool = True) -> None:
        at_us = self.moment.utc_us + days * DAY_US
        self.moment = Moment(self.moment.mono_us, at_us, trusted)
        await self.keeper.look(old=True)

    async def happens(self, mode: Mode = Mode.NORMAL) -> None:
        """A posture, and a door that is heard of."""
        for threat in (1, 2):
            posture(self.edge, mode, threat)
        await self.edge.daemon.recorder.drained()
        async with asyncio.timeout(10):
            while self.edge.daemon._outstanding:  # what doors answer belongs to this day
                await asyncio.sleep(0.01)
        await self.edge.daemon.recorder.drained()

    async def confirmed(self, key: SigningKey = CENTRAL, *, acked: bool = True) -> None:
        """Archive and witness have everything; the state is kept twice behind it."""
        await self.happens()
        await self.edge.daemon.keep_state()
        await self.happens()
        await self.edge.daemon.keep_state()
        await self.heard(key, acked=acked)

    async def heard(self, key: SigningKey = CENTRAL, *, acked: bool = True) -> None:
        """Archive and witness have everything."""
        writer, checkpoints = self.edge.daemon.writer, self.edge.checkpoints
        kept = await writer.checkpoint(checkpoints._sign, self.moment.utc_us)
        text = kept.note.rpartition("\n\n")[0] + "\n"
        line = cosignature(text, "central", key, self.moment.utc_us // 1_000_000)
        await writer.note_cosigned(kept.size, kept.note + line)
        if acked:
            await writer.set_acked(kept.size, incarnation=writer.incarnation)


async def entries(edge: Edge) -> list[tuple[int, Body]]:
    """All that is kept."""
    found: list[tuple[int, Body]] = []
    following = 1
    while part := await edge.daemon.writer.read(following, 1_000, 1 << 20, kept=True):
        following = part[-1].seq + 1
        for one in part:
            body = decode_body(decode_entry(one.entry))
            assert body is not None
            found.append((one.seq, body))
    return found


async def pruned(edge: Edge) -> list[ev.EntriesPruned]:
    return [body for _, body in await entries(edge) if isinstance(body, ev.EntriesPruned)]


def segments(house: House) -> list[int]:
    names = (house.folder / "state" / JOURNAL).glob("segment-*.db")
    return sorted(int(path.stem.rpartition("-")[2]) for path in names)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_each_month_has_its_segment_and_a_restart_goes_on_with_the_state(house: House) -> None:
    async def first() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, ev.EffectEnded, 2)
            kept = Kept(edge)
            await kept.later(0)
            assert segments(house) == [1], "the month has not ended"
            await kept.later(MONTH_DAYS, trusted=False)
            assert segments(house) == [1], "nobody vouches for the clock"
            await kept.later(0)
            assert segments(house) == [1, 2]
            await kept.happens(Mode.LOCKDOWN)
            await kept.later(-2 * MONTH_DAYS)
            assert segments(house) == [1, 2], "the clock was set back"
            await kept.later(4 * MONTH_DAYS)
            assert segments(house) == [1, 2, 3]
            await kept.later(MONTH_DAYS)
            assert segments(house) == [1, 2, 3], "nothing happened in it"

    async def second() -> None:
        async with house.line(), running(house) as edge:
            assert edge.daemon.site.state.mode is Mode.LOCKDOWN
            await until(edge, ev.EdgeReady)

    asyncio.run(first())
    asyncio.run(second())
    assert verify_folder(house.folder / "state" / JOURNAL).sound


def test_a_busy_month_has_more_than_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.keeper.SEGMENT_ENTRIES_MAX", 10)
    assert SEGMENT_ENTRIES_MAX == 1_000_000

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge)
            while edge.daemon.writer.in_segment < 10:
                await kept.happens()
            kept.moment = edge.daemon.now()
            await kept.later(0)
            assert segments(house) == [1, 2]

    asyncio.run(run())


def test_what_is_past_its_time_goes_by_its_class_and_then_the_whole(house: House) -> None:
    days = dict.fromkeys(RecordClass, 100) | {RecordClass.ALARMS: 10}

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge, days)
            await kept.happens(Mode.SHELTER)
            end = edge.daemon.writer.last_seq
            head = await edge.daemon.writer.read(end, 1, 1_000)
            await kept.later(MONTH_DAYS)
            await kept.confirmed()
            await kept.later(9)
            assert await pruned(edge) == []
            await kept.later(2)
            (said,) = await pruned(edge)
            assert (said.classes, said.whole, said.early) == (("alarms",), False, False)
            assert said.first == 1 <= end <= said.last
            left = [body for seq, body in await entries(edge) if seq <= said.last]
            assert not [body for body in left if isinstance(body, ev.PostureChanged)]
            assert [body for body in left if isinstance(body, ev.EdgeReady)]
            again = await edge.daemon.writer.read(said.last + 1, 1, 1_000)
            assert again[0].seq == said.last + 1
            assert head[0].leaf in [bytes(one) for one in await leaves(edge, said.last)]
            await kept.later(1)
            assert len(await pruned(edge)) == 1, "once"
            report = await edge.daemon.writer.verify(None, kept.keeper._signers())
            assert (report.findings, report.pruned > 0, report.gone) == ((), True, 0)
            await kept.later(100)
            last = (await pruned(edge))[-1]
            assert (last.whole, last.early, last.last) == (True, False, said.last)
            assert segments(house)[0] == 2
            report = await edge.daemon.writer.verify(None, kept.keeper._signers())
            assert (report.findings, report.gone) == ((), said.last)

    asyncio.run(run())
    asyncio.run(restarted(house))
    signers = Signers(None, WITNESS)
    assert verify_folder(house.folder / "state" / JOURNAL, signers=signers).sound


async def leaves(edge: Edge, upto: int) -> list[bytes]:
    data = await edge.daemon.writer.leaves_of(0, upto)
    return [data[at : at + 32] for at in range(0, len(data), 32)]


async def restarted(house: House) -> None:
    async with house.line(), running(house) as edge:
        await until_ready(edge)


async def until_ready(edge: Edge) -> None:
    async with asyncio.timeout(30):
        while not edge.daemon.site.state.ready:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "lacks", ["acknowledgement", "cosignature", "witness", "right witness", "table"]
)
def test_nothing_goes_that_is_not_somewhere_else(house: House, lacks: str) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(
                edge,
                {} if lacks == "table" else EVERY,
                None if lacks == "witness" else WITNESS,
            )
            await kept.later(MONTH_DAYS)
            if lacks != "cosignature":
                key = OTHER if lacks == "right witness" else CENTRAL
                await kept.confirmed(key, acked=lacks != "acknowledgement")
            else:
                writer = edge.daemon.writer
                await kept.happens()
                await edge.daemon.keep_state()
                await kept.happens()
                await edge.daemon.keep_state()
                await writer.set_acked(writer.last_seq, incarnation=writer.incarnation)
            await kept.later(400)
            assert await pruned(edge) == []
            assert segments(house)[0] == 1

    asyncio.run(run())


def test_a_forged_acknowledgement_of_what_was_never_written_prunes_nothing(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge)
            await kept.later(MONTH_DAYS)
            await kept.confirmed(acked=False)
            writer = edge.daemon.writer
            with pytest.raises(AckRefused):
                await writer.set_acked(10**12, incarnation=writer.incarnation)
            await kept.later(400)
            assert await pruned(edge) == []
            assert writer.acked == 0

    asyncio.run(run())


def test_a_start_always_has_a_state_behind_what_is_pruned(house: House) -> None:
    """Two snapshots, of which one may turn out damaged: without them the entries stay."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge)
            await kept.later(MONTH_DAYS)
            await kept.happens()
            writer = edge.daemon.writer
            assert await writer.sealed() == ()
            await edge.daemon.keep_state()
            assert await writer.sealed() == ()
            await kept.happens()
            await edge.daemon.keep_state()
            assert [one.number for one in await writer.sealed()] == [1]

    asyncio.run(run())


def test_on_a_disk_that_fills_within_a_month_the_segment_is_ended_and_goes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is sealed can go, and only from before states that are kept."""
    monkeypatch.setattr(keeper, "SEGMENT_ENTRIES_LOW", 4)

    async def scene() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge)
            await kept.happens()
            await kept.later(0)
            assert segments(house) == [1], "there is room"
            kept.low = 1_000
            for _ in range(3):
                await kept.happens()
                await kept.heard()
                await kept.later(0)
            assert 1 not in segments(house)
            gone = await pruned(edge)
            assert gone
            assert all(one.early and one.whole for one in gone)
            await kept.later(0, trusted=False)
        await restarted(house)

    asyncio.run(scene())


def test_on_a_disk_that_fills_the_oldest_goes_early_and_that_is_an_alarm(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge, {})
            for _ in range(3):
                await kept.happens()
                await kept.later(MONTH_DAYS)
            await kept.confirmed()
            assert segments(house) == [1, 2, 3, 4]
            kept.low = 3
            await kept.keeper.look(old=False)
            said = await pruned(edge)
            assert [(one.whole, one.early) for one in said] == [(True, True)] * 2
            assert segments(house) == [3, 4], "no more than it takes"
            report = await edge.daemon.writer.verify(None, kept.keeper._signers())
            assert report.findings == ()

    asyncio.run(run())
    asyncio.run(restarted(house))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "journal kept for good"),
        (
            "\n[retention]\npassages-days = 30\n",
            "journal kept for good in spite of [retention] (passages 30 days): no witness",
        ),
        (
            f'\n[broker]\nhost = "h"\nwitness = "{WITNESS.text}"\n'
            "[retention]\nalarms-days = 9\npassages-days = 30\n",
            "journal kept: alarms 9 days, passages 30 days; the rest for good",
        ),
    ],
)
def test_check_says_for_how_long_and_whether_at_all(house: House, table: str, told: str) -> None:
    with (house.folder / "site.toml").open("a") as file:
        file.write(table)
    assert about_retention(house.config()).startswith(told)
    plain = command("check", cwd=house.folder)
    assert told in plain.stdout
    answer = command("check", "--json", cwd=house.folder)
    assert json.loads(answer.stdout)["prunes"] is ("witness" in table)


def test_an_entry_that_was_pruned_is_not_shown_as_nothing(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            kept = Kept(edge, {})
            await kept.later(MONTH_DAYS)
            await kept.confirmed()
            kept.low = 2
            await kept.keeper.look(old=False)
            assert segments(house) == [2]

    asyncio.run(run())
    state = ("--state", house.folder / "state")
    shown = command("journal", "show", "1", *state, cwd=house.folder)
    assert shown.returncode == 1
    assert "not kept here any more\nremedy: ask the archive" in shown.stderr
    proved = command("journal", "prove", "1", *state, cwd=house.folder)
    assert proved.returncode == 1
    assert "entry 1 is not kept here any more: it was pruned" in proved.stderr
    verified = command("journal", "verify", *state, cwd=house.folder)
    assert verified.returncode == 0
    assert "are kept no longer, and a checkpoint covers them" in verified.stdout
