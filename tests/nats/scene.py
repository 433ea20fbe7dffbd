"""Three edges and central on a NATS cluster while its nodes are killed.

Every part is a process of its own and dies by SIGKILL or not at all. All edges begin at one node,
which is killed in the flow; then, with that node back, whichever leads the stream of the messages.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import msgspec

from central.archive_sqlite import SqliteArchive
from controller import ledger
from tests.central.rig import ROOT, SITE, CentralProcess, record
from tests.edge.kills import suspicious
from tests.nats.cluster import LOOK_S, NatsCluster
from tests.nats.flow import Word

EDGES = ("gate", "annex", "garage")
FIRST = 0
"""The node at which all edges begin; central begins at the next one."""

STEP_S_MAX = 120.0
"""What one step may take; failing over takes seconds, and a minute on two busy cores."""

WORD_BYTES_MAX = 8192

EXPECTED = "StatusOverwritten"
"""A node that was given up while it hung says the will of that connection later; the edge has said
since that it lives, and says it again."""

SILENCE = Word(incarnation="", last_seq=0, acked=0, broker="", connected=False, sent=0, reports=())


class Run(NamedTuple):
    """What a run was; `wrong` is empty when everything held.

    `outages_s`: from each kill until every edge was acknowledged more. `behind`: entries that the
    archive did not have, over the moments of the kills. `again`: entries that were sent once more.
    """

    events: int
    flow_s: float
    outages_s: list[float]
    behind: int
    again: int
    wrong: list[str]


class EdgeProcess:
    """`tests.nats.flow` for one edge."""

    def __init__(self, folder: Path, edge: str, rate: float, cluster: NatsCluster) -> None:
        self.edge = edge
        self._said = folder / f"{edge}.out"
        nodes = map(str, cluster.addresses(FIRST))
        with self._said.open("wb") as out, (folder / f"{edge}.err").open("wb") as errors:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.nats.flow"),
                    *(str(folder / edge), SITE, edge, str(rate), *nodes),
                ],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=errors,
            )

    @property
    def word(self) -> Word:
        """The last thing that it said; what there is before the first."""
        with self._said.open("rb") as said:
            said.seek(0, 2)
            said.seek(max(0, said.tell() - WORD_BYTES_MAX))
            *_, last, _rest = (b"\n" + said.read()).split(b"\n")
        return msgspec.json.decode(last, type=Word) if last else SILENCE

    def go_to(self, seq: int) -> None:
        """Make events up to this one."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"%d\n" % seq)
        self.process.stdin.flush()

    def finish(self) -> int:
        """Wait until it has nothing left to send; its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(STEP_S_MAX)


class Scene:
    """One cluster, central, and an edge for each of EDGES."""

    def __init__(self, folder: Path, each: int, rate: float) -> None:
        """`each` edge makes so many events, `rate` a second while nothing holds it up."""
        self.archive = folder / "archive.db"
        self._folder, self._each, self._rate = folder, each, rate
        self._outages_s: list[float] = []
        self._behind = 0

    def run(self) -> Run:
        """The whole story."""
        with NatsCluster() as cluster, self._central(cluster) as central:
            began_s = time.monotonic()
            with self._edges(cluster) as edges:
                self._lose(FIRST, cluster, edges, at=0.4, goal=self._each // 2)
                self._lose(None, cluster, edges, at=0.7, goal=self._each)
                ended = [edge.finish() for edge in edges]
                words = [edge.word for edge in edges]
                assert ended == [0] * len(edges), f"edges ended with {ended}: {self._errors()}"
            flow_s = time.monotonic() - began_s
            assert central.stop() == 0, central.output
        wrong = suspicious(self.archive.with_suffix(".out"))
        with closing(SqliteArchive(self.archive)) as archive:
            for edge, word in zip(EDGES, words, strict=True):
                wrong += [f"{edge}: {line}" for line in word.reports if EXPECTED not in line]
                wrong += incomplete(archive, edge, word, self._each)
        events = len(EDGES) * self._each
        again = sum(word.sent for word in words) - events
        return Run(events, flow_s, self._outages_s, self._behind, again, wrong)

    def _lose(
        self,
        number: int | None,
        cluster: NatsCluster,
        edges: list[EdgeProcess],
        *,
        at: float,
        goal: int,
    ) -> None:
        """A node of a whole cluster dies when this share of what is due up to `goal` was
        acknowledged, with more on its way, and is started when the edges went on without it.
        None: whichever node leads the messages.
        """
        cluster.wait_whole()
        for edge in edges:
            edge.go_to(goal)
        due = at * goal * len(edges)
        self._until(
            lambda: sum(e.word.acked for e in edges) >= due and any(e.word.behind for e in edges),
            f"{due:.0f} acknowledged, and more on its way",
            edges,
        )
        victim = cluster.leader() if number is None else number
        words = [edge.word for edge in edges]
        if number is not None:
            assert {word.broker for word in words} == {str(cluster.nodes[victim].address)}, words
        cluster.kill(victim)
        killed_s = time.monotonic()
        self._behind += sum(word.behind for word in words)
        # What was on its way at the kill may have been acknowledged before it.
        news = [min(word.last_seq + 1, goal) for word in words]
        self._until(
            lambda: all(e.word.acked >= seq for e, seq in zip(edges, news, strict=True)),
            f"all acknowledged more without node {victim}",
            edges,
        )
        self._outages_s.append(time.monotonic() - killed_s)
        cluster.nodes[victim].start()

    @contextmanager
    def _central(self, cluster: NatsCluster) -> Iterator[CentralProcess]:
        first, *others = cluster.addresses(FIRST + 1)
        options = [option for node in others for option in ("--broker", str(node))]
        central = CentralProcess(first.port, self.archive, "--json", *options)
        try:
            self._until(lambda: '"ready":true' in central.output, "central is ready", [])
            yield central
        finally:
            central.kill()

    @contextmanager
    def _edges(self, cluster: NatsCluster) -> Iterator[list[EdgeProcess]]:
        edges: list[EdgeProcess] = []
        try:
            edges += [EdgeProcess(self._folder, edge, self._rate, cluster) for edge in EDGES]
            yield edges
        finally:
            for edge in edges:
                edge.process.kill()
                edge.process.wait()

    def _until(self, condition: Callable[[], bool], what: str, edges: list[EdgeProcess]) -> None:
        deadline_s = time.monotonic() + STEP_S_MAX
        while not condition():
            said = [edge.word for edge in edges]
            assert time.monotonic() < deadline_s, f"not within {STEP_S_MAX} s: {what}; {said}"
            ended = [edge.edge for edge in edges if edge.process.poll() is not None]
            assert not ended, f"{ended} ended while waiting for: {what}: {self._errors()}"
            time.sleep(LOOK_S)

    def _errors(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self._folder.glob("*.err")))


def incomplete(archive: SqliteArchive, edge: str, word: Word, count: int) -> list[str]:
    """What is wrong with an edge's journal in the archive: all of it, once, in order, unchanged.

    Each entry is made anew from its number, so that neither the edge's file nor the archive's own
    bookkeeping has a say in it.
    """
    stored = archive.entries(SITE, edge, word.incarnation)
    chain = ledger.origin(SITE, edge, word.incarnation)
    for seq, found in zip_longest(range(1, count + 1), stored):
        made = None if seq is None else record(word.incarnation, seq, site=SITE, edge=edge)
        if made is None or found is None:
            return [f"{edge}: lost or doubled at {seq}: {found}"]
        if (found.data, found.personal) != (made.entry, made.personal):
            return [f"{edge}: entry {seq} is not what was sent: {found}"]
        chain = ledger.link(chain, ledger.leaf(found.data))
    mark = archive.mark(SITE, edge, word.incarnation)
    ends = (word.last_seq, word.acked, mark.seq, mark.gap, mark.chain)
    if ends != (count, count, count, False, chain):
        return [f"{edge}: ends {ends}, not at {count}"]
    return []
