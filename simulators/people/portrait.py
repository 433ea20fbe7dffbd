"""Drawn people before a camera: `render` for one, `picture` for several or nobody.

The same arguments give the same picture, on one machine to the bit; another processor may round a
few values otherwise. Nobody real is shown: every face comes from a number (`traits.py`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from simulators.people.canvas import Floats, Image
from simulators.people.head import Head
from simulators.people.layers import Light, Pose, layer
from simulators.people.paint import CALM, Expression
from simulators.people.traits import Glasses

FRAME = (640, 480)
"""Width and height of a picture, where nobody says another."""

FACE_PX = 170
"""How wide a face is where nobody says so: somebody an arm's length before a gate's camera."""

HEADS_MAX = 4
"""People whose shapes are kept, 18 to 66 MB each: before one camera are two at most."""

PATCHES = (4, 5)
"""Colours of a wall, down and across."""

WALLS_MAX = 4
"""Walls kept, 4 MB each at 640x480: a camera sees the same one all the time."""


class Lens(NamedTuple):
    """What the camera adds: blur (deviation in pixels) and noise (deviation, of 255)."""

    blur_px: float = 0.6
    noise: float = 3.0


AHEAD, ROOM, PLAIN = Pose(), Light(), Lens()


class Figure(NamedTuple):
    """Somebody in the picture; `centre` is the middle of the face in pixels, None the picture's.
    `glasses` None are the person's own."""

    identity: int
    pose: Pose = AHEAD
    expression: Expression = CALM
    size_px: float = FACE_PX
    centre: tuple[float, float] | None = None
    glasses: Glasses | None = None


def render(
    identity: int,
    pose: Pose = AHEAD,
    light: Light = ROOM,
    size_px: float = FACE_PX,
    *,
    frame: tuple[int, int] = FRAME,
    centre: tuple[float, float] | None = None,
    expression: Expression = CALM,
    glasses: Glasses | None = None,
    lens: Lens = PLAIN,
    background: Image | None = None,
    seed: int = 0,
) -> Image:
    """One person. `frame` is (width, height), `size_px` the width of the face, `seed` that of wall
    and noise. Where a background is given (`wall`, a gate), the noise alone is drawn from it."""
    figure = Figure(identity, pose, expression, size_px, centre, glasses)
    return picture((figure,), light, frame=frame, lens=lens, background=background, seed=seed)


def picture(
    figures: Sequence[Figure],
    light: Light = ROOM,
    *,
    frame: tuple[int, int] = FRAME,
    lens: Lens = PLAIN,
    background: Image | None = None,
    seed: int = 0,
) -> Image:
    """The people given, the later ones in front; none gives the empty background."""
    random = np.random.default_rng(seed)
    behind = _backdrop(random, frame) if background is None else background.astype(np.float32)
    for figure in figures:
        _shoulders(behind, figure, frame)
        points = _head(figure.identity, figure.glasses).points(figure.expression)
        centre = _centre(figure, frame)
        head = layer(points, figure.pose, light, figure.size_px, centre, frame)
        if head is not None:
            head.over(behind)
    return seen(behind, lens, random)


def wall(seed: int, frame: tuple[int, int] = FRAME) -> Image:
    """The wall that `render` draws for that seed, so that it stays while the noise changes."""
    return _backdrop(np.random.default_rng(seed), frame).astype(np.uint8)


def seen(scene: Floats, lens: Lens, random: np.random.Generator) -> Image:
    """What the camera makes of a scene."""
    out = cv2.GaussianBlur(scene, (0, 0), lens.blur_px) if lens.blur_px else scene
    grain = random.standard_normal(scene.shape, dtype=np.float32) * np.float32(lens.noise)
    return np.clip(np.asarray(out) + grain, 0, 255).astype(np.uint8)


@lru_cache(HEADS_MAX)
def _head(identity: int, glasses: Glasses | None) -> Head:
    return Head(identity, glasses)


def _backdrop(random: np.random.Generator, frame: tuple[int, int]) -> Floats:
    """A soft wall of a few colours."""
    patches = random.uniform(60, 190, (*PATCHES, 3)).astype(np.float32)
    return _wall(patches.tobytes(), frame).copy()


@lru_cache(WALLS_MAX)
def _wall(patches: bytes, frame: tuple[int, int]) -> Floats:
    few = np.frombuffer(patches, np.float32).reshape(*PATCHES, 3)
    wide = cv2.resize(few, frame, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), 9), np.float32)


def _centre(figure: Figure, frame: tuple[int, int]) -> tuple[float, float]:
    return figure.centre or (frame[0] / 2, frame[1] / 2)


def _shoulders(scene: Floats, figure: Figure, frame: tuple[int, int]) -> None:
    x, y = _centre(figure, frame)
    high = int(figure.size_px * 0.75)
    middle = (int(x), int(y + figure.size_px * 1.02) + high)
    axes = (int(figure.size_px * 1.15), high)
    shirt = _head(figure.identity, figure.glasses).person.shirt.tolist()
    cv2.ellipse(scene, middle, axes, 0, 0, 360, shirt, -1, cv2.LINE_AA)
