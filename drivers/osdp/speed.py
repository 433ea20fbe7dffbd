"""A line at another speed (osdp_COMSET, clause 6.14): all of its readers, or none.

Each reader is told and then found at the new speed. Whoever is not found may be at the old one, and
the others are brought back there: a line ends at one speed with all of them, or at the old one.
"""

from collections.abc import Callable, Sequence
from enum import Enum

import msgspec

from drivers.osdp.config import BAUDS
from drivers.osdp.link import Link
from drivers.osdp.states import State
from drivers.telling import MS

TELL_NS = 5_000 * MS  # a reader that does not answer for so long is away
SEEK_NS = 4_000 * MS  # for a few readers at 9600: handshakes, and two probes of who is absent
SEEK_EACH_NS = 500 * MS  # and for each of them: a probe that nobody answers, and its pause
ROUNDS_MAX = 3  # how often absent readers are looked for at both speeds
SEARCH_AFTER_NS = 15_000 * MS  # nobody has answered since the start for so long
SEARCH_EVERY_NS = 10_000 * MS
SEARCH_FOR_NS = 1_000 * MS  # one probe of most readers of a line; the others have another turn

SetBaud = Callable[[int, int], None]
"""Given the speed and the time: the line goes on at it, and every session is over."""


class Phase(Enum):
    TELLING = "telling each reader, at the old speed"
    SEEKING = "looking for all of them at the new one"
    TELLING_BACK = "telling whoever is at the new speed to go back"
    SEEKING_BACK = "looking for all of them at the old one"


class Settled(msgspec.Struct, frozen=True):
    """The speed of the line from here on, and who was not found at it."""

    baud: int
    missing: tuple[str, ...]


class SpeedChange:
    """One change; `gathering` begins where an earlier run was cut off, and ends at `old`."""

    def __init__(
        self,
        links: Sequence[Link],
        old: int,
        new: int,
        set_baud: SetBaud,
        now_ns: int,
        *,
        gathering: bool,
    ) -> None:
        self._links, self._old, self._new = links, old, new
        self._set_baud = set_baud
        self._rounds = 0
        self._phase = Phase.SEEKING_BACK if gathering else Phase.TELLING
        self._seek_ns = SEEK_NS + SEEK_EACH_NS * len(links)
        self.until_ns = now_ns + (self._seek_ns if gathering else TELL_NS)
        for link in links:
            link.survey.speed_told = None
            if not gathering:
                tell(link, new, now_ns)

    @property
    def speeds(self) -> tuple[int, int]:
        """The old one and the new one."""
        return self._old, self._new

    def advance(self, now_ns: int) -> Settled | None:
        """What follows from what the readers have said, or from the time; its end."""
        match self._phase:
            case Phase.TELLING:
                self._telling(now_ns)
            case Phase.SEEKING:
                if self._all_online:
                    return Settled(self._new, ())
                if now_ns >= self.until_ns:
                    self._begin(Phase.TELLING_BACK, now_ns)
            case Phase.TELLING_BACK:
                self._telling_back(now_ns)
            case Phase.SEEKING_BACK:
                if self._all_online:
                    return Settled(self._old, ())
                if now_ns >= self.until_ns:
                    return self._next_round(now_ns)
        return None

    def _telling(self, now_ns: int) -> None:
        told = [link.survey.speed_told for link in self._links]
        if all(baud == self._new for baud in told):
            self._set_baud(self._new, now_ns)
            self._begin(Phase.SEEKING, now_ns)
        elif now_ns >= self.until_ns or any(baud not in (None, self._new) for baud in told):
            # Whoever was told is at the new speed by now.
            self._set_baud(self._new, now_ns)
            self._begin(Phase.TELLING_BACK, now_ns)

    def _telling_back(self, now_ns: int) -> None:
        for link in self._links:
            if link.is_online and link.survey.speed_told is None:
                tell(link, self._old, now_ns)
        if now_ns >= self.until_ns or all(
            link.survey.speed_told is not None for link in self._links
        ):
            self._set_baud(self._old, now_ns)
            self._begin(Phase.SEEKING_BACK, now_ns)

    def _next_round(self, now_ns: int) -> Settled | None:
        self._rounds += 1
        if self._rounds >= ROUNDS_MAX:
            missing = tuple(link.config.name for link in self._links if not link.is_online)
            return Settled(self._old, missing)
        self._set_baud(self._new, now_ns)
        self._begin(Phase.TELLING_BACK, now_ns)
        return None

    def _begin(self, phase: Phase, now_ns: int) -> None:
        self._phase, self.until_ns = phase, now_ns + self._seek_ns
        for link in self._links:
            link.survey.speed_told = None

    @property
    def _all_online(self) -> bool:
        return all(link.is_online for link in self._links)


def tell(link: Link, baud: int, now_ns: int) -> None:
    """Have the reader told, in the session that stands."""
    link.survey.tell_speed(baud)
    link.due_ns = min(link.due_ns, now_ns)


class SpeedSearch:
    """Where nobody has answered since the start: at which other speed somebody does.

    One other speed at a time, for a second in ten. A line on which anybody answers is left alone,
    and nothing but who is there is asked at another speed.
    """

    def __init__(self, links: Sequence[Link], own: int, set_baud: SetBaud, now_ns: int) -> None:
        self._links, self._own, self._set_baud = links, own, set_baud
        self._others = [baud for baud in BAUDS if baud != own]
        self._trying: int | None = None
        self.until_ns = now_ns + SEARCH_AFTER_NS

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to look for."""
        return not self._others

    def advance(self, now_ns: int) -> int | None:
        """The speed at which somebody was heard, once."""
        heard = any(link.state not in (State.OFFLINE, State.IDENTIFYING) for link in self._links)
        if self._trying is None:
            if heard:
                self._others = []
            elif now_ns >= self.until_ns and not self.is_over:
                self._trying = self._others[0]
                self._others.append(self._others.pop(0))
                self.until_ns = now_ns + SEARCH_FOR_NS
                self._set_baud(self._trying, now_ns)
            return None
        if not heard and now_ns < self.until_ns:
            return None
        tried, self._trying = self._trying, None
        self.until_ns = now_ns + SEARCH_EVERY_NS
        self._set_baud(self._own, now_ns)
        if not heard:
            return None
        self._others = []
        return tried
