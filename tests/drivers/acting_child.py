"""A child process that does as it is told, good or bad."""

import ctypes
import os
import signal
import sys
import time

import msgspec

from drivers.children import ParentPipe, begin


class Act(msgspec.Struct, frozen=True, tag=True):
    """What it shall do."""

    what: str
    text: str = ""


class Said(msgspec.Struct, frozen=True, tag=True):
    """What it says."""

    text: str
    pid: int


def act(pipe: ParentPipe[Act], told: Act) -> None:
    """One thing."""
    match told.what:
        case "echo":
            pipe.send(Said(told.text, os.getpid()))
        case "stand still":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "crash":
            ctypes.string_at(0)
        case "nonsense":
            pipe._socket.sendall(b"\x00\x00\x00\x03abc")
        case "too long":
            pipe._socket.sendall(b"\xff\xff\xff\xff")
        case "raise":
            raise ValueError(told.text)
        case "beat":
            for _ in range(int(told.text)):
                time.sleep(0.1)
                pipe.beat()
            pipe.send(Said("beaten", os.getpid()))
        case "sleep":
            time.sleep(3600)
        case "take memory":
            pipe.send(Said(str(len(bytearray(1 << 30))), os.getpid()))


def main() -> None:
    """The child's own main."""
    _, wire, _ = begin(sys.argv[1:], 256 << 20)
    pipe = ParentPipe[Act](wire, Act)
    while True:
        act(pipe, pipe.read())


if __name__ == "__main__":
    main()
