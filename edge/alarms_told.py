"""What an edge tells on the wire of its open alarms: one retained message for each, taken away when
it closes.

Nothing is kept for a wire that is down: with every connection all of them are said again, and what
the broker still has of others, of an earlier journal or from somebody else, is taken away.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from controller.alarm_queue import Alarms
from drivers.mqtt_link import CongestedError, Link, Message, NotConnectedError, Publication
from edge.topics import Topics, alarms_of
from edge.wire_alarms import alarm_now, encode_alarm

LOOK_S = 2.0
"""Where the journal cannot be written nothing is committed, and alarms are told all the same."""

TOGETHER_S = 0.1
"""What changes meanwhile is told together."""

FULL_AGAIN_S = 0.25
"""Until a wire that is full is tried again."""

STALE_MAX = 1_024
"""Names that a broker may have kept without our knowing; more come with the next connection."""


class AlarmsTold:
    """Tells one edge's alarms, each on its topic. `now` gives them, of this `incarnation`."""

    def __init__(self, site: str, edge: str, incarnation: str, now: Callable[[], Alarms]) -> None:
        self._topics = Topics(site, edge)
        self.filter = alarms_of(site, edge)
        self._prefix = self.filter.removesuffix("+")
        self._incarnation = incarnation
        self._now = now
        self._changed = asyncio.Event()
        self._told: dict[int, int] = {}
        self._stale: set[str] = set()

    def connected(self) -> None:
        """A connection begins: nothing that was said before need stand at the broker."""
        self._told = {}
        self._stale = set()
        self._changed.set()

    def changed(self) -> None:
        """There may be news. Never blocks."""
        self._changed.set()

    def heard(self, message: Message) -> bool:
        """Whether it is of an alarm: what the broker had kept is looked at, and nothing else."""
        if not message.topic.startswith(self._prefix):
            return False
        if message.retained and message.payload and len(self._stale) < STALE_MAX:
            self._stale.add(message.topic.removeprefix(self._prefix))
            self._changed.set()
        return True

    async def run(self, link: Link) -> NoReturn:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            if not link.connected:
                continue  # `connected` comes
            try:
                self._say(link)
            except NotConnectedError:
                continue
            except CongestedError:
                self._changed.set()
                await asyncio.sleep(FULL_AGAIN_S)
                continue
            await asyncio.sleep(TOGETHER_S)

    def _say(self, link: Link) -> None:
        here = {one.seq: one for one in self._now().open}
        for seq, alarm in here.items():
            if self._told.get(seq) != alarm.revision:
                payload = encode_alarm(alarm_now(alarm, self._incarnation))
                self._publish(link, str(seq), payload)
                self._told[seq] = alarm.revision
        for seq in [seq for seq in self._told if seq not in here]:
            self._publish(link, str(seq), b"")
            del self._told[seq]
        for name in sorted(self._stale):
            if name not in {str(seq) for seq in here}:
                self._publish(link, name, b"")
            self._stale.discard(name)

    def _publish(self, link: Link, name: str, payload: bytes) -> None:
        topic = self._topics.alarm(name)
        link.publish(Publication(topic=topic, payload=payload, qos=1, retain=True))
