"""A signed file on its way in: more than one frame holds, and never two at once in memory."""

import asyncio

from edge.control.messages import Refusal
from edge.signatures import ENVELOPE_BYTES_MAX


class PartError(Exception):
    """The part is not taken. `remedy` says what to do."""

    def __init__(self, code: Refusal, reason: str, remedy: str) -> None:
        self.code, self.remedy = code, remedy
        super().__init__(reason)


class Parts:
    """What one client has sent of a signed file."""

    def __init__(self, place: asyncio.Lock) -> None:
        """`place`: the one that there is, for all clients of the daemon."""
        self._place = place
        self._data = bytearray()
        self._ours = False

    async def add(self, data: bytes) -> None:
        """Raises PartError where another client sends one, or for more than one can have."""
        if not self._ours:
            if self._place.locked():
                busy = "another signed file is being taken"
                raise PartError(Refusal.BUSY, busy, "wait until it is through")
            await self._place.acquire()
            self._ours = True
        if len(self._data) + len(data) > ENVELOPE_BYTES_MAX:
            large = f"no signed file is larger than {ENVELOPE_BYTES_MAX} bytes"
            raise PartError(Refusal.TOO_LARGE, large, "give the file as it was made")
        self._data += data

    def whole(self) -> bytes:
        """All of it; what comes after it begins another."""
        data, self._data = bytes(self._data), bytearray()
        return data

    def close(self) -> None:
        """The client is served or gone."""
        if self._ours:
            self._ours = False
            self._place.release()
