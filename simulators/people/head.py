"""A person's head as a cloud of coloured points, each with the way that it faces."""

from collections import OrderedDict
from typing import NamedTuple

import cv2
import numpy as np

from simulators.people import canvas
from simulators.people.canvas import Floats
from simulators.people.paint import Expression, Grain, paint
from simulators.people.relief import occlusion, relief
from simulators.people.traits import Glasses, HairStyle, Traits, traits

ANGLES, ROWS = 520, 560
"""The grid around the head: close enough that a face of 240 px has no holes."""

AROUND: Floats = np.linspace(-1.95, 1.95, ANGLES, dtype=np.float32)
"""Radians from straight ahead; the back of a head is never seen."""

CROWN = -1.72
MIDDLE = (0, 0.5, 0.2)
"""Around which a head turns."""

NECK_ROWS = 200
BEHIND_EAR = 0.75
"""From here on long hair hangs down (radians)."""

EXPRESSIONS_MAX = 3
"""Expressions of one person, each of 14 to 21 MB: calm, and two more at a time."""


class Points(NamedTuple):
    """One row to a point: where it is from `MIDDLE`, which way it faces (length 1), its colour."""

    places: Floats
    normals: Floats
    colours: Floats


class _Part(NamedTuple):
    """A piece of surface as a grid, (rows, angles, 3)."""

    places: Floats
    colours: Floats


class Head:
    """One person; shapes are made when first asked for, and a few expressions are kept."""

    def __init__(self, identity: int, glasses: Glasses | None = None) -> None:
        self.person = traits(identity, glasses)
        random = np.random.default_rng(identity + 77777)
        fine, middle, broad = (
            canvas.spread_noise(random, canvas.SHAPE, (cell, cell)) for cell in (2, 9, 60)
        )
        grid = (ROWS, ANGLES)
        long = canvas.spread_noise(random, grid, (60, 3)) * 0.7
        self._streaks = long + canvas.spread_noise(random, grid, (140, 9)) * 0.5
        self._grain = Grain(fine, middle, broad, random.uniform(size=(40, 2)))
        self._rows = np.linspace(CROWN, self.person.shape.chin, ROWS, dtype=np.float32)
        self._half_width, self._half_depth = _outline(self.person, self._rows)
        self._made: OrderedDict[Expression, Points] = OrderedDict()

    def points(self, expression: Expression) -> Points:
        """The head with that expression, to the quarter."""
        near = Expression(*(round(share * 4) / 4 for share in expression))
        if near not in self._made:
            while len(self._made) >= EXPRESSIONS_MAX:
                self._made.popitem(last=False)
            self._made[near] = self._make(near)
        self._made.move_to_end(near)
        return self._made[near]

    def _make(self, expression: Expression) -> Points:
        heights = relief(self.person, expression.smile, expression.mouth)
        sheet, thick = paint(self.person, expression, self._grain)
        heights = heights + thick
        sheet = np.clip(sheet, 0, 255) * occlusion(heights)[..., None]
        parts = [self._skull(sheet, heights), _neck(self.person)]
        if self.person.hair.style is HairStyle.LONG:
            parts.append(_hanging(self.person, self._streaks))
        return _joined(parts)

    def _skull(self, sheet: Floats, heights: Floats) -> _Part:
        """The sheet laid around the head, with ears and the hair that lies on it."""
        person, hair = self.person, self.person.hair
        x = self._half_width[:, None] * np.sin(AROUND)[None]
        y = np.repeat(self._rows[:, None], ANGLES, 1)
        colours, out = _sampled(sheet, x, y), _sampled(heights, x, y)
        ahead = np.cos(AROUND)[None]
        flat = self._half_depth[:, None] * np.maximum(ahead, 1e-4) ** 0.86
        z = np.where(ahead > 0, flat, self._half_depth[:, None] * ahead)
        z = z + out * np.clip((ahead - 0.25) / 0.3, 0, 1)
        ear = np.exp(-(((np.abs(AROUND) - 1.52) / 0.10) ** 2))[None]
        ear = ear * np.clip(1 - ((y - 0.12) / 0.36) ** 2, 0, 1) ** 0.5
        x = x + np.sign(AROUND)[None] * ear * 0.17
        covered = _hair_cover(person, self._streaks, y) * (1 - ear)
        strands = _strands(person, self._streaks)
        colours = canvas.laid_over(colours, covered, strands)
        places = (
            x * (1 + covered * hair.volume * 0.8),
            y - covered * hair.volume * 0.6 * np.clip(-y - 0.6, 0, 1),
            z * (1 + covered * hair.volume * 0.25),
        )
        return _Part(np.stack(places, -1), colours)


