"""What of the campaign can be tried without its machine: what is brought, asked, and said."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edge.config import load_config
from edge.credentials import VARIABLE
from tests.machine import freeze
from tests.machine.computer import Agent
from tests.machine.delivery import LOCKED, site
from tests.machine.installing import INSTALL, UNIT_FILES
from tests.machine.scene import UNITS
from tests.records import ROOT
from tests.servers import skip_or_fail

TWO_THREADS = """
import threading, time
def sleep():
    print(threading.get_native_id(), flush=True)
    time.sleep(600)
threading.Thread(target=sleep, daemon=True).start()
time.sleep(600)
"""


class Answering:
    """The guest's end: an answer of before stands on the line, then every command has ended."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"return": {"pid": 1}}\n')
        while line := (await reader.readline()).lstrip(b"\xff"):
            asked = json.loads(line)
            answer: object = {"pid": 7}
            if asked["execute"] == "guest-sync-delimited":
                writer.write(b"\xff")
                answer = asked["arguments"]["id"]
            elif asked["execute"] == "guest-exec":
                self.commands.append(asked["arguments"]["arg"][1])
            else:
                said = base64.b64encode("Grüße\n".encode()).decode()
                answer = {"exited": True, "exitcode": 3, "err-data": said}
            writer.write(json.dumps({"return": answer}).encode() + b"\n")


def test_an_answer_to_somebody_before_is_nobodys(tmp_path: Path) -> None:
    async def scene() -> None:
        guest = Answering()
        server = await asyncio.start_unix_server(guest.serve, str(tmp_path / "agent.sock"))
        async with server:
            agent = await Agent.reached(tmp_path / "agent.sock")
            assert agent is not None
            assert await agent.run("false; true") == (3, "Grüße\n")
            agent.close()
        assert guest.commands == ["false; true"]
        assert await Agent.reached(tmp_path / "agent.sock") is None

    asyncio.run(scene())


def test_the_site_that_is_brought_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought = tmp_path / "brought"
    site(tmp_path, brought)
    monkeypatch.setenv(VARIABLE, str(brought))
    file = brought / "site.toml"
    key = "sentrypost-witness+00000000+" + "A" * 44
    file.write_text(file.read_text().replace('witness = "@WITNESS@"\n', f"# {key}\n"))
    config = load_config(file)
    assert config.site_key == brought / "site.key"
    assert config.broker is not None


def test_every_unit_that_is_started_is_brought_and_its_account_made() -> None:
    for unit in UNITS:
        name = unit.replace("@gatehouse", "@")
        (file,) = [*ROOT.glob(f"*/systemd/{name}")]
        assert f"{file.parent.relative_to(ROOT)}/*.service" in UNIT_FILES
        (account,) = [
            line.removeprefix("User=")
            for line in file.read_text().splitlines()
            if line.startswith("User=")
        ]
        assert f"nologin {account}\n" in INSTALL


def test_every_dependency_is_brought_in_the_version_that_is_locked() -> None:
    found = LOCKED.findall((ROOT / "requirements" / "demo.lock").read_text())
    locked = {one.partition("==")[0] for one in found}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {one.partition(">")[0].partition("=")[0] for one in project["dependencies"]}
    assert asked - locked == set()


def test_one_thread_is_stopped_and_no_other() -> None:
    if os.geteuid() != 0:
        skip_or_fail("only root may stop another's thread")
    with subprocess.Popen(
        [sys.executable, "-c", TWO_THREADS], stdout=subprocess.PIPE, text=True
    ) as two:
        assert two.stdout is not None
        other = two.stdout.readline().strip()
        with subprocess.Popen(
            [sys.executable, freeze.__file__, str(two.pid), "60"], stdout=subprocess.PIPE, text=True
        ) as freezing:
            assert freezing.stdout is not None
            assert freezing.stdout.readline() == "stopped\n"
            assert state_of(two.pid, str(two.pid)) == "t"
            assert state_of(two.pid, other) == "S"
            two.kill()
            assert freezing.wait(60) == 0, "it ends with the thread"


def state_of(pid: int, thread: str) -> str:
    """By proc_pid_stat(5): S sleeps, t is stopped by a tracer."""
    return Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(") ")[2][0]


def test_without_what_runs_it_the_machine_says_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat", "echo"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    ran = subprocess.run(
        [str(tools / "sh"), str(ROOT / "requirements" / "machine.sh"), str(tmp_path / "machine")],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": str(tools)},
    )
    assert ran.returncode == 1
    assert "apt-get install qemu-system-x86 swtpm mmdebstrap" in ran.stderr
    assert not (tmp_path / "machine").exists()
