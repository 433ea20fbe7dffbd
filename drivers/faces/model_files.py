"""Where the models lie that the package `face_recognition_models` brings.

Found without importing the package: its `__init__` needs `pkg_resources`, which setuptools 82 has
no more, and names the 68-point model, which is not for commercial use. That one is never touched.
"""

from importlib.util import find_spec
from pathlib import Path

RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"


class NoModelsError(Exception):
    """The models are not installed. The message names the remedy."""


def model_file(name: str) -> Path:
    """The path of one of the models above. Raises NoModelsError where there is none."""
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise NoModelsError(f"no {name} here: install sentrypost[biometrics]")
