"""What has come in and takes the archive's time, in the order in which it came.

It never makes whoever brings it wait: behind it would wait what a revocation is answered with. What
there is no room for is left out, and its edge sends it again.
"""

import asyncio
from collections import deque
from typing import NamedTuple

from drivers.mqtt_link import Message
from edge import wire
from edge.topics import Address

BYTES_MAX = 64 * 1024 * 1024
"""What a thousand edges send that come back at once."""

RECORDS_MAX = 20_000
"""The same for what is small."""


class Heard(NamedTuple):
    """A status; `kept`: by the broker, from before our connection."""

    address: Address
    status: wire.Status
    kept: bool


class Waiting(NamedTuple):
    """A batch or a checkpoint as it came."""

    address: Address
    message: Message


class Doubt(NamedTuple):
    """Something was missing after `seq`, which another archiver may have had: look again."""

    site: str
    edge: str
    incarnation: str
    seq: int


class Backlog:
    """Used on the loop alone."""

    def __init__(self) -> None:
        self._records: deque[Waiting | Heard | Doubt] = deque()
        self._bytes = 0
        self._came = asyncio.Event()

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Waiting | Heard | Doubt) -> bool:
        """At the end, where there is room; for a doubt there is, of which a journal has but one."""
        size = _size(record)
        full = self._bytes + size > BYTES_MAX or len(self._records) >= RECORDS_MAX
        if full and not isinstance(record, Doubt):
            return False
        self._records.append(record)
        self._bytes += size
        self._came.set()
        return True

    @property
    def light(self) -> bool:
        """There is room for as much again."""
        return self._bytes <= BYTES_MAX // 2 and len(self._records) <= RECORDS_MAX // 2

    async def some(self) -> None:
        """Wait until there is something."""
        while not self._records:
            self._came.clear()
            await self._came.wait()

    def first(self) -> Waiting | Heard | Doubt:
        """The one that came first; there is one."""
        record = self._records.popleft()
        self._bytes -= _size(record)
        return record

    def next_of(self, address: Address) -> Waiting | None:
        """The first one on this topic, which stays."""
        of_it = (one for one in self._records if isinstance(one, Waiting))
        return next((one for one in of_it if one.address == address), None)

    def remove(self, record: Waiting) -> None:
        """One that is there."""
        self._records.remove(record)
        self._bytes -= _size(record)


def _size(record: Waiting | Heard | Doubt) -> int:
    return len(record.message.payload) if isinstance(record, Waiting) else 0
