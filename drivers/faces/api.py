"""What the edge and the face process say to each other about faces. Light: no numpy in here.

A comparison is 1:1: a question carries the one template that the presented badge leads to.
"""

import math
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from controller.inputs import FaceOutcome

__all__ = [
    "FaceAnswer",
    "FaceAsked",
    "FaceComparer",
    "FaceOutcome",
    "Prompt",
    "Template",
    "Turn",
]

DIMENSIONS = 128
"""Numbers that describe a face: those of dlib's recognition network."""

TEMPLATE_BYTES = 4 * DIMENSIONS

DISTANCE_MOST = 0.6
"""No question may take a greater distance as the same face. Real pairs at 0.60: 7 in 1,000 refused
the right one, 2.6 in 1,000 took the wrong one (face.md section 5); beyond it nobody measured
anything that a door could be left to.
"""

TURNS_MOST = 4
"""More turns than this fit into no time in which somebody stands at a door."""


class Turn(StrEnum):
    """As the person does it: to her own left or right."""

    LEFT = "left"
    RIGHT = "right"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a face. Secret: a template cannot be changed as a PIN can.

    `model` names what made it: numbers of two models mean nothing to each other. `version` counts
    the enrolments of this person. `mean`: 128 little-endian float32, all finite.
    """

    model: str
    version: int
    mean: bytes

    def __post_init__(self) -> None:
        """Refuses, with ValueError, what no enrolment can have made."""
        if len(self.mean) != TEMPLATE_BYTES:
            raise ValueError(f"a template has {TEMPLATE_BYTES} bytes of numbers")
        if not all(math.isfinite(number) for number in struct.unpack(f"<{DIMENSIONS}f", self.mean)):
            raise ValueError("a template has finite numbers only")

    def __repr__(self) -> str:
        return f"Template(model={self.model!r}, version={self.version}, mean=…)"


class FaceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Is whoever stands before `camera` the person of `template`?

    `question` is the asker's word and comes back in the answer. `distance_max`: above it a face is
    another one. `turns`: what she is asked to do, in this order; none where liveness is not asked
    for. `not_after_ns`: CLOCK_MONOTONIC; whatever is not known by then is not known.
    """

    question: str
    camera: str
    template: Template
    distance_max: float
    turns: tuple[Turn, ...]
    not_after_ns: int

    def __post_init__(self) -> None:
        """Refuses, with ValueError, what would take anybody for her."""
        if not 0 < self.distance_max <= DISTANCE_MOST:
            raise ValueError(f"a distance is above 0 and at most {DISTANCE_MOST}")
        if len(self.turns) > TURNS_MOST:
            raise ValueError(f"at most {TURNS_MOST} turns are asked for")


class FaceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is for people to read, and holds no number of a face."""

    question: str
    outcome: FaceOutcome
    reason: str


Prompt = Callable[[Turn | None], None]
"""Told what the person is to do now; None: to look into the camera."""


class FaceComparer(Protocol):
    """What the edge sees of the face process; `faces.Faces` is it."""

    @property
    def model(self) -> str | None:
        """What templates must have been made by; None until the face process is ready."""
        ...

    async def run(self) -> None:
        """Keeps the face process at work until cancelled."""
        ...

    async def compare(self, asked: FaceAsked, prompt: Prompt) -> FaceAnswer:
        """Answers in time and raises nothing: UNAVAILABLE where it cannot compare."""
        ...
