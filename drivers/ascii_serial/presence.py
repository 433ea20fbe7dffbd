"""What is held to a reader: one badge is one reading for as long as it stays there."""

from enum import Enum, auto

MS = 1_000_000

AWAY_NS = 500 * MS
"""Not heard for so long, a badge has left.

An RDM6300 repeats itself every 50 to 65 ms, with gaps where the badge is held askew; programs for
it wait 220 to 800 ms. An ID-12 says a badge once, and again when the hand trembles.
"""

PRESENT_MAX = 4
"""People do not show more badges within `AWAY_NS`; whoever has the cable guesses no faster."""


class Sight(Enum):
    NEW = auto()
    STILL_THERE = auto()
    CROWDED = auto()  # more than people can show: not counted, and not remembered


class Presence:
    """The badges in one reader's field.

    A badge that is heard again stays. Others in between count at once. Badges leave in `expire`
    and nowhere else, so that what has waited in a port, unread, is no absence.
    """

    def __init__(self) -> None:
        self._heard_ns: dict[bytes, int] = {}

    def sight(self, badge: bytes, now_ns: int) -> Sight:
        """A badge was heard."""
        known = badge in self._heard_ns
        if not known and len(self._heard_ns) >= PRESENT_MAX:
            return Sight.CROWDED
        self._heard_ns[badge] = now_ns
        return Sight.STILL_THERE if known else Sight.NEW

    def expire(self, now_ns: int) -> None:
        """Forget badges that have left. Call it behind everything that had arrived by then."""
        for badge, heard_ns in list(self._heard_ns.items()):
            if now_ns >= heard_ns + AWAY_NS:
                del self._heard_ns[badge]

    def deadline(self) -> int | None:
        """When `expire` is due, so that no badge is kept longer than it is needed."""
        return min(self._heard_ns.values()) + AWAY_NS if self._heard_ns else None

    def clear(self) -> None:
        """The line is gone."""
        self._heard_ns.clear()
