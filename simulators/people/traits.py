"""Who somebody is: some fifty numbers that are drawn from one seed."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from simulators.people.canvas import Floats

SPREAD = 1.5
"""How far people differ; it scales the deviation of every shape (face.md section 4)."""

LIMIT_DEVIATIONS = 2.2
"""A trait further out than this gives faces that nobody would take for one."""

SELECTED = (
    *(17, 34, 151, 308, 293, 127, 90, 19, 41, 298, 153, 30, 233, 324, 291, 37, 254, 161, 88, 182),
    *(256, 158, 155, 26, 342, 85, 142, 247, 186, 5, 7, 61, 99, 243, 131, 59, 29, 335, 167, 251),
)
"""The forty people of the simulator, in the order in which they were chosen.

Of the seeds 0..359 those were taken whose mean descriptors lie furthest from all taken before, and
of 44 taken so the four were dropped that the detector had missed, in colour, in one of twelve views
(face.md section 4). So they are easier to find and to tell apart than people drawn at random: a
figure measured on them is a figure of the simulator. In grey, as doors look, it finds them in 97
views of 100 (`make campaign faces`).
"""


class HairStyle(IntEnum):
    BALD = 0
    SHORT = 1
    LONG = 2
    FRINGE = 3


class BeardStyle(IntEnum):
    NONE = 0
    STUBBLE = 1
    FULL = 2
    GOATEE = 3


class Glasses(IntEnum):
    NONE = 0
    ROUND = 1
    SQUARE = 2


SKIN_TONES = np.array(
    [
        [205, 222, 243],
        [165, 190, 226],
        [125, 158, 205],
        [85, 118, 170],
        [52, 76, 122],
        [34, 46, 78],
    ],
    np.float32,
)
HAIR_COLOURS = (
    (18, 20, 24),
    (28, 36, 52),
    (40, 62, 96),
    (75, 120, 165),
    (130, 180, 210),
    (35, 60, 130),
    (150, 152, 155),
    (215, 218, 220),
)
IRIS_COLOURS = ((60, 40, 25), (40, 60, 90), (40, 90, 70), (150, 110, 60))


class Shape(NamedTuple):
    width: float
    cheek: float
    jaw: float
    chin_width: float
    chin: float
    temple: float


class Eyes(NamedTuple):
    apart: float
    width: float
    height: float
    slant: float
    depth: float
    iris: tuple[int, int, int]
    lid: float


class Brows(NamedTuple):
    height: float
    thickness: float
    angle: float
    density: float
    length: float
    ridge: float


class Nose(NamedTuple):
    length: float
    width: float
    height: float
    bridge: float
    tip: float
    hook: float


class Mouth(NamedTuple):
    height: float
    width: float
    upper: float
    lower: float
    colour: float
    cupid: float
    fullness: float


class Flesh(NamedTuple):
    cheekbone: float
    folds: float
    wrinkles: float
    freckled: bool
    roundness: float


class Hair(NamedTuple):
    style: HairStyle
    line: float
    receding: float
    volume: float
    colour: Floats


class Beard(NamedTuple):
    style: BeardStyle
    density: float


class Spectacles(NamedTuple):
    style: Glasses
    width: float
    height: float
    colour: Floats


class Traits(NamedTuple):
    """Lengths in units of the sheet (`canvas.py`), shares in 0..1, colours BGR."""

    identity: int
    masculine: bool
    age: float
    skin: Floats
    shape: Shape
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    flesh: Flesh
    hair: Hair
    beard: Beard
    spectacles: Spectacles
    shirt: Floats


class _Draw:
    """A person's chances, in the order in which they are asked for."""

    def __init__(self, identity: int) -> None:
        self.random = np.random.default_rng(identity)

    def evenly(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def about(self, middle: float, deviation: float) -> float:
        limit = LIMIT_DEVIATIONS * deviation
        return float(middle + SPREAD * np.clip(self.random.normal(0, deviation), -limit, limit))

    def one_of(self, shares: tuple[float, ...]) -> int:
        return int(self.random.choice(len(shares), p=shares))


def traits(identity: int, glasses: Glasses | None = None) -> Traits:
    """The person of that number, 0 or above; the same one always.

    `glasses` puts on others than the person's own. The order of the draws is part of who somebody
    is: one draw more, and everybody is another.
    """
    draw = _Draw(identity)
    masculine, age, tone = draw.random.random() < 0.55, draw.random.random(), draw.random.random()
    skin = _skin(draw, tone)
    hair_colour = _hair_colour(draw, tone, age)
    person = Traits(
        identity=identity,
        masculine=masculine,
        age=age,
        skin=skin,
        shape=_shape(draw, masculine),
        eyes=_eyes(draw, tone),
        brows=_brows(draw, masculine),
        nose=_nose(draw),
        mouth=_mouth(draw, masculine),
        flesh=_flesh(draw, tone, age),
        hair=_hair(draw, masculine, hair_colour),
        beard=_beard(draw, masculine),
        spectacles=_spectacles(draw),
        shirt=draw.random.uniform(30, 220, 3),
    )
    if glasses is None:
        return person
    return person._replace(spectacles=person.spectacles._replace(style=glasses))


def _skin(draw: _Draw, tone: float) -> Floats:
    place = tone * 4.999
    step = int(place)
    between = SKIN_TONES[step] * (1 - place + step) + SKIN_TONES[step + 1] * (place - step)
    return np.asarray(between * draw.random.uniform(0.93, 1.07, 3))


def _hair_colour(draw: _Draw, tone: float, age: float) -> Floats:
    light = [0.1 if tone < 0.5 else 0.01, *([0.08, 0.06] if tone < 0.4 else [0.01, 0.01])]
    shares = np.array([0.3, 0.2, 0.13, *light, 0.02 + 0.18 * age, 0.02 + 0.15 * (age > 0.7)])
    chosen = draw.random.choice(len(HAIR_COLOURS), p=shares / shares.sum())
    return np.array(HAIR_COLOURS[chosen], np.float32)


def _shape(draw: _Draw, masculine: bool) -> Shape:
    width = draw.about(1, 0.07)
    draw.about(1, 0.06)  # the length of the head, which nothing is drawn from
    return Shape(
        width=width,
        cheek=draw.about(1, 0.05),
        jaw=draw.about(0.80 if masculine else 0.70, 0.07),
        chin_width=draw.about(0.44 if masculine else 0.36, 0.07),
        chin=draw.about(1.6, 0.09),
        temple=draw.about(1.0, 0.04),
    )


def _eyes(draw: _Draw, tone: float) -> Eyes:
    return Eyes(
        apart=draw.about(0.45, 0.035),
        width=draw.about(0.225, 0.022),
        height=max(0.068, draw.about(0.088, 0.014)),
        slant=draw.about(0.015, 0.018),
        depth=draw.about(0.10, 0.05),
        iris=IRIS_COLOURS[draw.random.choice(4 if tone < 0.4 else 2)],
        lid=draw.evenly(0, 1),
    )


def _brows(draw: _Draw, masculine: bool) -> Brows:
    return Brows(
        height=draw.about(0.31, 0.04),
        thickness=draw.about(0.075 if masculine else 0.045, 0.022),
        angle=draw.about(0.03, 0.05),
        density=draw.evenly(0.45, 1),
        length=draw.about(0.30, 0.03),
        ridge=draw.about(0.08 if masculine else 0.03, 0.04),
    )


def _nose(draw: _Draw) -> Nose:
    return Nose(
        length=draw.about(0.64, 0.05),
        width=draw.about(0.24, 0.045),
        height=draw.about(0.30, 0.06),
        bridge=draw.about(0.075, 0.02),
        tip=draw.about(0.13, 0.03),
        hook=draw.about(0, 0.05),
    )


def _mouth(draw: _Draw, masculine: bool) -> Mouth:
    return Mouth(
        height=draw.about(0.98, 0.05),
        width=draw.about(0.37, 0.05),
        upper=draw.about(0.075, 0.025),
        lower=draw.about(0.10, 0.025),
        colour=draw.evenly(0, 0.35) if masculine else draw.evenly(0, 1),
        cupid=draw.evenly(0, 0.03),
        fullness=draw.about(0.06, 0.02),
    )


def _flesh(draw: _Draw, tone: float, age: float) -> Flesh:
    cheekbone = draw.about(0.06, 0.04)
    folds = age * draw.evenly(0.3, 1)
    wrinkles = max(0, age - 0.5) * 2 * draw.evenly(0.3, 1)
    draw.evenly(0, 1)  # how many freckles, which nothing is drawn from
    freckled = draw.random.random() < 0.4
    return Flesh(
        cheekbone=cheekbone,
        folds=folds,
        wrinkles=wrinkles,
        freckled=freckled and tone < 0.35,
        roundness=draw.about(0, 0.06),
    )


def _hair(draw: _Draw, masculine: bool, colour: Floats) -> Hair:
    shares = (0.16, 0.42, 0.22, 0.2) if masculine else (0.01, 0.15, 0.54, 0.3)
    return Hair(
        style=HairStyle(draw.one_of(shares)),
        line=draw.about(-1.0, 0.09),
        receding=draw.evenly(0, 0.35) if masculine else draw.evenly(0, 0.08),
        volume=draw.evenly(0.05, 0.22),
        colour=colour,
    )


def _beard(draw: _Draw, masculine: bool) -> Beard:
    style = draw.one_of((0.45, 0.2, 0.2, 0.15)) if masculine else BeardStyle.NONE
    return Beard(style=BeardStyle(style), density=draw.evenly(0.35, 0.95))


def _spectacles(draw: _Draw) -> Spectacles:
    return Spectacles(
        style=Glasses(draw.one_of((0.72, 0.16, 0.12))),
        width=draw.evenly(0.26, 0.34),
        height=draw.evenly(0.18, 0.27),
        colour=draw.random.uniform(10, 90, 3),
    )
