"""The two seams of the face process: an engine, and what judges whether a face is live. Heavy."""

from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.faces.api import Turn

Image = NDArray[np.uint8]
"""(height, width, 3), BGR, 8 bits, as OpenCV has it."""

Points = NDArray[np.float32]
"""(5, 2), x and y in pixels: outer and inner corner of the person's left eye, outer and inner
corner of her right eye, base of the nose.
"""

Vector = NDArray[np.float32]
"""(128,): a face as the recognition network describes it."""


class Box(NamedTuple):
    """Pixels of an image; `right` and `bottom` belong to it no more."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


class FoundFace(NamedTuple):
    """A face in an image. `score`: how sure the detector is; 0 is just enough."""

    box: Box
    points: Points
    score: float


class FaceEngine(Protocol):
    """Finds faces and describes them. Another engine is one file that has this.

    Not for two threads at once: each has its own.
    """

    @property
    def model(self) -> str:
        """What its vectors are comparable by. Engines of one name give comparable vectors."""
        ...

    def find(self, image: Image, within: Box | None = None) -> tuple[FoundFace, ...]:
        """The faces in the image, largest first; with `within` only those in that part of it."""
        ...

    def describe(self, image: Image, face: FoundFace, jitter: int = 0) -> Vector:
        """The vector of a face that was found in this image; the mean of `jitter` slightly moved
        copies where that is above 0 (for enrolment).
        """
        ...


class Liveness(StrEnum):
    """Where a challenge stands."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class Challenge(Protocol):
    """Judges one face that is followed without a break, frame by frame; a new one for each face.

    The comparison gives it every frame that it looks at, in order, and ends it where the face is
    lost for too long, jumps, or is not the only one.
    """

    def asks(self) -> Turn | None:
        """What the person is to do now; None: nothing, she may look into the camera."""
        ...

    def judge(self, image: Image, face: FoundFace | None, at_ns: int) -> Liveness:
        """Looks at one frame. `face`: None where none was found in this one; `at_ns`: its time."""
        ...

    @property
    def since_ns(self) -> int | None:
        """From when on the frames surely showed the one face that is judged; None: not yet. What
        was seen before may have been another's.
        """
        ...

    @property
    def reason(self) -> str:
        """Why it failed or is not through yet, for people to read."""
        ...


class MakeChallenge(Protocol):
    """How a comparison gets a challenge."""

    def __call__(self, turns: tuple[Turn, ...]) -> Challenge:
        """`turns` in the order in which they are to be asked; at least one."""
        ...