def _outline(person: Traits, rows: Floats) -> tuple[Floats, Floats]:
    """Half the width and half the depth of the head at each row."""
    shape, round_ = person.shape, person.flesh.roundness
    jaw, chin = shape.jaw, shape.chin_width
    heights = [CROWN, -1.6, -1.35, -0.95, -0.45, 0, 0.45, 0.95, 1.25, shape.chin - 0.1, shape.chin]
    widths = [
        *(0.05, 0.42, 0.80, 1.0 * shape.temple, 1.02 * shape.temple, 1.0 * shape.cheek),
        *(0.95 * shape.cheek + round_, jaw + round_, (jaw + chin) / 2 + round_ * 0.7, chin, 0.12),
    ]
    depths = [0.05, 0.55, 0.95, 1.18, 1.24, 1.16, 1.15, 1.16, 1.17, 1.15, 0.95]
    window = np.hanning(25)
    window /= window.sum()

    def smooth(values: list[float]) -> Floats:
        between = np.pad(np.interp(rows, heights, values), 12, "edge")
        return np.convolve(between, window, "valid").astype(np.float32)

    return smooth(widths) * shape.width, smooth(depths)


def _sampled(sheet: Floats, x: Floats, y: Floats) -> Floats:
    """What the sheet has at those points."""
    columns = (np.clip(x, -1.3, 1.3) - canvas.LEFT) * canvas.PIXELS_PER_UNIT
    rows = (y - canvas.TOP) * canvas.PIXELS_PER_UNIT
    found = cv2.remap(
        sheet.astype(np.float32),
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
    )
    return np.asarray(found, np.float32)


def _hair_cover(person: Traits, streaks: Floats, y: Floats) -> Floats:
    """1 where hair lies on the head."""
    hair, aside = person.hair, np.abs(AROUND)
    if hair.style is HairStyle.BALD:
        return np.zeros_like(y)
    falls = 1.55 if hair.style is HairStyle.SHORT else 1.9
    line = hair.line - hair.receding * np.exp(-(((aside - 0.55) / 0.28) ** 2))
    line = line + np.where(aside > 0.85, (aside - 0.85) * falls, 0)
    if hair.style is HairStyle.FRINGE:
        line = line + 0.36 * (aside < 0.95)
    cover = np.clip((line[None] + 0.05 * streaks - y) / 0.07, 0, 1)
    if hair.style is HairStyle.SHORT:
        cover = np.where((aside[None] > 1.0) & (y > 0.15), 0, cover)
    return np.asarray(cover)


def _strands(person: Traits, streaks: Floats) -> Floats:
    light = np.clip(1 + 0.28 * streaks[..., None], 0.4, 1.8)
    return np.asarray(person.hair.colour * light + 4)


def _neck(person: Traits) -> _Part:
    y = np.linspace(1.0, 2.5, NECK_ROWS, dtype=np.float32)[:, None] + 0 * AROUND[None]
    half = 0.60 + 0.06 * person.masculine
    shade = np.clip(0.45 + (y - 1.25) * 0.5, 0.45, 0.85)[..., None]
    places = (half * np.sin(AROUND)[None] + 0 * y, y, 0.6 * np.cos(AROUND)[None] - 0.05 + 0 * y)
    return _Part(np.stack(places, -1), person.skin * shade * np.ones_like(y)[..., None])


def _hanging(person: Traits, streaks: Floats) -> _Part:
    """Long hair down to the shoulders."""
    y = np.linspace(-0.9, 2.2, ROWS, dtype=np.float32)[:, None] + 0 * AROUND[None]
    wave = 0.05 * np.sin(y * 2 + person.identity)
    half = (1.08 + person.hair.volume + wave) * person.shape.width
    behind = np.abs(AROUND) > BEHIND_EAR
    places = (half * np.sin(AROUND)[None], y, 0.75 * np.cos(AROUND)[None] - 0.2 + 0 * y)
    light = np.clip(1 + 0.3 * streaks[..., None], 0.4, 1.8)
    colours = person.hair.colour * light + 4
    return _Part(np.stack(places, -1)[:, behind], colours[:, behind] * 0.85)


def _joined(parts: list[_Part]) -> Points:
    """All points of the parts, each facing away from the middle of the head."""
    places, normals, colours = [], [], []
    for part in parts:
        grid = part.places.astype(np.float32)
        across = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
        across /= np.linalg.norm(across, axis=-1, keepdims=True) + 1e-9
        outward = np.sum(across * grid * [1, 0, 1], -1, keepdims=True)
        normal = across * np.sign(outward + 1e-9)
        places.append(np.asarray(grid - MIDDLE, np.float32).reshape(-1, 3))
        normals.append(normal.astype(np.float32).reshape(-1, 3))
        colours.append(part.colours.astype(np.float32).reshape(-1, 3))
    return Points(np.concatenate(places), np.concatenate(normals), np.concatenate(colours))
