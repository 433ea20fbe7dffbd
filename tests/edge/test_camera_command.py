"""`sentrypost camera try`: what an integrator sees of a camera, masks and all."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import pytest
from click.testing import CliRunner

from drivers.cameras import camera as subject
from edge.commands.camera import camera
from tests.drivers.cameras.http_camera import HttpCamera
from tests.edge.house import House
from tests.edge.sandbox import environment, sandbox
from tests.tidy.repository import ROOT

GATE = """
[camera.gate]
driver = "mjpeg"
portal = "front"
url = "{url}"
masks = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    House(tmp_path)
    return tmp_path / "site.toml"


def named(site: Path, server: HttpCamera) -> None:
    """The camera stands in the site file."""
    site.write_text(site.read_text() + GATE.format(url=server.url))


def tried(site: Path, server: HttpCamera, *words: str):
    """What the command says of a camera that sends what this server does."""
    named(site, server)
    return CliRunner().invoke(camera, ["try", *words, "--for", "2", "--config", str(site)])


def test_size_rate_and_a_masked_picture(site: Path) -> None:
    with HttpCamera() as server:
        picture = site.with_name("gate.jpeg")
        result = tried(site, server, "gate", "--json", "--picture", str(picture))
        told = msgspec.json.decode(result.output.partition("\n")[0])
    assert (told["camera"], told["width"], told["height"]) == ("gate", 320, 240)
    assert told["pictures_per_s"] > 0
    assert picture.stat().st_mode & 0o077 == 0
    seen = cv2.imread(str(picture))
    assert seen is not None
    assert seen[:, :160].max() <= 2
    assert seen[:, 172:].min() > 40


def test_no_picture_is_a_failure_with_its_reason(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "NO_SIGNAL_S", 1.0)
    with HttpCamera(status=404) as server:
        result = tried(site, server, "gate")
    assert result.exit_code == 1
    assert "there is nothing at this address of it" in result.output


def test_a_name_that_is_none_is_told(site: Path) -> None:
    with HttpCamera() as server:
        result = tried(site, server, "gaet")
    assert result.exit_code == 1
    assert "has no camera 'gaet'" in result.output


def test_a_camera_works_under_all_that_the_unit_forbids(site: Path) -> None:
    (site.parent / "state").mkdir(exist_ok=True)
    with HttpCamera() as server:
        named(site, server)
        done = subprocess.run(
            [
                *sandbox(site.parent / "state"),
                *(sys.executable, "-c", "from edge.main import main; main()"),
                *("camera", "try", "gate", "--for", "2", "--json", "--config", str(site)),
            ],
            env={**os.environ, **environment()},
            capture_output=True,
            text=True,
            check=False,
        )
    told = msgspec.json.decode(done.stdout or done.stderr)
    assert told["pictures_per_s"] > 0
