"""The name at which the control socket listens, and whose it is."""

import os
import socket
import stat
from pathlib import Path

from edge.control.place import address_of

SOCKET_MODE = 0o660

BACKLOG = 16

ANSWERS_WITHIN_S = 1.0
"""Whoever has not answered a connection on a local socket by then does not serve it."""


class ControlError(Exception):
    """The socket cannot be served. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class ControlInUseError(ControlError):
    """Another daemon answers on this socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another daemon already answers at {path}",
            "stop it first, or give this edge a state folder of its own",
        )


def inode(path: Path) -> tuple[int, int] | None:
    """Device and inode; None where there is no such name."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino)


def group_of(path: Path) -> int:
    """The socket's group as it is now; where the name is gone, the daemon's own."""
    try:
        return path.lstat().st_gid
    except FileNotFoundError:
        return os.getegid()


def make_room(path: Path) -> None:
    """Remove a socket on which nobody answers. Raises ControlInUseError, ControlError, OSError."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"{path} is in the way and no socket", "move it away")
    with (
        address_of(path) as address,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe,
    ):
        probe.settimeout(ANSWERS_WITHIN_S)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except (BlockingIOError, TimeoutError):
            # A full backlog: somebody listens and is too busy to accept.
            raise ControlInUseError(path) from None
        else:
            raise ControlInUseError(path)


def listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux makes the name with the socket's own mode: at no time may others connect.
        os.fchmod(listening.fileno(), SOCKET_MODE)
        with address_of(path) as address:
            listening.bind(address)
        path.chmod(SOCKET_MODE)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
