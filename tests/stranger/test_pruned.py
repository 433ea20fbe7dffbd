"""Strangers who come when an edge has removed what its first archive has."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

from simulators.broker_process import BrokerProcess
from tests.central import rig
from tests.central.rig import running_central, until
from tests.central.test_lost_archive import SEGMENT, confirmed, kept, mixed, prune
from tests.central.test_witnessed import running_edge, witness
from tests.stranger.archive import Archive
from tests.stranger.listener import Listener


def test_strangers_who_come_late_get_what_is_left(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """The edge has pruned a segment as a whole, and most of another one."""

    async def run() -> None:
        async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
            ours = tmp_path / "ours.db"
            async with running_central(ours, mosquitto.port, witness=witness()):
                for month in (1, 2, 3):
                    await edge.happened(mixed(edge, SEGMENT))
                    await edge.checkpoints.seal(month)
                await confirmed(edge)
                await prune(edge)
            where = (mosquitto.host, mosquitto.port, rig.SITE, rig.EDGE)
            journal, last = edge.outbox.incarnation, edge.outbox.last_seq
            with ExitStack() as strangers:
                listener = Listener(*where, name="wall", five=True)
                strangers.callback(listener.close)
                archive = Archive(tmp_path / "strangers.db", *where, name="theirs", five=True)
                strangers.callback(archive.close)
                await until(lambda: listener.subscribed == archive.subscribed == 1, "subscribed")
                await edge.happened(mixed(edge, 3))
                left = [one.entry for one in await kept(edge)]
                await until(lambda: len(archive.stored(journal)) == len(left), "all that is left")
                await until(lambda: listener.journals[journal].checked == last + 3, "followed")
                assert archive.stored(journal) == left
                bare = [(n, n) for n in range(SEGMENT + 1, 2 * SEGMENT + 1) if n % 3]
                assert archive.gone(journal) == [(1, SEGMENT), *bare]
                assert listener.journals[journal].gone == [(1, SEGMENT)]
                assert listener.journals[journal].chain == edge.outbox.head
                assert listener.journals[journal].forks == archive.evidence == []
                assert listener.refused == archive.refused == []

    asyncio.run(run())
