"""What stands at the gate and never moves, as paint without light; and what the light falls on.

Coordinates are shares of width and height. All pictures here are float32, 0..1, BGR.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

BGR = tuple[float, float, float]


class Set(NamedTuple):
    """The fixed layers of one gate, all of the frame's size.

    `paint`: colours. `sky`, `trees`: where those are, 0..1. `lamp`: what the lamp over the door
    lights, 0..1. `shade`: a ramp across the picture, by which the building's shadow wanders.
    `door`: left, top, right and bottom of the door, in pixels.
    """

    paint: Picture
    sky: Picture
    trees: Picture
    lamp: Picture
    shade: Picture
    door: tuple[int, int, int, int]


def build(seed: int, width: int, height: int) -> Set:
    """The gate of this seed: two seeds differ in where things stand and what they are made of."""
    random = np.random.default_rng([seed, 2])
    across, down = np.meshgrid(
        np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32)
    )
    roof, ground = float(random.uniform(0.10, 0.24)), float(random.uniform(0.70, 0.80))
    paint, sky = _sky(random, down, roof)
    trees = _trees(random, paint, across, down, roof, ground)
    _wall(random, paint, (roof, ground))
    door = _door(random, paint, ground)
    _pavement(random, paint, across, down, ground)
    _things(random, paint, ground)
    middle = (door[0] + door[2]) / 2 / width
    lit = np.exp(-(((across - middle) / 0.34) ** 2) - ((down - roof - 0.12) / 0.62) ** 2)
    lit[down < roof] = 0.0
    tilt = float(random.uniform(-0.5, 0.5))
    shade = across + tilt * (down - 0.5)
    return Set(np.clip(paint, 0, 1), sky, trees, lit.astype(np.float32), shade, door)


def cloth(random: np.random.Generator, shape: tuple[int, int], cell: int) -> Picture:
    """Smooth noise, about -1..1, whose spots are `cell` pixels wide."""
    small = random.normal(0, 0.5, (shape[0] // cell + 2, shape[1] // cell + 2))
    grown = cv2.resize(
        small.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(grown, np.float32)


def _tint(random: np.random.Generator, low: BGR, high: BGR) -> NDArray[np.float32]:
    """A colour between the two, muted: paint at a gate is no toy's."""
    level = random.uniform(0, 1) + random.uniform(-0.15, 0.15, 3)
    return (np.array(low) + np.clip(level, 0, 1) * np.subtract(high, low)).astype(np.float32)


def _sky(random: np.random.Generator, down: Picture, roof: float) -> tuple[Picture, Picture]:
    tint = _tint(random, (0.85, 0.75, 0.65), (1.0, 0.9, 0.85))
    paint = np.ones((*down.shape, 3), np.float32) * tint
    return paint, (down < roof).astype(np.float32)


