import cv2
import numpy as np
import pytest

from drivers.faces.engine import FastEngine
from drivers.faces.recognition import Recognition


def asymmetry(points) -> float:
    """Where the nose lies between the outer corners of the eyes: -1..1, above 0 to her left."""
    right, left, nose = points[2], points[0], points[4]
    line = left - right
    return float(2 * np.dot(nose - right, line) / np.dot(line, line) - 1)


@pytest.fixture(scope="session")
def turned_by(engine):
    """How far the one face in a picture is turned, as `asymmetry` says."""
    return lambda image: asymmetry(engine.find(image)[0].points)


@pytest.fixture(scope="session")
def engine():
    """The engine that doors use; faces are found by dlib's HOG detector."""
    cv2.setNumThreads(1)
    return FastEngine(Recognition(None, "dlib"))
