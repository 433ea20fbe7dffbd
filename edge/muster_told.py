"""What an edge tells on the wire of who is looked for, when there is news of it.

Retained, for whoever comes late; never with a name. Nothing is kept for a wire that is down: with
every connection it is said again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import msgspec
from msgspec.structs import replace

from controller.whereabouts import People
from drivers.mqtt_link import CongestedError, Link, NotConnectedError, Publication
from edge.daemon import Daemon
from edge.muster_desk import roll_of
from edge.topics import Topics
from edge.wire_muster import MusterNow, muster_now

TOGETHER_S = 1.0
"""What changes meanwhile is told together: in a fire every door moves somebody."""

FULL_AGAIN_S = 0.25
"""Until a wire that is full is tried again."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode_muster(now: MusterNow) -> bytes:
    """The payload."""
    return _ENCODER.encode(now)


class MusterView:
    """One edge's roll, made anew where somebody has moved or was checked off."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._of: People | None = None
        self._made: MusterNow | None = None

    async def now(self) -> MusterNow:
        """As it is; the same one again where nothing of it has changed."""
        state = self._daemon.site.state
        if self._made is None or self._of is not state.people:
            incarnation = self._daemon.site.origin.incarnation
            made = muster_now(await roll_of(state, None), incarnation)
            self._made, self._of = made, state.people
        return self._made


class MusterTold:
    """Tells one edge's `now` on its topic."""

    def __init__(self, topics: Topics, now: Callable[[], Awaitable[MusterNow]]) -> None:
        self._topics = topics
        self._now = now
        self._changed = asyncio.Event()
        self._told: MusterNow | None = None

    def connected(self) -> None:
        """A connection begins: nothing that was said before need stand at the broker."""
        self._told = None
        self._changed.set()

    def changed(self) -> None:
        """There may be news. Never blocks."""
        self._changed.set()

    async def run(self, link: Link) -> NoReturn:
        """Until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._say(link)
            except NotConnectedError:
                continue  # `connected` comes
            except CongestedError:
                self._changed.set()
                await asyncio.sleep(FULL_AGAIN_S)
                continue
            await asyncio.sleep(TOGETHER_S)

    async def _say(self, link: Link) -> None:
        if not link.connected:
            raise NotConnectedError
        now = await self._now()
        told = self._told
        if now is told or (told is not None and replace(now, revision=told.revision) == told):
            return
        payload = encode_muster(now)
        link.publish(Publication(topic=self._topics.muster, payload=payload, qos=1, retain=True))
        self._told = now
