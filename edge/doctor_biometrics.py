"""What cameras and faces need of this installation: the extra `biometrics`, as it loads here."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from edge.doctor import Finding, Patient, fail, ok
from edge.present import clean

_MODULES = {"cv2": "OpenCV", "dlib": "dlib", "nacl.bindings": "PyNaCl"}
"""As they are imported, and as people call them. numpy comes with the first."""

_OPENCVS = ("opencv-python", "opencv-python-headless")

_LOADED_WITHIN_S = 60.0
"""A second is usual; a small machine with a cold disk takes some ten."""

_PAGE = "docs/operations.md, Installing, with cameras and without"


def biometrics(patient: Patient) -> Iterator[Finding]:
    """Whether everything that a site with cameras needs is installed once, and loads here. Each is
    tried in a process of its own: one may end it.
    """
    if patient.config is None or not patient.config.cameras:
        yield ok("the site file names no camera: nothing of the extra is needed")
        return
    if all(_is_installed(name) for name in _OPENCVS):
        yield fail(
            f"{' and '.join(_OPENCVS)} are both installed, and are one folder",
            f"pip uninstall {' '.join(_OPENCVS)}, then install one of them: {_PAGE}",
        )
    complaints = {module: _complaint(module) for module in _MODULES}
    for module, complaint in complaints.items():
        if complaint:
            said = clean(f"{_MODULES[module]} does not load: {complaint}")
            yield fail(said, _remedy(module, complaint))
    if not any(complaints.values()):
        yield ok(f"{', '.join(_MODULES.values())} load here")


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _complaint(module: str) -> str:
    """What Python says last where it cannot import this, or how it ended; empty where it can."""
    try:
        tried = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LOADED_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not within {_LOADED_WITHIN_S:.0f} s"
    if tried.returncode < 0:
        return signal.Signals(-tried.returncode).name
    if tried.returncode:
        return (tried.stderr.splitlines() or [f"status {tried.returncode}"])[-1]
    return ""


def _remedy(module: str, complaint: str) -> str:
    if complaint == signal.SIGILL.name:
        return "its wheel asks more of the processor than this one has: compile it on this machine"
    if module == "cv2" and ".so" in complaint:
        return f"apt-get install libgl1 libglib2.0-0, or the OpenCV that needs neither: {_PAGE}"
    return f"install the extra `biometrics`: {_PAGE}"
