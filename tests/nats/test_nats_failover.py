"""5,000 numbered events of three edges over a NATS cluster that loses two nodes, one by one.

`make campaign nats` does it with 100,000. Most of the time goes by in NATS's elections, which take
four to nine seconds each by its own choice, whatever the machine.
"""

from contextlib import closing
from pathlib import Path

import msgspec

from central.archive_sqlite import SqliteArchive
from edge.wire import Batch, SentEntry
from tests.central.rig import SITE, record
from tests.nats.scene import EDGES, SILENCE, Scene, incomplete

EVENTS = 5_000
RATE = 400.0
"""Each edge, a second: the flow lasts longer than it takes to kill a node in it."""


def test_nothing_is_lost_and_nothing_doubled_where_nodes_are_killed(tmp_path: Path) -> None:
    run = Scene(tmp_path, EVENTS // len(EDGES) + 1, RATE).run()
    assert run.wrong == []
    assert run.behind > 0, "something was on its way when a node died"


def test_the_check_above_sees_what_is_missing_and_what_is_too_many(tmp_path: Path) -> None:
    edge, word = EDGES[0], msgspec.structs.replace(SILENCE, incarnation="0" * 16)
    made = [record(word.incarnation, seq, site=SITE, edge=edge) for seq in range(1, 31)]
    sent = tuple(SentEntry(entry=r.entry.decode(), personal=r.personal) for r in made)
    with closing(SqliteArchive(tmp_path / "archive.db")) as archive:
        archive.store(SITE, edge, Batch(incarnation=word.incarnation, first=1, entries=sent))

        def wrong(count: int, acked: int) -> list[str]:
            ended = msgspec.structs.replace(word, last_seq=count, acked=acked)
            return incomplete(archive, edge, ended, count)

        assert wrong(30, 30) == []
        assert "lost or doubled at 31" in wrong(31, 31)[0]
        assert "lost or doubled at None" in wrong(29, 29)[0]
        assert "ends (30, 29," in wrong(30, 29)[0]
