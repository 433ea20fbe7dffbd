"""Commands under accounts of their own, for what may reach which socket."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.edge.control.rig import public_folder
from tests.servers import require, skip_or_fail

ROOT = Path(__file__).resolve().parents[2]

WEB, STRANGER, GROUP = 54321, 54322, 54323


@contextmanager
def shared_folder() -> Iterator[tuple[Path, Path]]:
    """A folder that everybody may enter, and one in it that passes its group on, as systemd's
    tmpfiles make it.
    """
    if os.geteuid() != 0:
        skip_or_fail("only root can be somebody else")
    with public_folder() as folder:
        shared = folder / "shared"
        shared.mkdir()
        os.chown(shared, 0, GROUP)
        shared.chmod(0o2750)
        yield folder, shared


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


def signing_in(uid: int, gid: int, path: Path, *command: str) -> int:
    """The status of the page on which people sign in, served by that account."""
    asked = ("-m", "edge.main", *command, "--socket", str(path), "--listen", "127.0.0.1:0")
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
