"""How faces are compared at a zone: how near, and how many turns of the head, per threat level."""

from itertools import pairwise

from policies.compiled import FaceRule, Passage
from policies.compiling import Compiling
from policies.document import Place
from policies.model import ZoneEntry

DISTANCE_MAX = 0.5
"""Of 520 labelled pairs of photographs no two people were as near, and 94 % of the same person were
(docs/biometrics.md, with what that does not say)."""

TURNS = 2
"""Four orders: whoever holds up a film of somebody turning has to guess one of them."""


def compiled_face(compiling: Compiling, value: ZoneEntry, place: Place) -> FaceRule:
    """The rule of one zone."""
    near = place.child("face-distance-max")
    distances = compiling.levels(value.face_distance_max, DISTANCE_MAX, near)
    for level, (below, distance) in enumerate(pairwise(distances), start=2):
        if distance > below:
            compiling.looser(near, level, "lets faces differ more")
    turning = place.child("face-turns")
    turns = compiling.levels(value.face_turns, TURNS, turning)
    for level, (fewer, asked) in enumerate(pairwise(turns), start=2):
        if asked < fewer:
            compiling.looser(turning, level, "asks for fewer turns")
    return FaceRule(distances, turns)


def face_rule(passage: Passage, level: int) -> tuple[float, int]:
    """How near a face must be to pass here at a threat level, and how many turns are asked for: the
    strictest word of all zones that are entered, or of the one that is left.
    """
    zones = passage.entered or (passage.judged,)
    distances = [zone.face.distance_max[level - 1] for zone in zones]
    return min(distances), max(zone.face.turns[level - 1] for zone in zones)
