"""An edge and its witness over a real broker: what a cut, an old copy and a forger come to."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from pathlib import Path

from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.archive_sqlite import SqliteArchive
from central.commands import central
from central.findings import Finding
from central.witness import ASKED_MAX, Judgement, NotCosigned, Witness
from controller.checkpoint import Checkpoint, log_name
from drivers.mqtt_link import MqttLink
from edge import wire
from edge.checkpoints import Checkpointer
from edge.journal.checkpoints import Kept
from edge.journal.record import Record
from edge.journal.writer import JournalWriter
from edge.journal_keys import JournalKey, KeyRing
from edge.notes import Algorithm, NoteKey, cosignature, cosigned_at, note_key, signed
from edge.signatures import SigningKey
from edge.uplink import Uplink
from edge.uplink_reports import UplinkReport
from edge.witness_keys import WitnessRing
from edge.witnessed import CosignatureIgnored, JournalDoubt, Witnessed, WitnessReport
from simulators.broker_process import BrokerProcess
from tests.central.rig import (
    EDGE,
    SITE,
    CentralProcess,
    journal,
    record,
    running,
    running_central,
    settings,
    until,
)

SEEN_S = 1_700_000_000


def key(number: int) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


OWN, CENTRAL, FORGER = key(1), key(3), key(9)


def witness(by: SigningKey = CENTRAL) -> Witness:
    return Witness(by, lambda: SEEN_S)


class WitnessedEdge:
    """An edge's journal with what says its size, and the way to the witness."""

    def __init__(
        self, outbox: JournalWriter, port: int, believed: NoteKey, ring: KeyRing | None = None
    ) -> None:
        self.outbox = outbox
        self.ring = ring or KeyRing(JournalKey(OWN))
        self._believed = believed
        self.reports: list[WitnessReport] = []
        self.checkpoints = Checkpointer(
            outbox, self.ring, lambda: SEEN_S * 10**6, self._said, witnessed=True
        )
        self.witnessed = Witnessed(
            outbox,
            lambda: self.checkpoints.keys,
            WitnessRing(believed),
            self.reports.append,
            self.ring.followed,
        )
        link = MqttLink(settings(port, f"{SITE}-{EDGE}"), lambda _: None)
        self.heard: list[UplinkReport] = []
        self.uplink = Uplink(outbox, link, SITE, EDGE, "0.1.0", self.witnessed, self.heard.append)

    def _said(self, kept: Kept) -> None:
        self.uplink.said(kept)

    async def happen(self, count: int, reason: str = "out of turn") -> None:
        first = self.outbox.last_seq + 1
        await self.happened(
            [
                record(self.outbox.incarnation, seq, reason=reason)
                for seq in range(first, first + count)
            ]
        )

    async def happened(self, records: Sequence[Record]) -> None:
        """These are recorded and sent, and their size is said."""
        await self.outbox.append(records)
        self.uplink.committed(records)
        self.checkpoints.committed(records)
        await self.checkpoints.take()

    async def cosigned(self) -> int:
        kept = await self.outbox.newest_cosigned()
        if kept is None or kept.cosigned is None:
            return 0
        assert cosigned_at(kept.cosigned, self._believed) >= SEEN_S
        return kept.size

    async def cosigned_up_to(self, size: int) -> None:
        async with asyncio.timeout(15):
            while await self.cosigned() < size:
                await asyncio.sleep(0.01)
        assert await self.cosigned() == size


@contextlib.asynccontextmanager
async def running_edge(
    folder: Path, port: int, believed: NoteKey | None = None, ring: KeyRing | None = None
) -> AsyncIterator[WitnessedEdge]:
    outbox = await journal(folder)
    edge = WitnessedEdge(outbox, port, believed or witness().key, ring)
    try:
        async with running(edge.uplink.run(), "uplink"):
            yield edge
    finally:
        await outbox.close()


def doubts(edge: WitnessedEdge) -> list[JournalDoubt]:
    return [report for report in edge.reports if isinstance(report, JournalDoubt)]


def alarms(found: list[Finding]) -> list[str]:
    return [one.reason for one in found if isinstance(one, NotCosigned) and one.alarm]


