"""How far a face stands out from the head: a height for each point of the sheet."""

import cv2
import numpy as np

from simulators.people.canvas import ACROSS, PIXELS_PER_UNIT, Floats, X, Y, bump, ramp
from simulators.people.traits import Nose, Traits

HOLLOW_DARKENS = 5.0
"""Light lost per unit that a point lies deeper than what is around it."""


def relief(person: Traits, smile: float, mouth: float) -> Floats:
    """The heights without a beard, in units; `smile` and `mouth` (how far open) 0..1."""
    eyes, lips, flesh = person.eyes, person.mouth, person.flesh
    out = _nose(person.nose)
    out -= eyes.depth * bump(ACROSS - eyes.apart * 0.92, Y, 0.24, 0.17)
    out += 0.06 * bump(ACROSS - eyes.apart, Y, 0.15, 0.11)
    out += (
        person.brows.ridge
        * bump(ACROSS - eyes.apart * 0.8, Y + person.brows.height - 0.02, 0.3, 0.09)
        + flesh.cheekbone * bump(ACROSS - 0.62, Y - 0.35, 0.25, 0.22)
        + 0.05 * smile * bump(ACROSS - 0.6, Y - 0.5, 0.2, 0.2)
    )
    below = Y - lips.height
    out += (
        lips.fullness
        * (
            bump(X, below + 0.055, lips.width * 0.8, 0.06)
            + bump(X, below - 0.075 - mouth * 0.1, lips.width * 0.7, 0.07)
        )
        - 0.04 * bump(X, below - 0.2, 0.2, 0.05)
        + 0.07 * bump(X, Y - person.shape.chin + 0.2, 0.22, 0.14)
    )
    return out - _lines(person)


def _nose(nose: Nose) -> Floats:
    along = ramp(Y, -0.12, nose.length * 0.86 + 0.12)
    there = ramp(Y, -0.25, 0.2) * ramp(Y, nose.length + 0.02, -0.10)
    ridge = 0.10 + (nose.height - 0.08) * along**1.3 + nose.hook * np.sin(np.pi * along)
    width = nose.bridge + (nose.tip - nose.bridge) * along
    out = ridge * np.exp(-((ACROSS / width) ** 2)) * there
    wings = 0.11 * bump(ACROSS - nose.width * 0.72, Y - nose.length * 0.91, 0.09, 0.085)
    return np.asarray(out + wings)


def _lines(person: Traits) -> Floats:
    """What is dug in: under the nose, from the nose to the mouth, across the forehead."""
    nose, lips, flesh = person.nose, person.mouth, person.flesh
    under = Y - nose.length
    out = 0.02 * bump(X, under - 0.14, 0.04, 0.08)
    fold = np.abs(ACROSS - (nose.width + 0.05 + 0.28 * under / 0.4))
    reach = ramp(Y, nose.length - 0.1, 0.1) * ramp(Y, lips.height + 0.15, -0.15)
    out = out + 0.035 * flesh.folds * np.exp(-((fold / 0.035) ** 2)) * reach
    forehead = np.cos((Y + 0.7) * 38 + 3 * X * X) ** 8 * bump(X, Y + 0.68, 0.55, 0.17)
    return np.asarray(out + 0.012 * flesh.wrinkles * forehead)


def occlusion(heights: Floats) -> Floats:
    """How much of the light from all around comes to each point, about 1."""
    around = cv2.GaussianBlur(heights, (0, 0), 0.09 * PIXELS_PER_UNIT)
    deeper = np.clip(np.asarray(around) - heights, -0.02, 0.12)
    return np.clip(1 - HOLLOW_DARKENS * deeper, 0.45, 1.08)
