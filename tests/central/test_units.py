"""Central's units and its wall's: what systemd says of them, and what each account reaches."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.control.place import SOCKET
from tests.edge.accounts import (
    GROUP,
    STRANGER,
    WEB,
    reached,
    shared_folder,
    signing_in,
)
from tests.edge.sandbox import settings
from tests.edge.test_unit import EXPOSURE_SLACK, analyze

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "central" / "systemd"
UNITS = ("sentrypost-central.service", "sentrypost-wall.service")
COMMAND = "/opt/sentrypost/bin/sentrypost "

WITHIN_S = 60


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """With a program that is there."""
    text = (FOLDER / request.param).read_text()
    assert COMMAND in text
    copy = tmp_path / str(request.param)
    copy.write_text(text.replace(COMMAND, f"{sys.executable} -m edge.main "))
    return copy


def test_systemd_knows_every_word_of_it(unit: Path) -> None:
    found = analyze("verify", "--man=no", unit)
    assert (found.returncode, found.stderr) == (0, "")


def test_its_exposure_is_what_the_pages_say(unit: Path) -> None:
    said = analyze("security", "--offline=true", "--no-pager", unit).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    page = (ROOT / "docs" / "security.md").read_text()
    written = re.search(rf"`central/systemd/{unit.name}`\s+([\d]+\.[\d]+)", page)
    assert found is not None, said
    assert written is not None
    assert abs(float(found[1]) - float(written[1])) <= EXPOSURE_SLACK


def test_central_folder_and_wall_name_the_same_socket_and_different_accounts() -> None:
    central, wall = (settings(FOLDER / one) for one in UNITS)
    (runs,), (asks,) = central["ExecStart"], wall["ExecStart"]
    served = re.search(r"--wall-socket (\S+)/wall\.sock", runs)
    assert served is not None
    assert f"--socket {served[1]}/wall.sock" in asks
    assert central["ReadWritePaths"] == [f"-{served[1]}"]
    assert wall["User"] != central["User"]
    made = [line.split() for line in (FOLDER / "sentrypost-wall.conf").read_text().splitlines()]
    (folder,) = [one for one in made if one[1:2] == [served[1]]]
    assert folder[2:] == ["2750", *central["User"], *wall["Group"]]


def test_the_walls_account_serves_the_wall_and_reaches_nothing_else_of_central() -> None:
    with shared_folder() as (folder, shared):
        path, state = shared / "wall.sock", folder / "state"
        state.mkdir(mode=0o755)
        archive = str(folder / "archive.db")
        command = ["central", "run", "--broker", "127.0.0.1:1", "--archive", archive]
        command += ["--state", str(state), "--wall-socket", str(path)]
        central = subprocess.Popen(
            [sys.executable, "-m", "edge.main", *command],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until_s = time.monotonic() + WITHIN_S
            while not path.exists():
                assert central.poll() is None
                assert time.monotonic() < until_s
                time.sleep(0.05)
            assert reached(WEB, GROUP, path)
            assert not reached(STRANGER, STRANGER, path)
            assert not reached(WEB, GROUP, state / SOCKET)
            assert signing_in(WEB, GROUP, path, "central", "web") == 200
            assert signing_in(STRANGER, STRANGER, path, "central", "web") == 503
        finally:
            central.terminate()
            central.wait(WITHIN_S)
