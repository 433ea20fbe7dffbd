"""The systemd unit: systemd finds nothing wrong with it, and what it forbids harms no edge."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

from controller import events as ev
from edge.control.client import Client
from edge.failed import CONFIGURATION
from edge.journal import verify_folder
from edge.watchdog import LINE_STANDS_S_MAX
from simulators.broker_process import BrokerProcess
from tests.edge.house import ADA, FIRE_LOOP, PIN, House
from tests.edge.process import (
    PATIENCE_S,
    VAULT_STRUCK,
    entries,
    freed,
    opens,
    running_process,
    told,
)
from tests.edge.sandbox import ROOT, UNIT, environment, sandbox, settings
from tests.servers import require

EXPOSURE_SLACK = 0.5
"""What another version of systemd may count differently."""

PROBE = """
import ctypes, errno, json, mmap, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def refused(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return ""
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
threading.Thread(target=lambda: None).start()
print(json.dumps({
    "clock can be asked": libc.adjtimex(ctypes.create_string_buffer(256)) >= 0,
    "clock can be set": libc.clock_settime(0, (ctypes.c_long * 2)(0, 0)) == 0,
    "netlink": refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "inet": refused(lambda: socket.socket(socket.AF_INET)),
    "unix": refused(lambda: socket.socket(socket.AF_UNIX)),
    "code in data": refused(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "elsewhere": refused(lambda: open(sys.argv[1] + "/../x", "w")),
    "state": refused(lambda: open(sys.argv[1] + "/x", "w")),
    "mode": os.stat(sys.argv[1] + "/x").st_mode & 0o777,
    "chroot": refused(lambda: os.chroot("/")),
    "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
    "no new privileges": status["NoNewPrivs"].strip(),
}))
"""


def copy_of_the_unit(tmp_path: Path) -> Path:
    """With a program that is there."""
    text = UNIT.read_text()
    command = "ExecStart=/opt/sentrypost/bin/sentrypost "
    assert command in text
    unit = tmp_path / UNIT.name.replace("@", "@gatehouse")
    unit.write_text(text.replace(command, f"ExecStart={sys.executable} -m edge.main "))
    return unit


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = require("systemd-analyze", "systemd")
    return subprocess.run([program, *arguments], check=False, capture_output=True, text=True)


def test_systemd_knows_every_word_of_it(tmp_path: Path) -> None:
    unit = copy_of_the_unit(tmp_path)
    found = analyze("verify", "--man=no", unit)
    assert (found.returncode, found.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "WatchdogSecs" in analyze("verify", "--man=no", unit).stderr


def test_its_exposure_is_what_the_pages_say(tmp_path: Path) -> None:
    unit = copy_of_the_unit(tmp_path)
    said = analyze("security", "--offline=true", "--no-pager", unit).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    page = (ROOT / "docs" / "security.md").read_text()
    written = re.search(r"exposure level is ([\d.]+) of 10", page)
    assert written is not None
    assert abs(float(found[1]) - float(written[1])) <= EXPOSURE_SLACK


def test_it_is_started_again_whatever_happens_and_watched() -> None:
    unit = settings()
    assert unit["Type"] == ["notify"]
    assert unit["Restart"] == ["always"]
    assert "RestartPreventExitStatus" not in unit, f"{CONFIGURATION} is tried again as well"
    assert "StartLimitIntervalSec=0" in UNIT.read_text().splitlines()
    assert unit["WatchdogSignal"] == ["SIGABRT"], "faulthandler writes the stacks on it"
    (watchdog_s,) = map(float, unit["WatchdogSec"])
    assert watchdog_s / 3 > LINE_STANDS_S_MAX, "a line that just hung is told before it is killed"


def test_the_sandbox_forbids_what_the_unit_does(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    command = [*sandbox(state), sys.executable, "-c", PROBE, str(state)]
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment(), cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "clock can be asked": True,
        "clock can be set": False,
        "netlink": "EPERM",
        "inet": "",
        "unix": "",
        "code in data": "EPERM",
        "elsewhere": "EROFS",
        "state": "",
        "mode": 0o600,
        "chroot": "EPERM",
        "capabilities": 0,
        "no new privileges": "1",
    }
    assert not (tmp_path / "x").exists()


async def pin_opens(house: House) -> None:
    """A badge, the sign that asks for the PIN, the PIN, the lock; then the way out."""
    reader = house.readers["vault-in"]
    seen = len(reader.executed)
    house.badge("vault-in", ADA)
    async with asyncio.timeout(PATIENCE_S):
        while len(reader.executed) == seen:
            await asyncio.sleep(0.01)
        reader.press_keys(PIN + "#")
        while VAULT_STRUCK not in told(house):
            await asyncio.sleep(0.01)
    await opens(house, VAULT_STRUCK, "vault-out")


def test_inside_of_it_an_edge_does_all_that_it_does(
    tmp_path: Path, embedded_broker: BrokerProcess
) -> None:
    house = House(tmp_path, f'[broker]\nhost = "localhost"\nport = {embedded_broker.port}\n')
    state = house.folder / "state"

    def talk() -> None:
        with Client(state) as client:
            people = b"id,name,roles,pin\n7,Gus,staff,1234\n"
            assert client.import_people(people, dry_run=False).applied
            until_normal = time.monotonic() + PATIENCE_S
            while client.status().fires[0].line != "normal":
                assert time.monotonic() < until_normal
                time.sleep(0.01)
            assert client.reset_fire("panel").accepted

    async def scene() -> None:
        async with (
            house.line(),
            running_process(house, sandbox=sandbox(state), environment=environment()) as edge,
        ):
            await edge.until_said("LinkUp")
            await edge.badge_opens()
            await pin_opens(house)
            house.board.set_input(FIRE_LOOP, False)
            await freed(house)
            house.board.set_input(FIRE_LOOP, True)
            await asyncio.to_thread(talk)
            assert await edge.stop() == 0
            for trouble in ("cannot", "Traceback", "denied", "not permitted"):
                assert trouble not in edge.said
        assert entries(house, ev.FireReset)
        assert verify_folder(state / "journal").sound

    asyncio.run(scene())