def _trees(
    random: np.random.Generator,
    paint: Picture,
    across: Picture,
    down: Picture,
    roof: float,
    ground: float,
) -> Picture:
    """A tree or hedge on one side or both, in front of sky and wall; where it is."""
    where = np.zeros_like(down)
    for side in random.permutation(2)[: random.integers(1, 3)]:
        wide = float(random.uniform(0.08, 0.17))
        distance = across if side == 0 else 1 - across
        ragged = 0.06 * cloth(random, down.shape, max(4, down.shape[1] // 40))
        inside = (distance + ragged < wide) & (down < ground) & (down > roof * 0.3)
        where[inside] = 1.0
    leaves = 0.5 + 0.5 * cloth(random, down.shape, max(2, down.shape[1] // 160))
    green = _tint(random, (0.10, 0.25, 0.12), (0.22, 0.45, 0.28))
    paint[where > 0] = (leaves[..., None] * green)[where > 0]
    return where


def _wall(random: np.random.Generator, paint: Picture, between: tuple[float, float]) -> None:
    """Bricks, panels or plaster, wherever no tree stands in front."""
    height, width = paint.shape[:2]
    top, bottom = int(between[0] * height), int(between[1] * height)
    wall = np.ones((bottom - top, width, 3), np.float32)
    wall *= _tint(random, (0.30, 0.35, 0.40), (0.62, 0.66, 0.75))
    rows = int(random.integers(9, 18))
    course = max(5, (bottom - top) // rows)
    kind = random.integers(0, 3)
    for row in range(0, wall.shape[0], course):
        if kind < 2:
            cv2.line(wall, (0, row), (width, row), (0.25, 0.26, 0.28), 1, cv2.LINE_AA)
        step = course * (3 if kind == 0 else 8)
        for column in range((row // course % 2) * step // 2, width, step):
            if kind < 2:
                end = min(row + course, wall.shape[0])
                cv2.line(wall, (column, row), (column, end), (0.25, 0.26, 0.28), 1)
    for spots, strength in ((width // 12, 0.10), (width // 60, 0.08)):
        wall *= 1 + strength * cloth(random, wall.shape[:2], max(2, spots))[..., None]
    free = paint[top:bottom].mean(2) > 0.45  # the trees are painted already
    paint[top:bottom][free] = wall[free]


def _door(random: np.random.Generator, paint: Picture, ground: float) -> tuple[int, int, int, int]:
    height, width = paint.shape[:2]
    left = int(random.uniform(0.33, 0.48) * width)
    right = left + int(random.uniform(0.15, 0.20) * width)
    top, bottom = int((ground - random.uniform(0.42, 0.50)) * height), int(ground * height)
    frame, leaf = _tint(random, (0.1,) * 3, (0.9,) * 3), _tint(random, (0.08,) * 3, (0.6,) * 3)
    cv2.rectangle(paint, (left - 4, top - 4), (right + 4, bottom), frame.tolist(), -1)
    cv2.rectangle(paint, (left, top), (right, bottom), leaf.tolist(), -1)
    panels = int(random.integers(2, 5))
    for number in range(panels):
        upper = top + 6 + number * (bottom - top - 6) // panels
        lower = top + (number + 1) * (bottom - top - 6) // panels
        corner = ((left + 7, upper), (right - 7, lower))
        cv2.rectangle(paint, *corner, (leaf * 1.5).tolist(), 2, cv2.LINE_AA)
    handle = (right - 10, (top + bottom) // 2)
    cv2.circle(paint, handle, 3, (0.8, 0.85, 0.85), -1, cv2.LINE_AA)
    lamp = ((left + right) // 2, top - int(0.05 * height))
    cv2.circle(paint, lamp, max(3, width // 90), (0.95, 0.97, 1.0), -1, cv2.LINE_AA)
    return left, top, right, bottom


def _pavement(
    random: np.random.Generator, paint: Picture, across: Picture, down: Picture, ground: float
) -> None:
    """Slabs in perspective, from the wall's foot to the camera."""
    height, width = paint.shape[:2]
    below = down >= ground
    paint[below] = _tint(random, (0.38,) * 3, (0.62,) * 3)
    spots = 1 + 0.12 * cloth(random, down.shape, max(3, width // 50))[..., None]
    paint[below] *= spots.repeat(3, 2)[below]
    top = int(ground * height)
    for number in range(1, 7):
        row = top + int((height - top) * (number / 7) ** 1.7)
        cv2.line(paint, (0, row), (width, row), (0.27, 0.27, 0.28), 1, cv2.LINE_AA)
    for number in range(-9, 10):
        start = (int(width * (0.5 + number * 0.07)), top)
        end = (int(width * (0.5 + number * 0.19)), height)
        cv2.line(paint, start, end, (0.29, 0.29, 0.30), 1, cv2.LINE_AA)


def _things(random: np.random.Generator, paint: Picture, ground: float) -> None:
    """A sign, a reader beside the door, bollards, a window."""
    height, width = paint.shape[:2]
    for _ in range(int(random.integers(2, 5))):
        left = int(random.choice((random.uniform(0.12, 0.28), random.uniform(0.70, 0.84))) * width)
        top = int(random.uniform(0.26, 0.45) * height)
        wide, high = (
            int(random.uniform(0.04, 0.11) * width),
            int(random.uniform(0.07, 0.17) * height),
        )
        colour = _tint(random, (0.1,) * 3, (0.95,) * 3).tolist()
        cv2.rectangle(paint, (left, top), (left + wide, top + high), colour, -1)
        rim = _tint(random, (0.05,) * 3, (0.9,) * 3).tolist()
        cv2.rectangle(paint, (left, top), (left + wide, top + high), rim, 2)
        cv2.line(paint, (left + 3, top + high // 2), (left + wide - 3, top + high // 2), rim, 1)
    for number in range(int(random.integers(2, 6))):
        column = int((0.08 + 0.2 * number + random.uniform(0, 0.06)) * width)
        foot = int((ground + random.uniform(0.05, 0.12)) * height)
        corner = ((column, foot - height // 7), (column + max(4, width // 60), foot))
        cv2.rectangle(paint, *corner, (0.12, 0.13, 0.14), -1)
        band = ((column, foot - height // 8), (column + max(4, width // 60), foot - height // 10))
        cv2.rectangle(paint, *band, (0.2, 0.75, 0.9), -1)
