"""Who reaches the control socket, and whose name it is."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.control import frames
from edge.control import messages as m
from edge.control.client import (
    Client,
    NoDaemonError,
)
from edge.control.listening import ControlError, ControlInUseError
from edge.control.peer import Peer, account_name, may_speak
from edge.control.place import address_of
from edge.control.server import ControlServer
from tests.edge.control.rig import (
    Running,
    public_folder,
    raw,
    receive,
    until,
)
from tests.servers import skip_or_fail

NOBODY = 65534


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "state") as running:
        yield running


# --- who may speak ----------------------------------------------------------------------------

AS_NOBODY = """
import os, sys
from pathlib import Path
from edge.control.client import Client, ControlClientError
# After the imports: the other account may not be able to read this tree.
os.setgroups([])
os.setgid({gid})
os.setuid({uid})
try:
    with Client(Path(sys.argv[1])) as client:
        print("in", client.me, client.reset_fire("panel").accepted)
except ControlClientError as error:
    print(type(error).__name__, error, "|", error.remedy)
"""


def as_other(state: Path, uid: int, gid: int) -> str:
    result = subprocess.run(
        [sys.executable, "-c", AS_NOBODY.format(uid=uid, gid=gid), str(state)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return result.stdout.strip()


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        skip_or_fail("only root can be somebody else")


@pytest.mark.usefixtures("as_root")
def test_a_stranger_is_kept_out_by_the_file_and_again_by_the_daemon() -> None:
    with public_folder() as folder, Running(folder / "state") as daemon:
        daemon.state.chmod(0o755)
        assert as_other(daemon.state, NOBODY, NOBODY).startswith("NotAllowedError")
        # Somebody made the socket's mode wider: the peer's credentials still count.
        daemon.socket.chmod(0o666)
        answer = as_other(daemon.state, NOBODY, NOBODY)
        assert answer.startswith(f"RefusedError {account_name(NOBODY)} may not speak")
        assert daemon.desk.asked == []


@pytest.mark.usefixtures("as_root")
def test_a_member_of_the_sockets_group_speaks_under_his_own_name() -> None:
    with public_folder() as folder, Running(folder / "state") as daemon:
        daemon.state.chmod(0o755)
        os.chown(daemon.socket, 0, 4321)
        assert as_other(daemon.state, NOBODY, 4321) == f"in {account_name(NOBODY)} True"
        assert as_other(daemon.state, 54321, 4321) == "in uid-54321 True"
        assert daemon.desk.asked[-1] == ("reset", "panel", "uid-54321")


def test_who_may_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 77])
    assert may_speak(Peer(1, os.geteuid(), 5, "me"), 99)
    assert may_speak(Peer(1, 0, 5, "root"), 99)
    assert not may_speak(Peer(1, NOBODY, 5, "nobody"), 99)
    assert may_speak(Peer(1, NOBODY, 5, "nobody"), 77), "a group that is not his first one"
    assert may_speak(Peer(1, 54321, 5, "uid-54321"), 5), "an account that has no name here"
    assert not may_speak(Peer(1, 54321, 5, "uid-54321"), 77)


def test_the_socket_is_for_owner_and_group(daemon: Running) -> None:
    assert daemon.socket.stat().st_mode & 0o777 == 0o660


# --- the socket's name ------------------------------------------------------------------------


def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(NoDaemonError) as error:
        Client(tmp_path)
    assert str(error.value) == f"no daemon runs here (no socket at {tmp_path}/control.sock)"
    assert error.value.remedy == "start it with `sentrypost run --config …`"


def test_a_stale_socket_is_no_daemon_and_is_replaced(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    stale = socket.socket(socket.AF_UNIX)
    with address_of(state / "control.sock") as address:
        stale.bind(address)
    stale.close()
    with pytest.raises(NoDaemonError):
        Client(state)
    with Running(state) as daemon, Client(daemon.state) as client:
        assert client.status().seq == 3
    assert not daemon.socket.exists(), "it is removed at the end"


def test_a_second_daemon_is_refused_and_the_first_keeps_its_socket(daemon: Running) -> None:
    with pytest.raises(ControlInUseError) as error:
        ControlServer.open(daemon.desk, daemon.socket)
    assert "stop it first" in error.value.remedy
    with Client(daemon.state) as client:
        assert client.status().seq == 3


def test_a_file_in_the_way_is_left_alone(daemon: Running, tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    file.write_text("precious")
    with pytest.raises(ControlError, match="no socket") as error:
        ControlServer.open(daemon.desk, file)
    assert error.value.remedy
    assert file.read_text() == "precious"


def test_a_folder_that_cannot_be_written(daemon: Running, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="cannot be made") as error:
        ControlServer.open(daemon.desk, tmp_path / "missing" / "control.sock")
    assert error.value.remedy


def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    state = tmp_path / ("a" * 100) / ("b" * 100) / "state"
    with Running(state) as daemon, Client(daemon.state) as client:
        assert client.status().seq == 3
        with pytest.raises(ControlInUseError):
            ControlServer.open(daemon.desk, daemon.socket)


def test_the_end_does_not_remove_another_daemons_socket(tmp_path: Path) -> None:
    with Running(tmp_path / "state") as daemon:
        daemon.socket.unlink()
        daemon.socket.write_text("another's")
    assert daemon.socket.read_text() == "another's"


def test_the_daemons_end_is_told(daemon: Running) -> None:
    with raw(daemon) as connection:
        connection.sendall(frames.frame(m.Subscribe(from_seq=4)))
        until(lambda: daemon.clients() == 1)
        began = time.monotonic()
        daemon.__exit__()
        assert time.monotonic() - began < 5
        while isinstance(message := receive(connection), m.Heartbeat):
            pass
        assert isinstance(message, m.Refused)
        assert message.code is m.Refusal.STOPPING
