"""`[camera.NAME]` in the site file: what it may say, and that every mistake is told there."""

import re
import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest
from click.testing import CliRunner

from drivers.cameras.api import CameraFamily
from drivers.cameras.families import MjpegCamera, RtspCamera
from edge import cameras
from edge.cameras import build_cameras, camera_families, source_of
from edge.commands.check import check
from edge.config import ConfigError, load_config, wiring_problems
from policies.facts import Direction
from simulators.secret_file import write_secret
from tests.docs.pages import marked
from tests.edge.house import House
from tests.tidy.repository import ROOT

PASSWORD = "pass of the gate:/@"
SHOWN = marked((ROOT / "docs" / "devices.md").read_text(), "cameras.toml")
GATE = """
[camera.gate]
driver = "mjpeg"
portal = "front"
url = "http://10.0.0.5/stream"
"""
MQTT = '[camera.gate]\ndriver = "mqtt"\nportal = "front"\nhost = "broker"\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    write_secret(tmp_path / "gate-view.password", PASSWORD.encode())
    return made


def added(house: House, text: str) -> Path:
    """The site file with more in it."""
    file = house.folder / "site.toml"
    file.write_text(file.read_text() + text)
    return file


def said(house: House, text: str) -> str:
    """What is wrong with it; one line for each mistake, with the numbers of lines taken from where
    the addition begins.
    """
    lines = len((house.folder / "site.toml").read_text().splitlines())
    with pytest.raises(ConfigError) as caught:
        load_config(added(house, text))
    return re.sub(
        r"^.*site\.toml:(\d+):(\d+: error: )camera[^:]*: ",
        lambda found: f"{int(found[1]) - lines}:{found[2]}",
        str(caught.value),
        flags=re.M,
    )


def test_the_example_of_the_page_is_read_and_shown_nowhere(house: House) -> None:
    text = SHOWN.replace("front-door", "front")
    config = load_config(added(house, text))
    driver, spec = config.cameras["gate-view"]
    assert driver == "rtsp"
    assert isinstance(spec.options, RtspCamera)
    assert spec.options.side is Direction.ENTRY
    assert spec.options.masks[0][2] == (0.3, 0.4)
    source = source_of(driver, spec)
    assert PASSWORD.encode() in source.settings
    shown = f"{config!r} {spec!r} {source!r} {spec.options!r}"
    assert PASSWORD not in shown
    ((name, made),) = build_cameras(config.cameras, Random(1), {}, lambda *_: None).items()
    made.close()
    assert name == "gate-view"
    assert PASSWORD not in repr(made._begin())


def test_check_says_whom_each_camera_looks_at(house: House) -> None:
    inside = GATE.replace("camera.gate", "camera.hall") + 'side = "exit"\n'
    file = added(house, GATE + "masks = [[[0, 0], [1, 0], [0, 1]]]\n" + inside)
    result = CliRunner().invoke(check, ["--config", str(file)])
    assert "camera gate: mjpeg, entry of front from street, 1 privacy masks" in result.output
    assert "camera hall: mjpeg, exit of front from hall\n" in result.output
    result = CliRunner().invoke(check, ["--config", str(file), "--json"])
    assert msgspec.json.decode(result.output)["cameras"] == ["gate", "hall"]


