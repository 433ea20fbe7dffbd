"""Who stands before the camera in the tests of faces, and the questions about them."""

import time
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from drivers.faces.api import FaceAsked, Template, Turn
from drivers.faces.interfaces import Image
from simulators.people.portrait import Figure, Lens, picture, render

ADA, BEN, CLARA = 34, 151, 308
"""Three of the selected drawn people."""

DRAWN_MOST = 0.42
"""The distance for drawn people: between the right ones' largest and the others' smallest when
twenty-four of them were compared (face.md section 4). No door's.
"""

FRAME_NS = 100_000_000


class Question(NamedTuple):
    """What is asked of whoever stands there."""

    template: Template
    distance_max: float

    def asked(self, *turns: Turn, camera: str = "gate", within_s: float = 10.0) -> FaceAsked:
        return FaceAsked(
            question="q",
            camera=camera,
            template=self.template,
            distance_max=self.distance_max,
            turns=turns,
            not_after_ns=time.monotonic_ns() + round(within_s * 1e9),
        )


@cache
def before_camera(*people: int, size_px: float = 150, blur_px: float = 0.6) -> Image:
    """One person in the middle, or two beside each other, or nobody."""
    lens = Lens(blur_px=blur_px)
    if len(people) == 1:
        return render(people[0], size_px=size_px, lens=lens)
    places = ((190.0, 240.0), (450.0, 240.0))
    figures = [
        Figure(person, size_px=size_px, centre=place)
        for person, place in zip(people, places, strict=False)
    ]
    return picture(figures, lens=lens)


def moments(image: Image, seed: int = 0) -> Iterator[Image]:
    """The same scene again and again, each time with other noise, as every camera has it."""
    random = np.random.default_rng(seed)
    while True:
        noise = random.integers(-3, 4, image.shape, np.int16)
        yield np.clip(image + noise, 0, 255).astype(np.uint8)