def by_hand(folder: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    connection = sqlite3.connect(folder / "segment-000001.db")
    with connection:
        change(connection)
    connection.close()


def test_every_size_that_was_said_is_cosigned_through_restarts(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    async def run() -> None:
        archive = tmp_path / "archive.db"
        for round_ in range(2):
            async with (
                running_central(archive, broker.port, witness=witness()) as found,
                running_edge(tmp_path / "j", broker.port) as edge,
            ):
                await edge.happen(30)
                await edge.cosigned_up_to(60 * round_ + 30)
                await edge.happen(30)
                await edge.cosigned_up_to(60 * round_ + 60)
                await edge.witnessed.look_back()
            assert not alarms(found)
            assert edge.reports == []

    asyncio.run(run())


def test_a_witness_that_comes_late_sees_what_is_there_by_then(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def run() -> None:
        async with running_edge(tmp_path / "j", mosquitto.port) as edge:
            await edge.happen(10)
            await edge.happen(10)
            archive = tmp_path / "archive.db"
            async with running_central(archive, mosquitto.port, witness=witness()):
                await edge.happen(1)
                await edge.cosigned_up_to(21)

    asyncio.run(run())


def test_each_segment_that_ended_while_nobody_heard_of_it_gets_its_own_cosignature(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def run() -> None:
        async with running_edge(tmp_path / "j", mosquitto.port) as edge:
            for month in range(1, 4):
                await edge.happen(10)
                await edge.checkpoints.seal(month)
            await edge.happen(5)
            async with running_central(
                tmp_path / "archive.db", mosquitto.port, witness=witness()
            ) as found:
                await edge.happen(1)
                await edge.cosigned_up_to(36)
            assert not alarms(found)
            assert edge.reports == []
            for end in (10, 20, 30):
                (kept,) = await edge.outbox.said(end)
                assert kept.cosigned is not None
                assert cosigned_at(kept.cosigned, witness().key) >= SEEN_S

    asyncio.run(run())


def test_a_witness_that_was_put_back_from_an_old_copy_goes_on_from_what_it_remembers(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Its clock goes on, so that what it remembers is older than what the edge has seen."""
    archive, copy = tmp_path / "archive.db", tmp_path / "copy.db"
    seconds = count(SEEN_S)

    async def run() -> None:
        async with running_edge(tmp_path / "j", mosquitto.port) as edge:
            for upto, keep in ((20, True), (40, False)):
                remembering = Witness(CENTRAL, lambda: next(seconds))
                async with running_central(archive, mosquitto.port, witness=remembering):
                    await edge.happen(20)
                    await edge.cosigned_up_to(upto)
                if keep:
                    shutil.copy(archive, copy)
            shutil.copy(copy, archive)
            for log in archive.parent.glob("archive.db-*"):
                log.unlink()
            restored = Witness(CENTRAL, lambda: next(seconds))
            async with running_central(archive, mosquitto.port, witness=restored) as found:
                await edge.happen(20)
                await edge.cosigned_up_to(60)
                await edge.happen(20)
                await edge.cosigned_up_to(80)
            assert not alarms(found)
            assert not doubts(edge)

    asyncio.run(run())


def test_an_old_copy_that_was_put_back_is_told_by_the_witness(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Nothing in the copy can know it."""
    folder, copy = tmp_path / "j", tmp_path / "copy"

    async def run() -> None:
        archive = tmp_path / "archive.db"
        async with running_central(archive, mosquitto.port, witness=witness()) as found:
            async with running_edge(folder, mosquitto.port) as edge:
                await edge.happen(20)
                await edge.cosigned_up_to(20)
            shutil.copytree(folder, copy)
            async with running_edge(folder, mosquitto.port) as edge:
                await edge.happen(40)
                await edge.cosigned_up_to(60)
            async with running_edge(copy, mosquitto.port) as edge:
                await edge.witnessed.look_back()
                assert not edge.reports
                await edge.happen(5, "something else")
                await until(lambda: bool(doubts(edge)), "the doubt")
                assert doubts(edge)[0] == JournalDoubt(witnessed=60, held=25)
                assert await edge.cosigned() == 20
            assert alarms(found)[0] == "25 entries, and 60 were cosigned"

    asyncio.run(run())


def test_a_tail_that_was_cut_is_seen_at_the_start_without_anybody(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    def cut(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM personal WHERE seq > 30")
        connection.execute("DELETE FROM entry WHERE seq > 30")
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'acked'")

    async def run() -> None:
        archive = tmp_path / "archive.db"
        async with (
            running_central(archive, mosquitto.port, witness=witness()),
            running_edge(tmp_path / "j", mosquitto.port) as edge,
        ):
            await edge.happen(50)
            await edge.cosigned_up_to(50)
        by_hand(tmp_path / "j", cut)
        async with running_edge(tmp_path / "j", 1) as edge:
            await edge.witnessed.look_back()
            assert doubts(edge) == [JournalDoubt(witnessed=50, held=30)]

    asyncio.run(run())


def test_a_history_written_anew_under_the_stolen_key_is_not_cosigned(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Chain, tree and signature all fit; only the witness can know."""
    folder, forged = tmp_path / "j", tmp_path / "forged"

    def other(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'incarnation'", (incarnation,))

    async def run() -> None:
        nonlocal incarnation
        archive = tmp_path / "archive.db"
        async with running_central(archive, mosquitto.port, witness=witness()) as found:
            async with running_edge(folder, mosquitto.port) as edge:
                incarnation = edge.outbox.incarnation
                await edge.happen(50)
                await edge.cosigned_up_to(50)
            await (await journal(forged)).close()
            by_hand(forged, other)
            async with running_edge(forged, mosquitto.port) as edge:
                await edge.happen(80, "nothing of note")
                await until(lambda: bool(doubts(edge)), "the doubt")
                assert doubts(edge)[0] == JournalDoubt(witnessed=50, held=80)
                assert await edge.cosigned() == 0
                for _ in range(ASKED_MAX):
                    await edge.happen(1, "nothing of note")
                    await asyncio.sleep(0.05)
                await until(lambda: bool(alarms(found)), "central's alarm")

    incarnation = ""
    asyncio.run(run())


class Halting:
    """A journal whose proofs, and notes of cosignatures, are done and not told until asked."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self.last_seq = writer.last_seq
        self.newest_cosigned, self.root_at = writer.newest_cosigned, writer.root_at
        self.note_doubted = writer.note_doubted
        self.next_end = writer.next_end
        self.noted, self.proven, self.proving = asyncio.Event(), asyncio.Event(), False

    async def note_cosigned(self, size: int, cosigned: str) -> None:
        await self._writer.note_cosigned(size, cosigned)
        await self.noted.wait()

    async def proof_since(self, old: int, size: int) -> tuple[bytes, ...] | None:
        proof = await self._writer.proof_since(old, size)
        self.proving = True
        await self.proven.wait()
        return proof


def test_an_answer_that_is_heard_while_the_next_proof_is_made_is_not_mixed_into_it(
    tmp_path: Path,
) -> None:
    """A proof from one size under the name of another is what a forger would send."""

    async def run() -> None:
        outbox = await journal(tmp_path / "j")
        sizes, own = (
            Halting(outbox),
            NoteKey(log_name(SITE, EDGE, outbox.incarnation), OWN.public, Algorithm.LOG),
        )
        witnessed = Witnessed(sizes, lambda: (own,), WitnessRing(witness().key), lambda _: None)
        checkpoints = Checkpointer(
            outbox, KeyRing(JournalKey(OWN)), lambda: SEEN_S * 10**6, witnessed.taken
        )

        async def said(count: int) -> None:
            first = outbox.last_seq + 1
            await outbox.append([record(outbox.incarnation, seq) for seq in range(first, count)])
            await checkpoints.take()

        with contextlib.closing(SqliteArchive(tmp_path / "archive.db")) as archive:

            def judged(payload: bytes | None) -> Judgement:
                assert payload is not None
                sent = wire.decode_checkpoint(payload)
                return witness().judge(archive, SITE, EDGE, sent)

            await said(11)
            sizes.proven.set()
            answer = judged(await witnessed.message(0.0)).answer
            assert answer is not None
            answer_size = outbox.last_seq
            await said(31)
            sizes.proven.clear()
            sizes.proving = False
            hearing = asyncio.create_task(witnessed.heard(wire.encode_checkpoint(answer)))
            await until(lambda: witnessed._asked is None, "the answer is being heard")
            sending = asyncio.create_task(witnessed.message(1.0))
            await asyncio.sleep(0.1)
            assert not sizes.proving, "before the answer is heard to its end"
            sizes.noted.set()
            await hearing
            sizes.proven.set()
            payload = await sending
            assert payload is not None
            assert wire.decode_checkpoint(payload).old == answer_size
            told = judged(payload).told
            assert not isinstance(told, NotCosigned), told
        await outbox.close()

    asyncio.run(run())


def test_an_answer_counts_once_and_an_old_one_never(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Whoever may publish there cannot make the edge work, or prove from elsewhere."""

    async def run() -> None:
        archive = tmp_path / "archive.db"
        async with (
            running_central(archive, mosquitto.port, witness=witness()),
            running_edge(tmp_path / "j", mosquitto.port) as edge,
        ):
            await edge.happen(10)
            await edge.cosigned_up_to(10)
            kept = await edge.outbox.newest_cosigned()
            assert kept is not None
            assert kept.cosigned is not None
            old = wire.encode_checkpoint(wire.CheckpointSeen(note=kept.cosigned))
            for number in range(1, 4):
                await edge.witnessed.heard(old)
                assert edge.reports[-1] == CosignatureIgnored(reason="nothing was asked")
                await edge.happen(10)
                await edge.cosigned_up_to(10 + 10 * number)
            newest = await edge.checkpoints.take()
            assert newest
            assert await edge.witnessed.message(0.0)
            await edge.witnessed.heard(old)
            earlier = CosignatureIgnored(reason="an answer to something earlier")
            assert edge.reports[-1] == earlier
            assert await edge.cosigned() == 40

    asyncio.run(run())


def test_who_does_not_agree_is_asked_once_more_and_not_again_and_again(tmp_path: Path) -> None:
    """The answer's words are nobody's; that the note is an older one is the witness's."""

    async def run() -> None:
        edge = WitnessedEdge(await journal(tmp_path / "j"), 1, witness().key)
        await edge.happen(5)
        text = (await edge.outbox.checkpoint(edge.checkpoints._sign, 1)).note
        own = edge.checkpoints.key.name
        line = cosignature(text.rpartition("\n\n")[0] + "\n", witness().key.name, CENTRAL, SEEN_S)
        assert own in text
        await edge.happen(5)
        refusal = wire.encode_checkpoint(wire.CheckpointSeen(note=text + line, problem="no"))
        asked = []
        for _ in range(3):
            asked.append(edge.witnessed.due(0.0))
            if asked[-1]:
                await edge.witnessed.message(0.0)
                await edge.witnessed.heard(refusal)
        assert asked == [True, True, False]
        assert edge.witnessed.look_again_s is None, "it has answered"
        assert await edge.cosigned() == 5
        await edge.outbox.close()

    asyncio.run(run())


def test_what_another_journal_of_ours_holds_is_noted_by_no_checkpoint(tmp_path: Path) -> None:
    async def run() -> None:
        edge = WitnessedEdge(await journal(tmp_path / "j"), 1, witness().key)
        await edge.happen(5)
        other = Checkpoint(edge.checkpoints.key.name, 5, bytes(32)).text
        note = signed(other, edge.checkpoints.key.name, OWN)
        line = cosignature(other, witness().key.name, CENTRAL, SEEN_S)
        await edge.witnessed.message(0.0)
        await edge.witnessed.heard(wire.encode_checkpoint(wire.CheckpointSeen(note=note + line)))
        assert doubts(edge) == [JournalDoubt(witnessed=5, held=5)]
        assert await edge.cosigned() == 0
        await edge.outbox.close()

    asyncio.run(run())


def test_nobody_but_the_witness_is_believed(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    async def run() -> None:
        archive = tmp_path / "archive.db"
        async with (
            running_central(archive, mosquitto.port, witness=witness(FORGER)),
            running_edge(tmp_path / "j", mosquitto.port) as edge,
        ):
            await edge.happen(10)
            await until(lambda: bool(edge.reports), "the forger's line")
            assert isinstance(edge.reports[0], CosignatureIgnored)
            assert await edge.cosigned() == 0

    asyncio.run(run())


def test_a_key_is_made_once_and_printed_as_edges_need_it(tmp_path: Path) -> None:
    run, file = CliRunner().invoke, tmp_path / "witness.key"
    made = run(central, ["key", str(file), "--new"])
    assert made.exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert note_key(made.output).algorithm is Algorithm.WITNESS
    assert run(central, ["key", str(file)]).output == made.output
    again = run(central, ["key", str(file), "--new"])
    assert (again.exit_code, "never written over" in again.output) == (1, True)
    assert run(central, ["key", str(tmp_path / "none.key")]).exit_code == 1


def test_central_as_a_process_cosigns_and_says_what_was_tampered_with(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    folder, copy, file = tmp_path / "j", tmp_path / "copy", tmp_path / "witness.key"
    made = CliRunner().invoke(central, ["key", str(file), "--new"])
    key_of_central = note_key(made.output)

    async def run() -> None:
        one = CentralProcess(mosquitto.port, tmp_path / "a.db", "--witness-key", str(file))
        try:
            async with running_edge(folder, mosquitto.port, key_of_central) as edge:
                await edge.happen(20)
                await edge.cosigned_up_to(20)
            shutil.copytree(folder, copy)
            async with running_edge(folder, mosquitto.port, key_of_central) as edge:
                await edge.happen(20)
                await edge.cosigned_up_to(40)
            async with running_edge(copy, mosquitto.port, key_of_central) as edge:
                await edge.happen(1)
                await until(lambda: bool(doubts(edge)), "the doubt")
            await until(lambda: "JOURNAL-TAMPERED" in one.output, "central's alarm")
        finally:
            one.stop()

    asyncio.run(run())