MISTAKES = [
    (GATE.replace("front", "fornt"), "4:1: error: no portal of the policy 'fornt'"),
    (GATE.replace("mjpeg", "mjpg"), "3:10: error: no camera driver 'mjpg'"),
    (GATE.replace('driver = "mjpeg"', ""), "'driver' is missing"),
    (GATE + 'user = "x"\n', "6:1: error: unknown key 'user'"),
    (GATE + "distance-max = 0.9\n", "6:1: error: unknown key 'distance-max'"),
    (GATE + "masks = [[[0, 0], [1, 0], [0, 1.2]]]\n", "6:31: error: expected"),
    (GATE + "masks = [[[0, 0], [1, 0]]]\n", "6:10: error: expected"),
    (GATE + "masks = [[[0, 0], [1, 0], [1, 0, 0]]]\n", "6:27: error: expected"),
    (GATE + 'side = "both"\n', "6:8: error: unknown value 'both'"),
    (GATE.replace("http:", "ftp:"), "2:1: error: `url` must be http://HOST/"),
    (GATE.replace("10.0.0.5", "me:pw@10.0.0.5"), "`url` holds a user or a password"),
    (GATE + 'password-file = "gate-view.password"\n', "`password-file` without `username`"),
    (GATE + 'username = "x"\npassword-file = "none"\n', "7:17: error: no file"),
    (MQTT + 'topic = "cam/+"\n', "`topic` has a wildcard"),
    (MQTT + 'topic = "sentrypost/x"\n', "`topic` is under 'sentrypost/'"),
    (
        '[camera.gate]\ndriver = "usb"\nportal = "front"\ndevice = "0"\n',
        "`device` is a path, as /dev/v4l/by-id/",
    ),
]


def test_every_mistake_is_told_at_its_place(house: House) -> None:
    text, begins, named = "", [], []
    for number, (written, mistake) in enumerate(MISTAKES):
        begins.append(text.count("\n"))
        text += written.replace("camera.gate", f"camera.gate-{number}")
        place, words = mistake.split(": error: ") if ": error: " in mistake else ("", mistake)
        line, _, column = place.partition(":")
        named.append((f"{int(line) + begins[-1]}:{column}: error: " if place else "", words))
    found = said(house, text).splitlines()
    told = [f"{at}{words}" for at, words in named]
    assert [one for one in told if not any(one in line for line in found)] == []
    assert len(found) == len(MISTAKES)
    assert "me:pw" not in "".join(found)
    assert PASSWORD not in "".join(found)


def test_names_and_tables_are_looked_at(house: House) -> None:
    assert "a name is 1 to 64 of a-z" in said(house, GATE.replace("camera.gate", 'camera."Gate"'))


def test_an_open_password_is_refused(house: House) -> None:
    (house.folder / "gate-view.password").chmod(0o644)
    found = said(house, GATE + 'username = "x"\npassword-file = "gate-view.password"\n')
    assert "others on this machine can read or change" in found


def test_a_policy_without_the_portal_does_not_come_in_force_under_a_camera(house: House) -> None:
    config = load_config(added(house, GATE))
    portals = tuple(rule for rule in config.policy.portals if rule.id != "front")
    other = msgspec.structs.replace(config.policy, portals=portals)
    told = [str(one) for one in wiring_problems(config, other)]
    assert any("camera.gate.portal: no portal of the policy 'front'" in one for one in told), told


def test_a_camera_without_the_extra_is_a_mistake_that_names_the_remedy(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras, "_BROUGHT", ("cv2", "a_package_that_nobody_has"))
    found = said(house, GATE)
    assert "2:1: error: cameras need the extra `biometrics`" in found
    assert "pip install 'sentrypost[biometrics]'" in found


def test_a_site_without_cameras_needs_no_extra(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras, "_BROUGHT", ("a_package_that_nobody_has",))
    assert house.config().cameras == {}


def test_the_edges_side_imports_nothing_heavy() -> None:
    code = (
        "import sys\nimport edge.cameras, edge.config\nedge.cameras.camera_families()\n"
        "heavy = {'numpy', 'cv2', 'dlib', 'PIL', 'face_recognition'} & sys.modules.keys()\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_kind_but_the_simulated_one_leaves_the_threshold_to_the_policy() -> None:
    options = MjpegCamera(driver="mjpeg", portal="front", url="http://camera/")
    own = camera_families()
    own.pop("simulated", None)
    assert set(own) >= {"rtsp", "mjpeg", "usb", "file", "mqtt"}
    for family in own.values():
        assert isinstance(family, CameraFamily)
        assert family.distance_max(options) is None
