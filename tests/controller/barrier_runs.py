"""Random runs of the compound: cars, badges, fires, faults; and who watches the barriers.

The watcher believes nothing of the core's but its effects and what stands at the wire. What a loop
says it remembers by itself, from the facts as they are fed.
"""

import random
from collections.abc import Callable

from controller.effects import Effect, LowerBarrier, RaiseBarrier
from policies.facts import Mode
from tests.controller.compound_gate import DRIVEN, Gate, quiet
from tests.controller.support import ENTRY, EXIT

STEPS = 40
LOOPS = ("free", "free", "taken", "taken", "faulted", "unknown")


class BlindlyClosedError(AssertionError):
    """A barrier was told to close, or could still have been, over what nobody saw to be free."""


class Watch:
    """What the loops said, and the commands that wait to go out on the wire."""

    def __init__(self, rig: Gate) -> None:
        self.rig = rig
        self.loops = dict.fromkeys(DRIVEN, "free")
        self.queued: list[Effect] = []
        self._lowered: set[str] = set()
        self._raised: set[str] = set()

    @property
    def lowered(self) -> int:
        """How many commands to close could have gone out."""
        return len(self._lowered)

    @property
    def raised(self) -> int:
        """How many commands to open again went out."""
        return len(self._raised)

    def loop(self, portal: str, said: str) -> None:
        self.loops[portal] = said
        self.took(self.rig.loop(portal, said).effects)

    def took(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, LowerBarrier | RaiseBarrier):
                self.queued.append(effect)
        self.look()

    def look(self) -> None:
        """Whatever waits is asked about at every moment, as a driver may just now ask."""
        for effect in self.queued:
            if isinstance(effect, LowerBarrier) and self.rig.stands(effect):
                self._lowered.add(effect.id)
                if self.loops[effect.portal] != "free":
                    raise BlindlyClosedError(f"{effect.portal}: {self.loops[effect.portal]}")

    def sent(self) -> None:
        """The wire has taken all of it."""
        self.look()
        self._raised |= {one.id for one in self.queued if isinstance(one, RaiseBarrier)}
        self.queued.clear()


def run(seed: int) -> Watch:
    """One run. Raises BlindlyClosedError."""
    rng = random.Random(seed)
    rig = quiet()
    watch = Watch(rig)
    for _ in range(STEPS):
        what, portal = rng.choice(_HAPPENINGS), rng.choice(DRIVEN)
        what(watch, portal, rng)
        watch.look()
    return watch


def _badge(watch: Watch, portal: str, rng: random.Random) -> None:
    direction = rng.choice((ENTRY, EXIT))
    watch.took(watch.rig.badge(portal, rng.choice(("ann", "bob", "eve")), direction).effects)


def _moves(watch: Watch, portal: str, rng: random.Random) -> None:
    opens = rng.random() < 0.5
    watch.took((watch.rig.opens if opens else watch.rig.closes)(portal).effects)


def _loop(watch: Watch, portal: str, rng: random.Random) -> None:
    watch.loop(portal, rng.choice(LOOPS))


def _fire(watch: Watch, _: str, rng: random.Random) -> None:
    watch.took(watch.rig.fire(rng.choice(("normal", "alarm", "cut")), "panel").effects)
    watch.took(watch.rig.reset("panel").effects)


def _posture(watch: Watch, _: str, rng: random.Random) -> None:
    watch.took(watch.rig.posture(rng.choice(list(Mode))).effects)


def _link(watch: Watch, portal: str, rng: random.Random) -> None:
    up = rng.random() < 0.7
    watch.took(watch.rig.link(portal, up).effects)


def _journal(watch: Watch, _: str, rng: random.Random) -> None:
    watch.took(watch.rig.journal(working=rng.random() < 0.5).effects)


def _restart(watch: Watch, _: str, rng: random.Random) -> None:
    watch.queued.clear()
    watch.loops = dict.fromkeys(DRIVEN, "unknown")
    watch.took(watch.rig.start().effects)
    watch.took(watch.rig.fire("normal", "panel").effects)
    for portal in DRIVEN:
        watch.took(watch.rig.link(portal).effects)


def _time(watch: Watch, _: str, rng: random.Random) -> None:
    watch.took(watch.rig.later(rng.choice((0.1, 1, 8, 31, 301))).effects)


def _wire(watch: Watch, _: str, rng: random.Random) -> None:
    watch.sent()


Happening = Callable[[Watch, str, random.Random], None]
_HAPPENINGS: tuple[Happening, ...] = (
    *(_badge,) * 4,
    *(_moves,) * 4,
    *(_loop,) * 6,
    *(_time,) * 4,
    *(_wire,) * 2,
    *(_fire, _posture, _link, _journal, _restart),
)
