"""Who waits for a badge at which reader: the next one there that nobody has is theirs, and is no
attempt. A badge that is on file is an attempt as ever: nobody stands before a deaf door.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controller.ids import CredentialRef
from policies.facts import Direction


class Seat:
    """Of one who waits: `coming` is the badge, once it is `armed`."""

    def __init__(self) -> None:
        self.armed = False
        self.coming: asyncio.Future[CredentialRef] = asyncio.get_running_loop().create_future()


class BadgePost:
    """One edge's. `known`: whether a badge is on file. `way`: which way a reader leads; None for
    one that stands at no portal.
    """

    def __init__(
        self, known: Callable[[CredentialRef], bool], way: Callable[[str], Direction | None]
    ) -> None:
        self._known = known
        self.way = way
        self._seats: dict[str, Seat] = {}

    def is_taken(self, reader: str) -> bool:
        """Whether somebody waits there already."""
        return reader in self._seats

    @contextmanager
    def seat(self, reader: str) -> Iterator[Seat]:
        """The place of one who waits at a reader, for as long as the block lasts."""
        assert not self.is_taken(reader), "two people cannot wait for the same badge"
        seat = self._seats[reader] = Seat()
        try:
            yield seat
        finally:
            del self._seats[reader]
            seat.coming.cancel()

    def catches(self, reader: str, ref: CredentialRef) -> bool:
        """Whether the badge is taken, and so no attempt."""
        seat = self._seats.get(reader)
        if seat is None or not seat.armed or seat.coming.done() or self._known(ref):
            return False
        seat.coming.set_result(ref)
        return True
