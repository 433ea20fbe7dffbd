"""Faults aimed at batches that are on their way."""

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from central.archive import ArchiveError, Receipt
from central.archive_sqlite import SqliteArchive
from central.collector import Collector
from central.findings import ArchiveFailing, BatchRefused
from controller import ledger
from drivers.mqtt_link import (
    LinkFailed,
    Message,
    MqttLink,
    Problem,
    Publication,
    Session,
)
from edge import wire
from edge.journal.errors import JournalFailed
from edge.topics import Topics
from edge.uplink_reports import (
    AckIgnored,
    ArchiveDiverged,
    ArchiveFellBack,
    EntriesGone,
    JournalSilent,
)
from edge.window import BATCHES_IN_FLIGHT_MAX
from simulators.broker_process import BrokerProcess
from tests.central.rig import (
    EDGE,
    NAME,
    SITE,
    CentralProcess,
    EdgeRig,
    assert_complete,
    record,
    running,
    running_central,
    running_edge,
    settings,
    stored_in,
    until,
)
from tests.servers import make_broker

TOPICS = Topics(SITE, EDGE)
NO_PERSISTENCE = ("persistence false",)


async def complete(path: Path, edge: EdgeRig) -> None:
    await edge.acked(edge.outbox.last_seq, 25)
    await assert_complete(path, await stored_in(edge.outbox), edge.outbox)


