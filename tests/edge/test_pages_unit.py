"""The pages' own account: the unit, the one socket that its group reaches, and nothing else."""

import asyncio
import re
import socket
import sys
from pathlib import Path

import pytest

from edge.control import pages
from edge.control.place import SOCKET
from tests.edge.accounts import (
    GROUP,
    STRANGER,
    WEB,
    reached,
    shared_folder,
    signing_in,
)
from tests.edge.house import running
from tests.edge.sandbox import settings
from tests.edge.signins.gatehouse import Gatehouse
from tests.edge.test_unit import EXPOSURE_SLACK, analyze

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "edge" / "systemd"
UNIT = FOLDER / "sentrypost-web@.service"
COMMAND = "/opt/sentrypost/bin/sentrypost "


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


def test_the_pages_account_serves_pages_and_reaches_nothing_else_of_the_edge() -> None:
    with shared_folder() as (folder, shared):
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
                assert await aside(signing_in, WEB, GROUP, path, "web") == 200
                assert await aside(signing_in, STRANGER, STRANGER, path, "web") == 503

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
