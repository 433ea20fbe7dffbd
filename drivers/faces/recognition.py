"""What turns faces into vectors: the network in OpenCV where it proves itself, else in dlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from drivers.faces.api import DIMENSIONS
from drivers.faces.interfaces import Image
from drivers.faces.model_files import RECOGNITION, model_file
from drivers.faces.network import CHANNEL_MEANS, CHANNEL_SCALE, CHIP_PX, converted

DIFFERENCE_MOST = 1e-5
"""Between a number of OpenCV's vector and dlib's. Measured: 6e-7 (face.md section 2); the distances
that decide are four orders above it.
"""

CHECKED_WITH = Path(__file__).parent / "check"
"""Faces of nobody, drawn by a program, as the network sees them: see `check_faces`."""

Vectors = NDArray[np.float32]
"""(n, 128)."""


class Recogniser(Protocol):
    """Turns chips into vectors. Not for two threads at once."""

    def vectors(self, chips: Sequence[Image]) -> Vectors:
        """One vector for each (150, 150, 3) chip; red, green, blue. At least one chip."""
        ...


class OpencvRecogniser:
    """The converted network. Other threads run meanwhile."""

    def __init__(self, network: bytes) -> None:
        """Raises cv2.error where OpenCV cannot read it."""
        self._net = cv2.dnn.readNetFromONNX(np.frombuffer(network, np.uint8))

    def vectors(self, chips: Sequence[Image]) -> Vectors:
        means = np.array(CHANNEL_MEANS, np.float32)
        scaled = (np.stack(chips).astype(np.float32) - means) / np.float32(CHANNEL_SCALE)
        self._net.setInput(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))
        out: Vectors = np.array(self._net.forward(), np.float32)
        return out


class DlibRecogniser:
    """dlib's own: the truth, and the fallback. Holds the interpreter for 80 ms a face."""

    def __init__(self) -> None:
        self._model = dlib.face_recognition_model_v1(str(model_file(RECOGNITION)))

    def vectors(self, chips: Sequence[Image]) -> Vectors:
        found = [self._model.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips]
        return np.array(found, np.float32)


class Recognition(NamedTuple):
    """How this process describes faces. `network`: None where dlib does; `about`: for people."""

    network: bytes | None
    about: str

    def recogniser(self) -> Recogniser:
        """A recogniser for one thread."""
        return DlibRecogniser() if self.network is None else OpencvRecogniser(self.network)


def prove(network: bytes) -> str | None:
    """Why this network is not dlib's; None where both give the same vectors of the same faces."""
    try:
        ours = OpencvRecogniser(network).vectors(check_faces())
    except cv2.error:
        return "OpenCV cannot run the converted network"
    theirs = DlibRecogniser().vectors(check_faces())
    if ours.shape != theirs.shape or not np.abs(ours - theirs).max() <= DIFFERENCE_MOST:
        return "the converted network gives other vectors than dlib"
    return None


def open_recognition(folder: Path | None) -> Recognition:
    """Converts the network or takes it from `folder`, and holds it against dlib.

    Where that fails dlib does the work: slower, and the same vectors. Raises NoModelsError.
    """
    source = model_file(RECOGNITION)
    try:
        network = converted(source, folder)
    except (OSError, ValueError) as error:
        return Recognition(None, f"dlib: its network cannot be converted: {error}")
    if (why := prove(network)) is not None:
        return Recognition(None, f"dlib: {why}")
    return Recognition(network, "OpenCV, same vectors as dlib")


def check_faces() -> list[Image]:
    """The drawn faces in `check`: three people that our own simulator made up."""
    faces = []
    for path in sorted(CHECKED_WITH.glob("*.jpg")):
        face = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        if face is None or face.shape != (CHIP_PX, CHIP_PX, 3):
            raise ValueError(f"{path.name} is no face of {CHIP_PX} pixels")
        faces.append(np.ascontiguousarray(face[:, :, ::-1], np.uint8))
    if not faces:
        raise ValueError("no faces to check the network with")
    return faces


def template_bytes(vector: NDArray[np.floating]) -> bytes:
    """As a Template keeps it."""
    return np.asarray(vector, "<f4").reshape(DIMENSIONS).tobytes()


def distance(mean: bytes, vector: NDArray[np.floating]) -> float:
    """Euclidean, as the network was trained for."""
    kept = np.frombuffer(mean, "<f4").astype(np.float64)
    return float(np.linalg.norm(kept - vector.astype(np.float64)))
