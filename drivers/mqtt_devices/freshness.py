"""What of a device's messages is of now: doubled, overtaken and late ones are told apart here."""

from collections import deque
from collections.abc import Collection
from enum import Enum

from drivers.mqtt_devices.payload import Stamp

RECENT_MAX = 64
"""So many messages are known again when they come twice; a device that sends again what was not
acknowledged has far fewer in flight."""


SET_BACK_AFTER = 3
"""So many messages in a row, each later than the one before and all behind what was the latest,
say that a clock was set back; what is merely overtaken comes in no such row."""


class Age(Enum):
    PLAIN = "without a time, or with one that is not trusted"
    PROVEN = "of now, by a clock that is trusted"
    DOUBLED = "the same message once more"
    OVERTAKEN = "older than one that came before"
    STALE = "older or newer than it may be"


_WORST_FIRST = (Age.OVERTAKEN, Age.STALE, Age.PLAIN, Age.PROVEN)


class Freshness:
    """Of one device, from one coming back to the next."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], float] = {}
        self._behind: dict[tuple[str, str], tuple[int, float]] = {}
        self._recent: deque[int] = deque(maxlen=RECENT_MAX)

    def came_back(self) -> None:
        """The device may have restarted: its clock or counter may begin anew. What it sends again
        is known all the same.
        """
        self._latest.clear()
        self._behind.clear()

    def judge(self, topic: str, message: int, stamps: Collection[Stamp], wall_s: float) -> Age:
        """How old the message with this fingerprint is. It counts as seen from now on."""
        if not stamps:
            return Age.PLAIN
        if message in self._recent:
            return Age.DOUBLED
        self._recent.append(message)
        ages = {self._age(topic, stamp, wall_s) for stamp in stamps}
        return next(age for age in _WORST_FIRST if age in ages)

    def _age(self, topic: str, stamp: Stamp, wall_s: float) -> Age:
        limit_s = stamp.entry.max_age_s
        if stamp.at is None:
            return Age.PLAIN if limit_s is None else Age.STALE
        if isinstance(stamp.at, str):
            return Age.PLAIN
        known = topic, stamp.entry.path
        if stamp.at < self._latest.get(known, 0):
            self._fall_behind(known, stamp.at)
            return Age.OVERTAKEN
        if limit_s is not None and abs(wall_s - stamp.at) > limit_s:
            return Age.STALE
        self._latest[known] = stamp.at
        self._behind.pop(known, None)
        return Age.PLAIN if limit_s is None else Age.PROVEN

    def _fall_behind(self, known: tuple[str, str], at: float) -> None:
        """A clock that was set back is followed in the end: its reader would be dead for hours."""
        count, last = self._behind.get(known, (0, 0.0))
        count = count + 1 if at > last else 1
        self._behind[known] = count, at
        if count == SET_BACK_AFTER:
            self._latest[known] = at
            del self._behind[known]
