"""A line at another speed (osdp_COMSET, clause 6.14): all of its readers, or none.

Each reader is told and then found at the new speed. Whoever is not found may be at the old one, and
the others are brought back there: a line ends at one speed with all of them, or at the old one.

What frees and what locks does not wait for that. While readers are told, what frees calls the
change off, and what locks does where the line cannot follow its reader at once: those at the old
speed do it first, then those that have gone are found at the new one, do it, and are told to come
back. In every later phase the line goes at once to where the reader was heard last. Such commands
wait in the queue of a reader that is between two speeds.
"""

from collections.abc import Callable, Sequence
from enum import Enum

import msgspec

from drivers.api import Priority
from drivers.osdp.config import BAUDS
from drivers.osdp.link import Link
from drivers.osdp.states import State
from drivers.telling import MS

TELL_NS = 5_000 * MS  # a reader that does not answer for so long is away
SEEK_NS = 4_000 * MS  # for a few readers at 9600: handshakes, and two probes of who is absent
SEEK_EACH_NS = 500 * MS  # and for each of them: a probe that nobody answers, and its pause
CALLED_NS = 1_000 * MS  # what a reader that is being found may keep others that must lock or free
ROUNDS_MAX = 3  # how often absent readers are looked for at both speeds
SEARCH_AFTER_NS = 15_000 * MS  # nobody has answered since the start for so long
SEARCH_EVERY_NS = 10_000 * MS
SEARCH_FOR_NS = 1_000 * MS  # one probe of most readers of a line; the others have another turn

SetBaud = Callable[[int, int], None]
"""Given the speed and the time: the line goes on at it, and every session is over."""


class Phase(Enum):
    TELLING = "telling each reader, at the old speed"
    CALLED_OFF = "what frees or locks goes out at the old speed, and nobody else is told"
    SEEKING = "looking for all of them at the new one"
    TELLING_BACK = "telling whoever is at the new speed to go back"
    SEEKING_BACK = "looking for all of them at the old one"


