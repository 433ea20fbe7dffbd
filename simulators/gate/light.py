"""The light at a gate through a day: sun, clouds, lamp, and what the camera's own exposure does.

Times are seconds since the scene began, hours those of its wall clock. All of it follows from the
seed; the same moment has the same light, in whichever order moments are asked for.
"""

from typing import NamedTuple

import numpy as np

DAWN_H, DUSK_H = 6.5, 19.0
TWILIGHT_H = 1.2
"""From the first light until it counts as day, as at 50 degrees of latitude in spring."""

LAMP_BELOW = 0.22
"""A lamp with a light switch comes on below this share of daylight, at once."""

MEAN_AIMED = 0.42
GAIN_MAX = 4.0
"""What a camera's automatic exposure brings the picture to, and how far its gain goes."""

GRAIN_SIGMA = 1.6
"""Noise of a small sensor at gain 1, in grey levels of 255; it grows with the root of the gain."""


class Light(NamedTuple):
    """How bright things are, 1.0 being a cloudless noon; `gain` and `grain` are the camera's."""

    sky: float
    sun: float
    sun_edge: float  # where the shadow of the building ends, as a share of the width
    lamp: float
    gain: float
    grain: float
    hour: float


class Course:
    """`hour`: when it begins. `pace`: hours of light that pass in an hour; clouds keep theirs."""

    def __init__(self, seed: int, *, hour: float, pace: float = 1.0) -> None:
        random = np.random.default_rng([seed, 1])
        self._hour, self._pace = hour, pace
        self._cloudy = float(random.uniform(0.15, 0.85))
        self._periods_s = random.uniform((23.0, 61.0, 170.0), (41.0, 97.0, 400.0))
        self._phases = random.uniform(0, 2 * np.pi, 3)

    def at(self, at_s: float) -> Light:
        """The light `at_s` seconds after the beginning."""
        hour = (self._hour + at_s / 3600 * self._pace) % 24
        day = _day(hour)
        through = self._through(at_s)
        sky = 0.015 + 0.5 * day * (0.6 + 0.4 * through)
        sun = 0.75 * day * through
        lamp = 0.4 if day < LAMP_BELOW else 0.0
        # The eye of the exposure: the sky lights everything, sun and lamp a good part of it.
        seen = 0.45 * (sky + 0.6 * sun + 0.45 * lamp)
        gain = float(np.clip(MEAN_AIMED / max(seen, 1e-3), 0.6, GAIN_MAX))
        edge = 0.15 + 0.7 * (hour - DAWN_H) / (DUSK_H - DAWN_H)
        grain = GRAIN_SIGMA * max(1.0, gain) ** 0.5
        return Light(sky, sun, edge, lamp, gain, grain, hour)

    def _through(self, at_s: float) -> float:
        """How much of the sun comes through the clouds, 0..1; a cloud's edge takes seconds."""
        waves = np.sin(2 * np.pi * at_s / self._periods_s + self._phases)
        depth = float(waves @ np.array((0.45, 0.35, 0.2)))
        return float(1 / (1 + np.exp(-6.0 * (depth + 0.5 - self._cloudy))))


def _day(hour: float) -> float:
    """The share of daylight, 0..1."""
    after, before = hour - DAWN_H, DUSK_H - hour
    return float(np.clip(min(after, before) / TWILIGHT_H + 0.5, 0.0, 1.0))
