"""`sentrypost doctor` tells what cameras lack of this installation."""

import os
from pathlib import Path

import pytest

from edge.doctor import Verdict
from edge.doctor_biometrics import biometrics
from tests.edge.house import House
from tests.edge.test_doctor import patient

CAMERA = """
[camera.gate]
driver = "mjpeg"
portal = "front"
url = "http://127.0.0.1:1/stream"
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house")
    site = house.folder / "site.toml"
    site.write_text(site.read_text() + CAMERA)
    return house


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages are found before those that are installed."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    return folder


def test_what_is_installed_loads(house: House) -> None:
    assert [one.said for one in biometrics(patient(house))] == ["OpenCV, dlib, PyNaCl load here"]


def test_a_site_without_cameras_needs_nothing(tmp_path: Path) -> None:
    (one,) = biometrics(patient(House(tmp_path)))
    assert one.verdict is Verdict.OK
    assert "names no camera" in one.said


NO_LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("module", "script", "said", "remedy"),
    [
        ("cv2", f"raise ImportError({NO_LIBGL!r})", NO_LIBGL, "apt-get install libgl1"),
        ("dlib", "import nothing_of_it", "nothing_of_it", "install the extra `biometrics`"),
        ("dlib", "import os; os.kill(os.getpid(), 4)", "SIGILL", "compile it on this machine"),
        ("nacl", "raise SystemExit(3)", "status 3", "install the extra `biometrics`"),
    ],
)
def test_what_does_not_load_is_told_with_its_remedy(
    house: House, packages: Path, module: str, script: str, said: str, remedy: str
) -> None:
    (packages / f"{module}.py").write_text(script + "\n")
    (one,) = biometrics(patient(house))
    assert one.verdict is Verdict.FAIL
    assert said in one.said
    assert remedy in one.remedy


def test_two_opencvs_are_told(house: House, packages: Path) -> None:
    for name in ("opencv_python", "opencv_python_headless"):
        folder = packages / f"{name}-4.14.0.94.dist-info"
        folder.mkdir()
        meta = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 4.14.0.94\n"
        (folder / "METADATA").write_text(meta)
    told, rest = biometrics(patient(house))
    assert told.verdict is Verdict.FAIL
    assert "both installed" in told.said
    assert "pip uninstall opencv-python opencv-python-headless" in told.remedy
    assert rest.verdict is Verdict.OK