def mark_in(path: Path) -> int:
    """Up to where the one journal in an archive is stored, seen from outside."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as archive:
        (mark,) = archive.execute("SELECT max(mark) FROM journal").fetchone()
    return mark or 0


class Bystander:
    """A client of the broker that sees and says whatever the broker lets it."""

    def __init__(self, link: MqttLink) -> None:
        self.link = link
        self.messages: list[Message] = []

    async def listen(self) -> None:
        while True:
            happening = await self.link.next()
            if isinstance(happening, Message):
                self.messages.append(happening)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.link.publish(Publication(topic=topic, payload=payload, qos=1, retain=retain))

    def on(self, topic: str) -> list[Message]:
        return [message for message in self.messages if message.topic == topic]


@contextlib.asynccontextmanager
async def bystander(port: int, name: str = "bystander") -> AsyncIterator[Bystander]:
    link = MqttLink(settings(port, name), lambda _report: None)
    somebody = Bystander(link)
    async with (
        running(link.run(Session(filters=("#",))), name),
        running(somebody.listen(), f"{name} listens"),
    ):
        await until(lambda: link.connected, f"{name} is connected")
        yield somebody


def ack(
    edge: EdgeRig, up_to: int, chain: bytes, *, incarnation: str | None = None, gap: bool = False
) -> bytes:
    return wire.encode_ack(
        wire.Ack(
            incarnation=incarnation or edge.outbox.incarnation,
            stored_up_to=up_to,
            chain=chain.hex(),
            gap=gap,
        )
    )


def test_a_broker_that_is_not_there_is_reported_and_waited_for(
    tmp_path: Path, silent_port: int
) -> None:
    async def scene() -> None:
        async with running_edge(tmp_path / "journal", silent_port) as edge:
            await edge.happen(250)
            await until(lambda: len(edge.link_reports) >= 2, "reported")
            report = edge.link_reports[0]
            assert isinstance(report, LinkFailed)
            assert report.problem is Problem.UNREACHABLE
            assert "start the broker" in report.remedy
            assert edge.uplink.status.behind == 250
            assert not edge.uplink.status.connected
            broker = BrokerProcess("mosquitto", port=silent_port)
            with broker:
                async with running_central(tmp_path / "archive.db", silent_port):
                    await complete(tmp_path / "archive.db", edge)

    asyncio.run(scene())


def test_a_broker_without_memory_is_killed_twice_in_the_middle(tmp_path: Path) -> None:
    async def scene(broker: BrokerProcess) -> None:
        async with (
            running_central(tmp_path / "archive.db", broker.port),
            running_edge(tmp_path / "journal", broker.port) as edge,
        ):
            for _ in range(2):
                await edge.happen(700)
                assert edge.outbox.acked < edge.outbox.last_seq, "something is on its way"
                await asyncio.to_thread(broker.restart, kill=True)
            await edge.happen(300)
            await complete(tmp_path / "archive.db", edge)

    with make_broker("mosquitto", extra=NO_PERSISTENCE) as broker:
        asyncio.run(scene(broker))


def test_central_is_killed_twice_in_the_middle(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        path = tmp_path / "archive.db"
        central = CentralProcess(mosquitto.port, path, "--json")
        try:
            async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
                await until(lambda: '"ready":true' in central.output, "central is ready")
                for _ in range(2):
                    before = edge.outbox.acked
                    await edge.happen(1500)
                    await until(lambda at=before: edge.outbox.acked > at, "acknowledging")  # type: ignore[misc]
                    central.kill()
                    assert edge.outbox.acked < edge.outbox.last_seq, "something is on its way"
                    central = CentralProcess(mosquitto.port, path, "--json")
                await complete(path, edge)
        finally:
            assert central.stop() == 0

    asyncio.run(scene())


def test_the_edge_goes_down_and_continues_where_the_archive_is(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def scene() -> None:
        path = tmp_path / "archive.db"
        async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
            await edge.happen(300)
            await until(lambda: edge.uplink.status.in_flight > 0, "on its way to nobody")
        async with (
            running_central(path, mosquitto.port),
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await edge.happen(50)
            await complete(path, edge)

    asyncio.run(scene())


class FailingArchive(SqliteArchive):
    """Its first commit fails, after everything before it went well."""

    failures = 1

    def _insert(self, journal, entries):  # type: ignore[no-untyped-def]
        receipt = super()._insert(journal, entries)
        if type(self).failures:
            type(self).failures -= 1
            raise ArchiveError("no space left")
        return receipt


class TooEager(Collector):
    """The planted bug: it acknowledges first."""

    async def _store_then_acknowledge(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        mark = await self._blocking(self._archive.mark, site, edge, batch.incarnation)
        last, chain = mark.seq, mark.chain
        for entry in batch.entries:
            last, chain = last + 1, ledger.link(chain, ledger.leaf(entry.data))
        self._acknowledge(
            site, edge, batch.incarnation, msgspec.structs.replace(mark, seq=last, chain=chain)
        )
        return await self._blocking(self._archive.store, site, edge, batch)


async def acknowledgement_waits_for_the_commit(
    folder: Path, port: int, make: type[Collector]
) -> None:
    """The archive fails once: nothing may be acknowledged before it has stored."""
    FailingArchive.failures = 1
    path = folder / "archive.db"
    async with (
        running_central(path, port, make=make, open_archive=lambda: FailingArchive(path)) as found,
        running_edge(folder / "journal", port) as edge,
    ):
        await edge.happen(50)
        await until(lambda: any(isinstance(f, ArchiveFailing) for f in found), "failing")
        await asyncio.sleep(0.2)
        assert edge.outbox.acked == 0, "acknowledged what is not stored"
        await complete(path, edge)


def test_an_archive_that_fails_to_commit_acknowledges_nothing(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    asyncio.run(acknowledgement_waits_for_the_commit(tmp_path, mosquitto.port, Collector))


def test_the_check_above_sees_a_collector_that_acknowledges_first(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    with pytest.raises(AssertionError, match="acknowledged what is not stored"):
        asyncio.run(acknowledgement_waits_for_the_commit(tmp_path, mosquitto.port, TooEager))


def test_acknowledgements_that_cannot_be_true_change_nothing(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def scene() -> None:
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            bystander(mosquitto.port) as forger,
        ):
            await edge.happen(300)
            stored = await edge.outbox.read(1, 300, 4 * 1024 * 1024)
            head = edge.outbox.head
            forgeries = (
                ack(edge, 10**12, head),
                ack(edge, 300, head, incarnation="0" * 16),
                b"{",
                b'{"stored_up_to": -1}',
                ack(edge, 200, head),  # a true number with another number's chain
            )
            for forgery in forgeries:
                forger.say(TOPICS.journal_ack, forgery)
            await until(lambda: len(edge.reports) >= len(forgeries), "all looked at")
            assert edge.outbox.acked == 0
            assert [type(report) for report in edge.reports] == [AckIgnored] * 4 + [ArchiveDiverged]
            assert "does not exist yet" in str(edge.reports[0])
            assert "another journal" in str(edge.reports[1])
            # In the middle of a batch, and true.
            forger.say(TOPICS.journal_ack, ack(edge, 150, stored[149].chain))
            await edge.acked(150)
        # The archive never had what somebody else acknowledged: it says so, and gets it.
        async with (
            running_central(tmp_path / "archive.db", mosquitto.port),
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await edge.happen(10)
            await until(lambda: any(isinstance(r, ArchiveFellBack) for r in edge.reports), "noted")
            assert edge.outbox.acked >= 150
            await complete(tmp_path / "archive.db", edge)

    asyncio.run(scene())


def test_an_acknowledgement_counts_for_what_was_sent_and_no_more(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Whoever says it has the right chain: he may have heard it elsewhere."""

    async def scene() -> None:
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            bystander(mosquitto.port) as forger,
        ):
            last = BATCHES_IN_FLIGHT_MAX * wire.BATCH_ENTRIES_MAX + 250
            await edge.happen(last)
            await until(lambda: edge.uplink._window.full, "as many as may be on their way")
            sent = edge.uplink._window.reached
            assert sent < last
            forger.say(TOPICS.journal_ack, ack(edge, last, edge.outbox.head))
            await edge.acked(sent)
            await until(lambda: edge.uplink._window.reached == last, "and the rest is sent")
            assert edge.outbox.acked == sent
        async with (
            running_central(tmp_path / "archive.db", mosquitto.port),
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await complete(tmp_path / "archive.db", edge)

    asyncio.run(scene())


def test_a_mark_that_cannot_be_compared_any_more_sends_again_and_acknowledges_nothing(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def scene() -> None:
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            bystander(mosquitto.port) as forger,
        ):
            await edge.happen(300)
            await until(lambda: edge.uplink._window.sent == 300, "on its way")
            (stored,) = await edge.outbox.read(250, 1, 1)
            forger.say(TOPICS.journal_ack, ack(edge, 250, stored.chain))
            await edge.acked(250)
            await edge.outbox.seal(lambda tree: f"{tree.size}", 1)
            await edge.outbox.drop(1, 300)
            await edge.happen(50)
            await until(lambda: edge.uplink._window.sent == 350, "on its way")
            forger.say(TOPICS.journal_ack, ack(edge, 300, b"\0" * 32))
            forger.say(TOPICS.journal_ack, ack(edge, 123, b"\0" * 32, gap=True))
            await until(lambda: len(edge.reports) == 3, "heard")
            forger.say(TOPICS.journal_ack, ack(edge, 124, b"\0" * 32))
            forger.say(TOPICS.journal_ack, ack(edge, 200, b"\0" * 32, gap=True))
            forger.say(TOPICS.journal_ack, ack(edge, 124, b"\0" * 32))
            await until(lambda: len(edge.reports) == 5, "heard again")
            assert edge.uplink._window.base == 123
            assert edge.reports[:3] == [
                ArchiveDiverged(seq=300, archive=""),
                ArchiveFellBack(stored_up_to=123, acked=250),
                EntriesGone(first=124, last=300),
            ]
            assert "entry 124 cannot be compared" in str(edge.reports[3])
            await until(lambda: edge.uplink._window.sent == 350, "sent again")
            assert edge.outbox.acked == 250
            last = wire.decode_batch(forger.on(TOPICS.journal)[-1].payload)
            assert (last.first, len(last.before or "")) == (301, 64)

    asyncio.run(scene())


@pytest.mark.parametrize("happens", [0, 10])
def test_an_archive_that_lost_its_disk_gets_everything_again(
    tmp_path: Path, mosquitto: BrokerProcess, happens: int
) -> None:
    """Whether or not anything new happens at the edge."""

    async def scene() -> None:
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            running_central(tmp_path / "first.db", mosquitto.port),
        ):
            await edge.happen(1200)
            await edge.acked(1200)
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            running_central(tmp_path / "second.db", mosquitto.port),
        ):
            await edge.happen(happens)
            await until(lambda: any(isinstance(r, ArchiveFellBack) for r in edge.reports), "told")
            await until(lambda: mark_in(tmp_path / "second.db") == 1200 + happens, "all is stored")
            await complete(tmp_path / "second.db", edge)

    asyncio.run(scene())


