"""The pages' own account: the unit, the one socket that its group reaches, and nothing else."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.control import pages
from edge.control.place import SOCKET
from tests.edge.control.rig import public_folder
from tests.edge.house import running
from tests.edge.sandbox import settings
from tests.edge.signins.gatehouse import Gatehouse
from tests.edge.test_unit import EXPOSURE_SLACK, analyze
from tests.servers import require, skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "edge" / "systemd"
UNIT = FOLDER / "sentrypost-web@.service"
COMMAND = "/opt/sentrypost/bin/sentrypost "

WEB, STRANGER, GROUP = 54321, 54322, 54323


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """With a program that is there."""
    text = UNIT.read_text()
    assert COMMAND in text
    copy = tmp_path / UNIT.name.replace("@", "@gatehouse")
    copy.write_text(text.replace(COMMAND, f"{sys.executable} -m edge.main "))
    return copy


def test_systemd_knows_every_word_of_it(unit: Path) -> None:
    found = analyze("verify", "--man=no", unit)
    assert (found.returncode, found.stderr) == (0, "")


def test_its_exposure_is_what_the_pages_say(unit: Path) -> None:
    said = analyze("security", "--offline=true", "--no-pager", unit).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    written = re.search(
        r"that of\s+`edge/systemd/sentrypost-web@.service` is (\d+\.\d+)",
        (ROOT / "docs" / "security.md").read_text(),
    )
    assert found is not None, said
    assert written is not None
    assert abs(float(found[1]) - float(written[1])) <= EXPOSURE_SLACK


def test_edge_folder_and_pages_name_the_same_socket_and_different_accounts() -> None:
    """The edge may write where the folder is made, and the pages ask there."""
    web, edge = settings(UNIT), settings()
    (start,) = web["ExecStart"]
    asked = re.search(r"--socket (\S+)/pages\.sock", start)
    assert asked is not None
    assert edge["ReadWritePaths"] == [f"-{asked[1]}"]
    assert web["User"] != edge["User"]
    assert "SupplementaryGroups" not in web, "the edge's group operates it"
    made = [line.split() for line in (FOLDER / "sentrypost-pages.conf").read_text().splitlines()]
    (folder,) = [one for one in made if one[1:2] == [asked[1].replace("%i", "gatehouse")]]
    assert folder[2:] == ["2750", *edge["User"], *web["Group"]]


# --- as another account -----------------------------------------------------------------------


@contextmanager
def as_account(uid: int, gid: int, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """The command under that account. It reads this tree, wherever that lies (`dac_read_search`);
    what it may write, and so to which sockets it may speak, is the account's own.
    """
    program = require("setpriv", "util-linux")
    read = "-all,+dac_read_search"
    process = subprocess.Popen(
        [
            *(program, f"--reuid={uid}", f"--regid={gid}", "--clear-groups"),
            *(f"--inh-caps={read}", f"--ambient-caps={read}", f"--bounding-set={read}"),
            *(sys.executable, *command),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


def reached(uid: int, gid: int, path: Path) -> bool:
    with as_account(uid, gid, "-c", CONNECT, str(path)) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 or "PermissionError" in said, said
    return process.returncode == 0


def signing_in(uid: int, gid: int, path: Path) -> int:
    """The status of the page on which people sign in, served by that account."""
    asked = ("-m", "edge.main", "web", "--socket", str(path), "--listen", "127.0.0.1:0")
    with as_account(uid, gid, *asked) as web:
        assert web.stdout is not None
        said = web.stdout.readline()
        assert "http://" in said, said + web.stdout.read()
        try:
            with urllib.request.urlopen(said.split()[-1] + "sign-in", timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)


def test_the_pages_account_serves_pages_and_reaches_nothing_else_of_the_edge() -> None:
    if os.geteuid() != 0:
        skip_or_fail("only root can be somebody else")
    with public_folder() as folder:
        shared = folder / "shared"
        shared.mkdir()
        os.chown(shared, 0, GROUP)
        shared.chmod(0o2750)
        path = shared / "pages.sock"
        (folder / "house").mkdir()
        house = Gatehouse(folder / "house")
        with (house.folder / "site.toml").open("a") as file:
            file.write(f'\n[pages]\nsocket = "{path}"\n')

        async def scene() -> None:
            async with running(house):
                async with asyncio.timeout(60):
                    while not path.exists():
                        await asyncio.sleep(0.01)
                aside = asyncio.to_thread
                assert await aside(reached, WEB, GROUP, path)
                assert not await aside(reached, STRANGER, STRANGER, path)
                assert not await aside(reached, WEB, GROUP, house.folder / "state" / SOCKET)
                assert await aside(signing_in, WEB, GROUP, path) == 200
                assert await aside(signing_in, STRANGER, STRANGER, path) == 503

        asyncio.run(scene())


def test_an_edge_whose_pages_have_no_folder_yet_goes_on_and_serves_them_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pages, "AGAIN_S", 0.05)
    house = Gatehouse(tmp_path)
    with (tmp_path / "site.toml").open("a") as file:
        file.write('\n[pages]\nsocket = "later/pages.sock"\n')

    async def scene() -> None:
        async with running(house) as edge, asyncio.timeout(60):
            while "there are no pages" not in caplog.text:
                await asyncio.sleep(0.01)
            assert edge.daemon.people.roll.holders, "the edge is there"
            (tmp_path / "later").mkdir()
            while not (tmp_path / "later" / "pages.sock").exists():
                await asyncio.sleep(0.01)
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect(str(tmp_path / "later" / "pages.sock"))
        assert caplog.text.count("there are no pages") == 1
        assert not (tmp_path / "later" / "pages.sock").exists(), "it goes with the edge"

    asyncio.run(scene())
