"""Where records stay while the journal is down."""

from collections import OrderedDict, deque

from edge.journal.record import Record

ENTRIES_MAX = 10_000
"""Hours of a busy gate, and some ten seconds of appending when the journal is back."""

BYTES_MAX = 16 * 1024 * 1024
"""What a small edge can spare for as long as a card is being replaced."""


class MemoryRing:
    """Records in the order in which they were kept, within bounds.

    When it is full the oldest goes and is counted; a `pinned` one only when nothing else is left
    to go. Records with an unknown outcome must be pinned: their numbers may be on disk already.
    """

    def __init__(self, *, entries_max: int = ENTRIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._kept: OrderedDict[int, Record] = OrderedDict()
        self._loose: deque[int] = deque()
        self._next = 0
        self._bytes = 0
        self.dropped = 0
        """Records that did not fit, ever."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        return self._bytes

    @property
    def records(self) -> tuple[Record, ...]:
        """What is kept, oldest first."""
        return tuple(self._kept.values())

    def keep(self, record: Record, *, pinned: bool = False) -> None:
        """Keep a record behind all others, and make room if there is none.

        Where only pinned ones are left to go, a pinned newcomer drops the oldest of them and an
        unpinned one is not kept.
        """
        size = record.size_bytes
        while self._kept and (
            len(self._kept) >= self._entries_max or self._bytes + size > self._bytes_max
        ):
            if self._loose:
                self._drop(self._loose.popleft())
            elif pinned:
                self._drop(next(iter(self._kept)))
            else:
                self.dropped += 1
                return
        self._kept[self._next] = record
        if not pinned:
            self._loose.append(self._next)
        self._next += 1
        self._bytes += size

    def forget(self, through_seq: int) -> None:
        """The journal has everything up to this number; what is kept in front of it may go."""
        while self._kept:
            place, record = next(iter(self._kept.items()))
            if record.seq > through_seq:
                break
            self._take(place)
            if self._loose and self._loose[0] == place:
                self._loose.popleft()

    def _drop(self, place: int) -> None:
        self._take(place)
        self.dropped += 1

    def _take(self, place: int) -> None:
        self._bytes -= self._kept.pop(place).size_bytes
