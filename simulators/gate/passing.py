"""Who and what goes past a gate: people on foot and cars, drawn plainly, far from the camera.

Whoever comes up to the camera and is looked at is another matter (`simulators.people`).
"""

from typing import NamedTuple

import cv2
import numpy as np

from simulators.gate.drawing import Picture

PERIOD_S = 60.0
"""Comings and goings are drawn by lot for each minute, so that any moment can be asked for."""


class Passer(NamedTuple):
    """Somebody on foot. `tall`: as a share of the height. `stands_s`: how long, in the middle."""

    from_s: float
    to_s: float
    stands_s: float
    rightward: bool
    tall: float
    clothes: tuple[float, float, float]
    skin: tuple[float, float, float]


class Car(NamedTuple):
    """A car on the road between camera and gate."""

    from_s: float
    to_s: float
    rightward: bool
    colour: tuple[float, float, float]


class Traffic:
    """`busy`: people in a minute, about; a car comes in every third."""

    def __init__(self, seed: int, busy: float = 1.5) -> None:
        self._seed, self._busy = seed, busy

    def people(self, at_s: float) -> list[Passer]:
        """Whoever is in the picture at that moment."""
        return [
            one
            for minute in self._minutes(at_s)
            for one in self._people_of(minute)
            if one.from_s <= at_s < one.to_s
        ]

    def cars(self, at_s: float) -> list[Car]:
        """The cars in the picture at that moment."""
        return [
            one
            for minute in self._minutes(at_s)
            for one in self._cars_of(minute)
            if one.from_s <= at_s < one.to_s
        ]

    @staticmethod
    def _minutes(at_s: float) -> tuple[int, int]:
        minute = int(at_s // PERIOD_S)
        return max(minute - 1, 0), max(minute, 1)

    def _people_of(self, minute: int) -> list[Passer]:
        random = np.random.default_rng([self._seed, 3, minute])
        found = []
        for _ in range(int(random.poisson(self._busy))):
            begins = (minute + float(random.random())) * PERIOD_S
            stands = float(random.choice((0.0, 0.0, 4.0, 15.0, 30.0)))
            walks = float(random.uniform(6.0, 12.0))
            # One in six comes near, and takes the better part of the picture.
            near = random.random() < 1 / 6
            tall = float(random.uniform(1.1, 1.5) if near else random.uniform(0.38, 0.7))
            clothes, skin = random.uniform(0.05, 0.8, 3), random.uniform(0.25, 0.9)
            found.append(
                Passer(
                    begins,
                    begins + walks + stands,
                    stands,
                    bool(random.integers(2)),
                    tall,
                    (float(clothes[0]), float(clothes[1]), float(clothes[2])),
                    (0.55 * skin, 0.7 * skin, 0.95 * skin),
                )
            )
        return found

    def _cars_of(self, minute: int) -> list[Car]:
        random = np.random.default_rng([self._seed, 4, minute])
        if random.random() > 1 / 3:
            return []
        begins = (minute + float(random.random())) * PERIOD_S
        colour = random.uniform(0.05, 0.85, 3)
        drawn = (float(colour[0]), float(colour[1]), float(colour[2]))
        lasts = float(random.uniform(2.5, 5.0))
        return [Car(begins, begins + lasts, bool(random.integers(2)), drawn)]


def draw_person(paint: Picture, passer: Passer, at_s: float) -> None:
    """Put him into the paint, as he walks or stands."""
    height, width = paint.shape[:2]
    walks = passer.to_s - passer.from_s - passer.stands_s
    gone = at_s - passer.from_s
    halted = float(np.clip(gone - walks / 2, 0, passer.stands_s))
    share = (gone - halted) / walks
    share = share if passer.rightward else 1 - share
    tall = passer.tall * height
    foot = (0.86 + 0.5 * max(0.0, passer.tall - 0.6)) * height
    across = (-0.15 + 1.3 * share) * width
    stride = 0.0 if 0 < halted < passer.stands_s else np.sin(at_s * 7.5)
    dark = tuple(0.4 * part for part in passer.clothes)

    def at(right: float, up: float) -> tuple[int, int]:
        return int((across + right * tall) * 16), int((foot - up * tall) * 16)

    thick = max(1, int(0.085 * tall))
    for side in (-1, 1):
        cv2.line(paint, at(0, 0.48), at(0.12 * stride * side, 0), dark, thick, cv2.LINE_AA, 4)
        hand = at(0.02 * side - 0.10 * stride * side, 0.45)
        cv2.line(paint, at(0.07 * side, 0.78), hand, passer.clothes, thick, cv2.LINE_AA, 4)
    body = (int(0.10 * tall * 16), int(0.20 * tall * 16))
    cv2.ellipse(paint, at(0, 0.65), body, 0, 0, 360, passer.clothes, -1, cv2.LINE_AA, 4)
    head = (int(0.055 * tall * 16), int(0.07 * tall * 16))
    cv2.ellipse(paint, at(0, 0.92), head, 0, 0, 360, passer.skin, -1, cv2.LINE_AA, 4)


def draw_car(paint: Picture, car: Car, at_s: float) -> float:
    """Put it into the paint; where its front is, as a share of the width."""
    height, width = paint.shape[:2]
    share = (at_s - car.from_s) / (car.to_s - car.from_s)
    share = share if car.rightward else 1 - share
    middle = (-0.4 + 1.8 * share) * width
    ahead = 1 if car.rightward else -1
    shape = [(-0.33, 0.80), (-0.30, 0.66), (-0.14, 0.64), (-0.06, 0.53), (0.14, 0.53)]
    shape += [(0.23, 0.65), (0.33, 0.70), (0.33, 0.80)]
    outline = [[middle + ahead * right * width, down * height] for right, down in shape]
    cv2.fillPoly(paint, [np.array(outline).astype(np.int32)], car.colour, cv2.LINE_AA)
    for right in (-0.2, 0.2):
        wheel = (int(middle + ahead * right * width), int(0.80 * height))
        cv2.circle(paint, wheel, int(0.055 * height), (0.04, 0.04, 0.04), -1, cv2.LINE_AA)
    return float((middle + ahead * 0.33 * width) / width)
