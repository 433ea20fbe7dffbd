"""The same with everything as it is run: a daemon whose keeper prunes, and central as a process."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
from click.testing import CliRunner

from central.audit import Audited
from central.commands import central
from controller import events as ev
from edge.assembly import Edge
from edge.notes import note_key
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.edge.house import House, running, until
from tests.edge.test_keeper import MONTH_DAYS, Kept, segments

PATIENCE_S = 60.0


async def confirmed(edge: Edge) -> None:
    """Archive and witness have everything that there is now."""
    writer, last = edge.daemon.writer, edge.daemon.writer.last_seq
    async with asyncio.timeout(PATIENCE_S):
        while writer.acked < last:
            await asyncio.sleep(0.02)
        await edge.checkpoints.take()  # once: what is lost on its way is sent again
        while (kept := await writer.newest_cosigned()) is None or kept.size < last:
            await asyncio.sleep(0.02)


def backed_up(archive: Path, copy: Path) -> int:
    """As docs/archive.md says, beside a central that runs; up to which entry."""
    with closing(sqlite3.connect(archive)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        (mark,) = target.execute("SELECT mark FROM journal").fetchone()
        return int(mark)


async def complete(archive: Path, last: int) -> Audited:
    """What `central verify` says once the archive has all up to `last`."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            words = ["verify", "--archive", str(archive), "--json"]
            done = await asyncio.to_thread(CliRunner().invoke, central, words)
            if done.exit_code == 0 and done.stdout:
                audited = msgspec.json.decode(done.stdout, type=Audited)
                if audited.upto >= last and not audited.waits:
                    return audited
            await asyncio.sleep(0.05)


def test_an_edge_that_runs_fills_an_empty_archive_and_an_old_copy(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    key = tmp_path / "witness.key"
    believed = CliRunner().invoke(central, ["key", str(key), "--new"]).output.strip()
    broker = f'[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nwitness = "{believed}"\n'
    house = House(tmp_path, broker)

    @contextmanager
    def archiving(path: Path) -> Iterator[CentralProcess]:
        process = CentralProcess(mosquitto.port, path, "--witness-key", str(key))
        try:
            yield process
            assert process.stop() == 0
        finally:
            process.process.kill()

    async def run() -> None:
        first, old, new = (tmp_path / f"{name}.db" for name in ("first", "old", "new"))
        async with house.line(), running(house) as edge:
            kept = Kept(edge, witness=note_key(believed))
            with archiving(first):
                await until(edge, ev.EdgeReady)
                await confirmed(edge)
                copied = backed_up(first, old)
                await kept.happens()
                await kept.later(MONTH_DAYS)
                assert segments(house) == [1, 2]
                gone = edge.daemon.writer.last_seq - edge.daemon.writer.in_segment
                for _ in range(2):
                    await kept.happens()
                    await edge.daemon.keep_state()
                await kept.happens()
                await confirmed(edge)
                await kept.later(MONTH_DAYS)
                assert segments(house) == [2, 3], "the oldest has gone"
                await confirmed(edge)
            for archive, upto in ((new, 0), (old, copied)):
                with archiving(archive) as process:
                    await kept.happens()
                    audited = await complete(archive, edge.daemon.writer.last_seq)
                    (one,) = audited.missing
                    assert (one.first, one.last) == (upto + 1, gone)
                    assert one.by is not None
                    assert one.by > gone
                    await confirmed(edge)
                    assert f"GAP: entries {upto + 1} to {gone} are gone" in process.output
                    assert "MEMORY-REGAINED" in process.output
                    assert "TAMPERED" not in process.output

    asyncio.run(run())