def test_a_batch_behind_a_gap_is_not_acknowledged_and_the_gap_is_sent_again(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """The edge's first batches are lost on the way: published before anybody listened."""

    async def scene() -> None:
        path = tmp_path / "archive.db"
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            bystander(mosquitto.port) as ear,
        ):
            await edge.happen(250)
            await until(lambda: edge.uplink._window.sent == 250, "on their way to nobody")
            async with running_central(path, mosquitto.port):
                await edge.happen(30)
                await until(lambda: bool(ear.on(TOPICS.journal_ack)), "an answer")
                first = wire.decode_ack(ear.on(TOPICS.journal_ack)[0].payload)
                assert (first.stored_up_to, first.gap) == (0, True)
                await complete(path, edge)

    asyncio.run(scene())


def test_no_personal_value_outside_the_journal_topic(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def scene() -> None:
        async with (
            bystander(mosquitto.port) as ear,
            running_central(tmp_path / "archive.db", mosquitto.port),
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await until(lambda: edge.link.connected, "connected")
            await edge.happen(100)
            await complete(tmp_path / "archive.db", edge)

            def live() -> list[str]:
                return [message.topic for message in ear.messages if "/event/" in message.topic]

            await until(lambda: len(live()) == 100, "seen live")
            assert set(live()) == {
                TOPICS.event("badge-ignored"),
                TOPICS.event("decision-made"),
            }
            name = NAME.split()[0].encode()
            for message in ear.messages:
                if message.topic == TOPICS.journal:
                    batch = wire.decode_batch(message.payload)
                    assert not any(name in entry.data for entry in batch.entries)
                else:
                    assert name not in message.payload
            archive = SqliteArchive(tmp_path / "archive.db")
            rows = list(archive.entries(SITE, EDGE, edge.outbox.incarnation))
            archive.close()
            assert [row.personal[0].value for row in rows if row.personal] == [NAME] * 10

    asyncio.run(scene())


def test_live_events_do_not_wait_behind_a_backlog(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """Nobody acknowledges, the window is full: what happens now is seen now."""

    async def scene() -> None:
        async with (
            bystander(mosquitto.port) as ear,
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await until(lambda: edge.link.connected, "connected")
            await edge.happen(2000, at_once=200)
            await until(lambda: edge.uplink.status.in_flight == 8, "the window is full")
            began = asyncio.get_running_loop().time()
            await edge.happen(1)
            last = record(edge.outbox.incarnation, 2001).entry
            await until(lambda: any(m.payload == last for m in ear.messages), "seen")
            assert asyncio.get_running_loop().time() - began < 0.5
            assert edge.uplink.status.behind == 2001

    asyncio.run(scene())


def birth(boot: int, number: int, incarnation: str, *, alive: bool) -> bytes:
    return wire.encode_status(
        wire.Status(alive=alive, incarnation=incarnation, boot=boot, number=number, version="0")
    )


def test_a_late_will_does_not_kill_the_newer_session(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """The will of an old connection arrives after the birth of the new one."""

    async def scene() -> None:
        async with (
            running_central(tmp_path / "archive.db", mosquitto.port) as found,
            bystander(mosquitto.port) as broker,
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await until(lambda: bool(broker.on(TOPICS.status)), "born")
            born = wire.decode_status(broker.on(TOPICS.status)[-1].payload)
            assert (born.alive, born.boot, born.number) == (True, 0, 1)
            late = birth(0, 0, edge.outbox.incarnation, alive=False)
            broker.say(TOPICS.status, late, retain=True)
            # The edge puts its birth back, for whoever subscribes later.
            await until(lambda: len(broker.on(TOPICS.status)) == 3, "born again")
            statuses = [f.status for f in found if hasattr(f, "status")]
            assert [status.alive for status in statuses] == [True], "central was not deceived"
            async with bystander(mosquitto.port, "newcomer") as newcomer:
                await until(lambda: bool(newcomer.on(TOPICS.status)), "retained")
                kept = wire.decode_status(newcomer.on(TOPICS.status)[0].payload)
                assert kept.alive

    asyncio.run(scene())


def test_death_is_told_when_the_edge_vanishes_and_when_it_stops(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def scene() -> None:
        async with bystander(mosquitto.port) as ear:
            async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
                await until(lambda: bool(ear.on(TOPICS.status)), "born")
                await edge.happen(5)
                edge.link._connection._socket.shutdown(socket.SHUT_RDWR)
                await until(lambda: len(ear.on(TOPICS.status)) == 3, "dead and born again")
            await until(lambda: len(ear.on(TOPICS.status)) == 4, "farewell")
            told = [wire.decode_status(m.payload) for m in ear.on(TOPICS.status)]
            assert [(s.alive, s.number) for s in told] == [
                (True, 1),
                (False, 1),
                (True, 2),
                (False, 2),
            ]
            async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
                await until(lambda: len(ear.on(TOPICS.status)) == 5, "born")
            latest = wire.decode_status(ear.on(TOPICS.status)[4].payload)
            assert latest.boot == 5
            assert latest.replaces(told[-1])

    asyncio.run(scene())


def test_a_fork_is_refused_at_both_ends(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """Somebody stored another entry 5 under our name before us."""

    async def scene() -> None:
        path = tmp_path / "archive.db"
        async with (
            running_central(path, mosquitto.port) as found,
            bystander(mosquitto.port) as forger,
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await edge.happen(4)
            await edge.acked(4)
            other = record(edge.outbox.incarnation, 5, reason="another truth").entry.decode()
            forged = wire.Batch(
                incarnation=edge.outbox.incarnation,
                first=5,
                entries=(wire.SentEntry(entry=other),),
            )
            forger.say(TOPICS.journal, wire.encode_batch(forged))
            await until(lambda: any(isinstance(r, AckIgnored) for r in edge.reports), "not ours")
            await edge.happen(6)
            await until(lambda: any(isinstance(r, ArchiveDiverged) for r in edge.reports), "told")
            assert edge.outbox.acked == 4
            assert any(isinstance(f, BatchRefused) and f.fork for f in found)
        archive = SqliteArchive(path)
        assert archive.mark(SITE, EDGE, edge.outbox.incarnation).seq == 5
        archive.close()

    asyncio.run(scene())


def test_edges_and_incarnations_share_one_archive(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """Three edges at once, and one of them later with an empty disk: a new journal from 1 on."""

    async def scene() -> None:
        path = tmp_path / "archive.db"
        async with running_central(path, mosquitto.port):
            async with (
                running_edge(tmp_path / "a", mosquitto.port) as first,
                running_edge(tmp_path / "b", mosquitto.port, edge="gate-2") as second,
                running_edge(tmp_path / "c", mosquitto.port, site="embassy-oslo") as third,
            ):
                edges = (first, second, third)
                await asyncio.gather(*(edge.happen(500) for edge in edges))
                for edge in edges:
                    await complete(path, edge)
            async with running_edge(tmp_path / "d", mosquitto.port) as replaced:
                await replaced.happen(120)
                await complete(path, replaced)
                assert replaced.outbox.incarnation != first.outbox.incarnation

    asyncio.run(scene())


def test_a_journal_that_fails_is_reported_and_the_uplink_goes_on(
    tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = {"following": 2, "set_acked": 2}

    async def scene() -> None:
        async with (
            running_central(tmp_path / "archive.db", mosquitto.port),
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            for name in failures:
                works = getattr(edge.outbox, name)

                async def failing(*args: object, _name: str = name, _works=works, **named: object):  # type: ignore[no-untyped-def]
                    if failures[_name]:
                        failures[_name] -= 1
                        raise JournalFailed("the disk did not give it")
                    return await _works(*args, **named)

                monkeypatch.setattr(edge.outbox, name, failing)
            await edge.happen(50)
            await until(lambda: not any(failures.values()), "failed four times")
            await edge.acked(50)  # though nothing more happens that the archive could answer
            await edge.happen(50)
            monkeypatch.undo()
            await complete(tmp_path / "archive.db", edge)
            assert edge.reports == [JournalSilent(reason="the disk did not give it")] * 4

    asyncio.run(scene())


def test_a_journal_that_cannot_be_read_is_no_reason_to_suspect_the_archive(
    tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with (
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
            bystander(mosquitto.port) as archive,
        ):
            await edge.happen(50)
            await until(lambda: edge.uplink.status.in_flight == 1, "on its way")
            stored = await edge.outbox.read(20, 1, 65536)

            async def failing(*_args: object, **_named: object) -> list[object]:
                raise JournalFailed("the disk did not give it")

            monkeypatch.setattr(edge.outbox, "following", failing)
            archive.say(TOPICS.journal_ack, ack(edge, 20, stored[0].chain))
            await until(lambda: len(edge.reports) == 2, "reported")
            assert [type(report) for report in edge.reports] == [JournalSilent, AckIgnored]
            assert edge.outbox.acked == 0
            monkeypatch.undo()
            archive.say(TOPICS.journal_ack, ack(edge, 20, stored[0].chain))
            await edge.acked(20)

    asyncio.run(scene())
