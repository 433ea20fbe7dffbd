"""How faces are compared at a zone: how near, and how many turns of the head, per threat level."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TypeVar

from policies.compiled import LEVELS, FaceRule, Passage
from policies.compiling import Compiling
from policies.document import Place
from policies.model import ZoneEntry

DISTANCE_MAX = 0.5
"""Of 520 labelled pairs of photographs no two people were as near, and 94 % of the same person were
(docs/biometrics.md, with what that does not say)."""

TURNS = 2
"""Four orders: whoever holds up a film of somebody turning has to guess one of them."""


N = TypeVar("N", int, float)


def compiled_face(compiling: Compiling, value: ZoneEntry, place: Place) -> FaceRule:
    """The rule of one zone."""
    near = place.child("face-distance-max")
    distances = _levels(compiling, value.face_distance_max, DISTANCE_MAX, near)
    for level, (below, distance) in enumerate(pairwise(distances), start=2):
        if distance > below:
            _looser(compiling, near, level, "lets faces differ more")
    turning = place.child("face-turns")
    turns = _levels(compiling, value.face_turns, TURNS, turning)
    for level, (fewer, asked) in enumerate(pairwise(turns), start=2):
        if asked < fewer:
            _looser(compiling, turning, level, "asks for fewer turns")
    return FaceRule(distances, turns)


def face_rule(passage: Passage, level: int) -> tuple[float, int]:
    """How near a face must be to pass here at a threat level, and how many turns are asked for: the
    strictest word of all zones that are entered, or of the one that is left.
    """
    zones = passage.entered or (passage.judged,)
    distances = [zone.face.distance_max[level - 1] for zone in zones]
    return min(distances), max(zone.face.turns[level - 1] for zone in zones)


def _levels(
    compiling: Compiling, stated: Mapping[str, N], default: N, place: Place
) -> tuple[N, ...]:
    """What holds at each level: one that is not named keeps what holds below it."""
    named = {compiling.level(key, place.child(key)): value for key, value in stated.items()}
    found = [named.get(1, default)]
    for level in range(2, LEVELS + 1):
        found.append(named.get(level, found[-1]))
    return tuple(found)


def _looser(compiling: Compiling, place: Place, level: int, what: str) -> None:
    compiling.problems.append(
        place.child(str(level)).problem(
            f"level {level} {what} than level {level - 1}",
            "each level must be at least as strict as the one below",
        )
    )
