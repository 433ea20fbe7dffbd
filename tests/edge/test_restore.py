"""The state after a restart, from real journals with snapshots that fit, and that do not."""

import asyncio
import os
from pathlib import Path

import pytest

from controller.events import EdgeStopping, Event, Header, encode, kind_of
from controller.state import SiteState, snapshot
from edge.journal import JournalDamaged, JournalWriter, Record
from edge.restore import restored_state


def record(incarnation: str, seq: int, *, kind: str = "edge-stopping", body: str = "") -> Record:
    header = Header(
        site="vienna",
        edge="north",
        incarnation=incarnation,
        seq=seq,
        kind=kind_of(EdgeStopping),
        utc_us=seq,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )
    entry = encode(Event(header=header, body=EdgeStopping(reason="asked to stop")))
    if body:
        entry = entry.replace(b'{"reason":"asked to stop"}', body.encode())
    return Record(seq, entry.replace(b'"edge-stopping"', f'"{kind}"'.encode()), ())


def restored(folder: Path, snapshots: dict[int, bytes], *more: Record | None) -> SiteState:
    """What a journal of three entries gives, with these snapshots and `more` entries in it."""

    async def run() -> SiteState:
        writer = await JournalWriter.open(
            folder, site="vienna", edge="north", entropy=bytes, utc_us=1
        )
        try:
            await writer.append([record(writer.incarnation, seq) for seq in (1, 2, 3)])
            for one in more:
                assert one is not None
                await writer.append([one])
            for seq, state in snapshots.items():
                await writer.put_snapshot(seq, state, 1)
            return await restored_state(writer)
        finally:
            await writer.close()

    return asyncio.run(run())


def test_a_snapshot_is_built_on(tmp_path: Path) -> None:
    kept = SiteState(seq=2, threat=4)
    state = restored(tmp_path / "j", {2: snapshot(kept)})
    assert (state.seq, state.threat, state.stopping) == (3, 4, True)


@pytest.mark.parametrize(
    "unusable",
    [
        b"no snapshot",
        os.urandom(64),
        snapshot(SiteState(seq=2, version=2, threat=4)),
        snapshot(SiteState(seq=1, threat=4)),
        snapshot(SiteState(seq=2, threat=4)).replace(b'"threat":4', b'"threat":44'),
    ],
    ids=["text", "noise", "another version", "another number", "a value out of bounds"],
)
def test_a_snapshot_that_this_version_cannot_use_costs_time_and_no_state(
    tmp_path: Path, unusable: bytes
) -> None:
    state = restored(tmp_path / "j", {2: unusable})
    assert (state.seq, state.threat, state.stopping) == (3, 1, True)


def test_a_kind_of_a_newer_version_keeps_its_number_and_changes_nothing(tmp_path: Path) -> None:
    newer = record(bytes(8).hex(), 4, kind="drone-seen")
    assert restored(tmp_path / "j", {}, newer).seq == 4


def test_an_entry_that_does_not_fit_its_kind_is_told_with_its_number(tmp_path: Path) -> None:
    strange = record(bytes(8).hex(), 4, body='{"reason":7}')
    with pytest.raises(JournalDamaged, match=r"entry 4: this version cannot read it"):
        restored(tmp_path / "j", {}, strange)
