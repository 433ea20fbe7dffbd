"""Drawn heads, prints, swaps and films before the challenge; arguments: [PEOPLE] [KIND …].

The rule's figures were chosen on the first eight of the selected people; these are others.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from drivers.faces.api import Turn
from drivers.faces.engine import FastEngine
from drivers.faces.evaluation import counted
from drivers.faces.interfaces import Liveness
from drivers.faces.recognition import open_recognition
from simulators.people.traits import SELECTED
from tests.campaigns import Result
from tests.drivers.faces.acting import SIDE, At, Film, Person, Print, Swapped, drawn, judge

CHOSEN_ON = 8
PEOPLE = 16
LIVE_LEAST = 0.8
FAST_LEAST = 0.5
"""80 degrees a second in twelve pictures: who turns so fast is refused more often (6 of 8 passed),
which opens nothing, and is asked again.
"""


Order = tuple[Turn, ...]


class Kind(NamedTuple):
    """Who stands there, and the least and the most share that may pass."""

    name: str
    shown: Callable[[int, Order, Random], At]
    least: float
    most: float


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    people = int(arguments[0]) if arguments else PEOPLE
    chosen = [kind for kind in KINDS if kind.name in (arguments[1:] or [kind.name])]
    held_out = SELECTED[CHOSEN_ON : CHOSEN_ON + people]
    chance = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        engine = FastEngine(open_recognition(Path(folder)))
    passed: dict[str, list[bool]] = {kind.name: [] for kind in chosen}
    for identity in held_out:
        for kind in chosen:
            for order in ORDERS:
                found = judge(engine, kind.shown(identity, order, chance), order)
                passed[kind.name].append(found.verdict is Liveness.PASSED)
                sys.stdout.write(
                    f"{identity} {kind.name} {_words(order)}: {found.reason or 'passed'}\n"
                )
    good = all(_as_hoped(kind, passed[kind.name]) for kind in chosen)
    return Result(good and bool(held_out), "passed of " + "; ".join(_told(passed)))


def _as_hoped(kind: Kind, passed: list[bool]) -> bool:
    return kind.least <= sum(passed) / len(passed) <= kind.most


def _told(passed: dict[str, list[bool]]) -> Iterator[str]:
    for name, each in passed.items():
        count = counted(sum(each), len(each))
        yield f"{name} {count.wrong} of {count.of} (95 %: at most {100 * count.at_most:.0f} %)"


def _words(order: Order) -> str:
    return ",".join(order)


def _other(order: Order) -> Order:
    return tuple(Turn.RIGHT if turn is Turn.LEFT else Turn.LEFT for turn in order)


def _swapped(identity: int, order: Order, chance: Random) -> At:
    """Another picture of the same head, turned as asked first, in the very place of the first."""
    side = SIDE[order[0]]
    turned = drawn(identity, side * chance.randrange(8, 15))
    return Swapped(drawn(identity, 0), turned, chance.uniform(1.0, 1.5))


LEFT, RIGHT = Turn.LEFT, Turn.RIGHT
ORDERS: tuple[Order, ...] = ((LEFT, RIGHT), (RIGHT, RIGHT))

KINDS = (
    Kind("live", lambda who, order, chance: Person(who, chance.randrange(10**6)), LIVE_LEAST, 1.0),
    Kind(
        "live fast",
        lambda who, order, chance: Person(who, chance.randrange(10**6), most=28, turn_s=0.35),
        FAST_LEAST,
        1.0,
    ),
    Kind("print", lambda who, order, chance: Print(who, chance.uniform(25, 48)), 0.0, 0.0),
    Kind("bent 30", lambda who, order, chance: Print(who, chance.uniform(25, 48), 30), 0.0, 0.0),
    Kind("bent 60", lambda who, order, chance: Print(who, chance.uniform(25, 48), 60), 0.0, 0.05),
    Kind("bent 90", lambda who, order, chance: Print(who, chance.uniform(25, 48), 90), 0.0, 0.25),
    Kind("swap", _swapped, 0.0, 0.0),
    Kind("film of this order", lambda who, order, chance: Film(who, order), 0.0, 1.0),
    Kind("film of the other order", lambda who, order, chance: Film(who, _other(order)), 0.0, 0.0),
)
