"""An archive that was lost, or put back from an old copy, gets whatever the edge still has: once,
in order, proven; and the witness goes on from what it had cosigned.
"""

import asyncio
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from central import collector
from central.archive_sql import SqlArchive
from central.audit import Missing
from central.findings import Finding
from central.witness import MemoryRegained
from controller.events import EdgeStopping
from controller.retention import RecordClass
from edge.journal.record import Record
from edge.uplink_reports import ArchiveFellBack, EntriesGone
from simulators.broker_process import BrokerProcess
from tests.central.rig import EDGE, SITE, record, running_central, until
from tests.central.stores import PostgresStore, SqliteStore, Store
from tests.central.test_gaps import pruning, said
from tests.central.test_witnessed import WitnessedEdge, alarms, doubts, running_edge, witness

SEGMENT = 300
PATIENCE_S = 60.0

COPIED = 120
"""In the middle of a segment, and of a batch."""


@pytest.fixture
def other(store: Store, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Another place of the same kind."""
    if isinstance(store, SqliteStore):
        return SqliteStore(tmp_path / "other.db")
    return PostgresStore(request.getfixturevalue("postgres").make())


def mixed(edge: WitnessedEdge, count: int) -> list[Record]:
    """What comes next: of every three entries one is of a class that is kept."""
    incarnation, first = edge.outbox.incarnation, edge.outbox.last_seq + 1
    return [
        Record(seq, said(seq, EdgeStopping(reason=f"number {seq}"), incarnation))
        if seq % 3 == 0
        else record(incarnation, seq)
        for seq in range(first, first + count)
    ]


async def confirmed(edge: WitnessedEdge) -> None:
    """Archive and witness have everything."""
    last = edge.outbox.last_seq
    await until(lambda: edge.outbox.acked == last, f"acknowledged up to {last}", PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while not await _cosigned_soon(edge, last):
            # As an edge does every minute: a witness that has refused is asked again by that alone.
            await edge.checkpoints.take()


async def _cosigned_soon(edge: WitnessedEdge, size: int) -> bool:
    for _ in range(100):
        if await edge.cosigned() >= size:
            return True
        await asyncio.sleep(0.01)
    return False


async def prune(edge: WitnessedEdge) -> tuple[int, int]:
    """The first segment goes as a whole, and some classes of the second one; recorded where?"""
    first = edge.outbox.last_seq + 1
    incarnation = edge.outbox.incarnation
    bodies = pruning(1, SEGMENT, whole=True), pruning(SEGMENT + 1, 2 * SEGMENT, whole=False)
    await edge.happened(
        [Record(first + at, said(first + at, body, incarnation)) for at, body in enumerate(bodies)]
    )
    await confirmed(edge)
    await edge.outbox.drop(1, first)
    await edge.outbox.thin(2, (RecordClass.PASSAGES,), first + 1)
    return first, first + 1


async def kept(edge: WitnessedEdge) -> list[Record]:
    """What the edge still has."""
    found: list[Record] = []
    while part := await edge.outbox.read(
        found[-1].seq + 1 if found else 1, 500, 1 << 22, kept=True
    ):
        found += part
    return found


def holds(archive: SqlArchive, edge: WitnessedEdge, left: list[Record]) -> None:
    """All of it, once, in order, and the chain of the edge."""
    rows = list(archive.entries(SITE, EDGE, edge.outbox.incarnation))
    assert [(row.data, row.personal) for row in rows] == [(one.entry, one.personal) for one in left]
    mark = archive.mark(SITE, EDGE, edge.outbox.incarnation)
    assert (mark.seq, mark.chain, mark.gap) == (edge.outbox.last_seq, edge.outbox.head, False)


def regained(found: list[Finding]) -> list[str]:
    return [one.reason for one in found if isinstance(one, MemoryRegained)]


async def lives(
    edge: WitnessedEdge, folder: Path, port: int, store: Store, other: Store, copied: int
) -> tuple[list[Record], int, int]:
    """Three segments, of which little is left. `store` gets the first `copied` entries and `other`
    everything. What the edge had by then, and which entries say what it pruned.
    """
    before = list[Record]()
    if copied:
        async with running_central(folder, port, open_archive=store.open, witness=witness()):
            await edge.happened(mixed(edge, copied))
            await confirmed(edge)
        before = await kept(edge)
    async with running_central(folder, port, open_archive=other.open, witness=witness()) as found:
        await edge.happened(mixed(edge, SEGMENT - copied))
        await edge.checkpoints.seal(1)
        for month in (2, 3):
            await edge.happened(mixed(edge, SEGMENT))
            await edge.checkpoints.seal(month)
        await confirmed(edge)
        said_by = await prune(edge)
        assert len(regained(found)) == bool(copied)
    return before, *said_by


def test_an_edge_at_which_nothing_happens_is_asked_for_what_it_has(
    tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its birth was before there was anything; all that it says is how large its journal is."""
    monkeypatch.setattr(collector, "STANDS_S", 0.0)

    async def scene() -> None:
        port, lost = mosquitto.port, SqliteStore(tmp_path / "new.db")
        async with running_edge(tmp_path / "journal", port) as edge:
            async with running_central(tmp_path / "old.db", port, witness=witness()):
                await edge.happen(250)
                await confirmed(edge)
            async with running_central(
                tmp_path, port, open_archive=lost.open, witness=witness()
            ) as found:
                with closing(lost.open()) as archive:
                    async with asyncio.timeout(PATIENCE_S):
                        while archive.mark(SITE, EDGE, edge.outbox.incarnation).seq < 250:
                            await edge.checkpoints.take()
                            await asyncio.sleep(0.02)
                    holds(archive, edge, await kept(edge))
            assert edge.heard == [ArchiveFellBack(stored_up_to=0, acked=250)]
            assert not alarms(found)

    asyncio.run(scene())


@pytest.mark.parametrize(("copied", "restarts"), [(0, True), (COPIED, False)])
def test_whatever_the_edge_still_has_arrives_and_the_rest_is_written_down(
    tmp_path: Path,
    mosquitto: BrokerProcess,
    store: Store,
    other: Store,
    copied: int,
    restarts: bool,
) -> None:
    """From an archive that is empty, though nothing happens any more, and from an old copy."""

    async def scene() -> None:
        port = mosquitto.port
        async with AsyncExitStack() as up:
            edge = await up.enter_async_context(running_edge(tmp_path / "journal", port))
            before, dropped, thinned = await lives(edge, tmp_path, port, store, other, copied)
            size = edge.outbox.last_seq
            edge.heard.clear()
            if restarts:
                await up.aclose()
                edge = await up.enter_async_context(running_edge(tmp_path / "journal", port))
            async with running_central(
                tmp_path, port, open_archive=store.open, witness=witness()
            ) as found:
                await edge.happened([] if restarts else mixed(edge, 40))
                with closing(store.open()) as archive:

                    def complete() -> bool:
                        mark = archive.mark(SITE, EDGE, edge.outbox.incarnation)
                        return (mark.seq, mark.gap) == (edge.outbox.last_seq, False)

                    await until(complete, "all is there", PATIENCE_S)
                    holds(archive, edge, before + await kept(edge))
                    (journal,) = archive.journals_kept(SITE, EDGE)
                    audited = archive.audit(journal)
                middle = Missing(
                    first=SEGMENT + 1, last=2 * SEGMENT - 1, count=2 * SEGMENT // 3, by=thinned
                )
                assert audited.missing == (
                    Missing(first=copied + 1, last=SEGMENT, count=SEGMENT - copied, by=dropped),
                    middle,
                )
                assert audited.sound
                assert edge.heard == [
                    ArchiveFellBack(stored_up_to=copied, acked=size),
                    EntriesGone(first=copied + 1, last=SEGMENT),
                ]
                # And it goes on as if nothing had been.
                await edge.happened(mixed(edge, 50))
                await confirmed(edge)
                (reason,) = regained(found)
                assert reason.startswith(f"{size} entries were cosigned here")
                assert not alarms(found)
                assert not doubts(edge)

    asyncio.run(scene())