class Settled(msgspec.Struct, frozen=True):
    """The speed of the line from here on, and who was not found at it."""

    baud: int
    missing: tuple[str, ...]
    called_off: bool


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
        self._is_called_off = False
        self._at: list[int | None] = [None if gathering else old for _ in links]  # heard last
        self._began_ns = now_ns
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
        self._note_where()
        match self._phase:
            case Phase.TELLING if self._must_be_called_off:
                return self._call_off(now_ns)
            case Phase.TELLING:
                self._telling(now_ns)
            case Phase.CALLED_OFF:
                self._called_off(now_ns)
            case Phase.SEEKING:
                if self._all_online:
                    return self._settled(self._new)
                if now_ns >= self.until_ns:
                    self._begin(Phase.TELLING_BACK, now_ns)
            case Phase.TELLING_BACK:
                self._telling_back(now_ns)
            case Phase.SEEKING_BACK:
                return self._seeking_back(now_ns)
        return None

    def _note_where(self) -> None:
        """At which speed each reader was heard last."""
        here = {Phase.TELLING: None, Phase.CALLED_OFF: None, Phase.SEEKING_BACK: self._old}
        for place, link in enumerate(self._links):
            told = link.survey.speed_told
            if told in self.speeds:
                self._at[place] = told
            elif told is None and link.is_online:
                self._at[place] = here.get(self._phase, self._new) or self._at[place]

    def _telling(self, now_ns: int) -> None:
        told = [link.survey.speed_told for link in self._links]
        if all(baud == self._new for baud in told):
            self._set_baud(self._new, now_ns)
            self._begin(Phase.SEEKING, now_ns)
        elif now_ns >= self.until_ns or any(baud not in (None, self._new) for baud in told):
            # Whoever was told is at the new speed by now.
            self._lose_sight_of(self._old)
            self._set_baud(self._new, now_ns)
            self._begin(Phase.TELLING_BACK, now_ns)

    @property
    def _must_be_called_off(self) -> bool:
        """Whether somebody's way out is to be freed, or a reader that must lock has gone ahead and
        another does not let the line follow it.
        """
        if any(link.urgency is Priority.LIFE_SAFETY for link in self._links):
            return True
        gone = any(_is_urgent(link) and link.survey.speed_told for link in self._links)
        return gone and any(link.promptness.has_missed for link in self._links)

    def _call_off(self, now_ns: int) -> Settled | None:
        """Nobody else is told; over at once where nobody was."""
        self._is_called_off = True
        for place, link in enumerate(self._links):
            if link.survey.withdraw_speed() or link.survey.speed_told == 0:
                link.survey.speed_told = None
            elif link.survey.speed_told is None:
                self._at[place] = None  # it may have heard it, and is not waited for
                link.shut(now_ns, "it may have gone to another speed")
        if all(at == self._old for at in self._at):
            return self._settled(self._old)
        self._phase, self._began_ns = Phase.CALLED_OFF, now_ns
        self.until_ns = now_ns + CALLED_NS
        self._called_off(now_ns)
        return None

    def _called_off(self, now_ns: int) -> None:
        if now_ns < self.until_ns and self._is_serving(self._old, now_ns):
            return
        if self._new in self._at:
            self._set_baud(self._new, now_ns)
            self._begin(Phase.TELLING_BACK, now_ns)
            return
        self._begin(Phase.SEEKING_BACK, now_ns)
        for link, at in zip(self._links, self._at, strict=True):
            if at is None:
                link.due_ns = now_ns

    def _telling_back(self, now_ns: int) -> None:
        for link in self._links:
            if link.is_online and link.survey.speed_told is None:
                tell(link, self._old, now_ns)
        is_over = all(link.survey.speed_told is not None for link in self._links)
        # In the first round of a change that was called off the others wait at the old speed.
        hurries = self._is_called_off and self._rounds == 0 and self._new not in self._at
        if now_ns >= self.until_ns:
            self._lose_sight_of(self._new)
        elif not is_over and not hurries and not self._is_called_to(self._old, now_ns):
            return
        self._set_baud(self._old, now_ns)
        self._begin(Phase.SEEKING_BACK, now_ns)

    def _seeking_back(self, now_ns: int) -> Settled | None:
        if self._all_online:
            return self._settled(self._old)
        if now_ns >= self.until_ns:
            self._lose_sight_of(self._old)
            self._rounds += 1
            if self._rounds >= ROUNDS_MAX:
                return self._settled(self._old)
        elif not self._is_called_to(self._new, now_ns):
            return None
        self._set_baud(self._new, now_ns)
        self._begin(Phase.TELLING_BACK, now_ns)
        return None

    def _settled(self, baud: int) -> Settled:
        missing = tuple(link.config.name for link in self._links if not link.is_online)
        return Settled(baud, missing, self._is_called_off)

    def _begin(self, phase: Phase, now_ns: int) -> None:
        self._phase, self._began_ns, self.until_ns = phase, now_ns, now_ns + self._seek_ns
        for link in self._links:
            link.survey.speed_told = None

    # --- what frees and what locks -----------------------------------------------------------

    def _is_called_to(self, baud: int, now_ns: int) -> bool:
        """Whether a reader that was heard last at this other speed has to free or lock, now that
        those at the line's speed have done so.
        """
        here = self._old if baud == self._new else self._new
        waits = any(_is_urgent(link) for link in self._heard_at(baud))
        return waits and not self._is_serving(here, now_ns)

    def _is_serving(self, baud: int, now_ns: int) -> bool:
        """Whether a reader at this speed, the line's, still has to free or lock and may do it."""
        finding = now_ns < self._began_ns + CALLED_NS
        return any(
            _is_urgent(link) and not link.promptness.has_missed and (link.is_online or finding)
            for link in self._heard_at(baud)
        )

    def _heard_at(self, baud: int) -> list[Link]:
        return [link for link, at in zip(self._links, self._at, strict=True) if at == baud]

    def _lose_sight_of(self, baud: int) -> None:
        """Whoever was not found at this speed, for all the time there was, may be at the other."""
        for place, link in enumerate(self._links):
            if self._at[place] == baud and not link.is_online:
                self._at[place] = None

    @property
    def _all_online(self) -> bool:
        return all(link.is_online for link in self._links)


def _is_urgent(link: Link) -> bool:
    return link.urgency is not None and link.urgency <= Priority.SECURE


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
