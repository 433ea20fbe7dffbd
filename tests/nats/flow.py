"""An edge's journal and way to the archive as a process, fed with numbered events.

usage: python -m tests.nats.flow FOLDER SITE EDGE RATE HOST:PORT ...

The journal's writer, the link and the uplink are the edge's own. Each line of standard input is a
number: up to it events are made, so many a second. At the end of the input it goes on until the
archive has everything, and ends. What it says, several times a second, are `Word`s as lines of
JSON.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from drivers.mqtt_address import BrokerAddress, broker_address
from drivers.mqtt_link import LinkReport, LinkSettings, MqttLink, Publication
from edge.topics import Topics
from edge.uplink import Uplink
from edge.uplink_reports import UplinkReport
from edge.wire import decode_batch
from tests.central.rig import journal, record, running, unwitnessed

TICK_S = 0.02
"""What comes in one tick is one group commit, as it is at an edge."""

SAY_S = 0.05
REPORTS_MAX = 10


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is. `sent`: entries handed to the wire so far, each time that they were."""

    incarnation: str
    last_seq: int
    acked: int
    broker: str
    connected: bool
    sent: int
    reports: tuple[str, ...]
    """Whatever the uplink had to say; nothing when all is well."""

    @property
    def behind(self) -> int:
        """Entries that the archive has not acknowledged."""
        return self.last_seq - self.acked


class Counting(MqttLink):
    """The link, counting the entries that were handed to the wire."""

    def __init__(self, settings: LinkSettings, topic: str) -> None:
        super().__init__(settings, _unheard, Random())
        self.sent = 0
        self._topic = topic

    def publish(self, publication: Publication) -> None:
        super().publish(publication)
        if publication.topic == self._topic:
            self.sent += len(decode_batch(publication.payload).entries)


def _unheard(_report: LinkReport) -> None:
    """A node that is down is no news here."""


async def flow(
    folder: Path, site: str, edge: str, rate: float, nodes: Sequence[BrokerAddress]
) -> None:
    """As the module says."""
    outbox = await journal(folder, site=site, edge=edge)
    first, *others = nodes
    settings = LinkSettings(
        host=first.host, port=first.port, others=tuple(others), client_id=f"{site}.{edge}"
    )
    link = Counting(settings, Topics(site, edge).journal)
    reports: list[UplinkReport] = []
    uplink = Uplink(outbox, link, site, edge, "0.1.0", unwitnessed(outbox), reports.append)
    goal, ended = outbox.last_seq, False
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def listen() -> None:
        nonlocal goal, ended
        while line := await reader.readline():
            goal = int(line)
        ended = True

    def say() -> None:
        word = Word(
            incarnation=outbox.incarnation,
            last_seq=outbox.last_seq,
            acked=outbox.acked,
            broker=link.broker,
            connected=link.connected,
            sent=link.sent,
            reports=tuple(str(report) for report in reports[:REPORTS_MAX]),
        )
        sys.stdout.write(msgspec.json.encode(word).decode() + "\n")
        sys.stdout.flush()

    async with running(uplink.run(), "uplink"), running(listen(), "listen"):
        said_s = next_s = loop.time()
        while not (ended and outbox.acked == outbox.last_seq >= goal):
            count = min(max(1, round(rate * TICK_S)), goal - outbox.last_seq)
            seqs = range(outbox.last_seq + 1, outbox.last_seq + 1 + count)
            made = [record(outbox.incarnation, seq, site=site, edge=edge) for seq in seqs]
            if made:
                await outbox.append(made)
                uplink.committed(made)
            if loop.time() >= said_s + SAY_S:
                said_s = loop.time()
                say()
            # Not faster than the rate, and without making up for what was late.
            next_s = max(next_s + TICK_S, loop.time())
            await asyncio.sleep(next_s - loop.time())
        say()
    await outbox.close()


if __name__ == "__main__":
    where, site, edge, rate, *nodes = sys.argv[1:]
    asyncio.run(flow(Path(where), site, edge, float(rate), [broker_address(n) for n in nodes]))
