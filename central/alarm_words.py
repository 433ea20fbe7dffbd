"""Sends signed acknowledgements of alarms to the edges, and waits for what became of them.

None is kept: an edge that is away is not asked later, when whoever has signed knows no more.
"""

import asyncio
import hashlib

from drivers.mqtt_link import CongestedError, Link, NotConnectedError, Publication
from edge import wire
from edge.topics import Topics

AGAIN_S = 1.0
"""Until an edge that has not answered is asked once more: what comes twice changes nothing."""


class AlarmWords:
    """One central's, over the collector's link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: dict[tuple[str, str, str], asyncio.Future[wire.RequestAck]] = {}

    def answered(self, site: str, edge: str, ack: wire.RequestAck) -> None:
        """What an edge says has become of one; of one that nobody waits for nothing is noted."""
        waiting = self._waiting.get((site, edge, ack.set))
        if waiting is not None and not waiting.done():
            waiting.set_result(ack)

    async def send(
        self, site: str, edge: str, envelope: bytes, wait_s: float
    ) -> wire.RequestAck | None:
        """The edge's answer; None where none came within `wait_s`."""
        key = (site, edge, hashlib.sha256(envelope).hexdigest())
        loop = asyncio.get_running_loop()
        answer = self._waiting.setdefault(key, loop.create_future())
        until_s = loop.time() + wait_s
        try:
            while not answer.done() and loop.time() < until_s:
                self._publish(site, edge, envelope)
                await asyncio.wait({answer}, timeout=min(AGAIN_S, until_s - loop.time()))
            return answer.result() if answer.done() else None
        finally:
            if self._waiting.get(key) is answer:
                del self._waiting[key]

    def _publish(self, site: str, edge: str, envelope: bytes) -> None:
        topic = Topics(site, edge).request
        for part in wire.request_parts(wire.SetKind.ALARM, envelope):
            try:
                payload = wire.encode_request(part)
                self._link.publish(Publication(topic=topic, payload=payload, qos=1))
            except (NotConnectedError, CongestedError):
                return  # it is tried again
