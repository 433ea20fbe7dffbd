"""What is kept while there is no disk."""

from edge.journal import MemoryRing
from tests.edge.journal.support import record, records


def _numbers(ring: MemoryRing) -> list[int]:
    return [one.seq for one in ring.records]


def test_records_stay_in_order_and_the_oldest_goes_first() -> None:
    ring = MemoryRing(entries_max=3)
    for one in records(1, 5):
        ring.keep(one)
    assert (_numbers(ring), ring.dropped) == ([3, 4, 5], 2)


def test_bytes_are_bounded_too() -> None:
    size = len(record(1).entry)
    ring = MemoryRing(bytes_max=3 * size)
    for seq in range(1, 6):
        ring.keep(record(seq))
    assert (_numbers(ring), ring.dropped, ring.size_bytes) == ([3, 4, 5], 2, 3 * size)


def test_pinned_records_go_last_and_keep_their_place() -> None:
    ring = MemoryRing(entries_max=3)
    ring.keep(record(1), pinned=True)
    ring.keep(record(2))
    ring.keep(record(3), pinned=True)
    ring.keep(record(4))
    assert (_numbers(ring), ring.dropped) == ([1, 3, 4], 1)
    ring.keep(record(5), pinned=True)
    assert _numbers(ring) == [1, 3, 5]
    ring.keep(record(6))
    assert (_numbers(ring), ring.dropped) == ([1, 3, 5], 3)
    ring.keep(record(7), pinned=True)
    assert (_numbers(ring), ring.dropped) == ([3, 5, 7], 4)


def test_what_the_journal_has_is_forgotten_and_room_is_made() -> None:
    ring = MemoryRing(entries_max=3)
    for one in records(1, 3):
        ring.keep(one)
    ring.forget(2)
    assert (_numbers(ring), len(ring), ring.dropped) == ([3], 1, 0)
    ring.keep(record(4))
    ring.keep(record(5))
    ring.keep(record(6))
    assert (_numbers(ring), ring.dropped) == ([4, 5, 6], 1)
    ring.forget(9)
    assert (len(ring), ring.size_bytes) == (0, 0)
