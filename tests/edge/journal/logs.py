"""What a crash leaves of a database in use, and what becomes of its log at the next opening."""

import os
import subprocess
from pathlib import Path

import pytest

LONG_AGO_NS = 1_000_000_000


class WrittenAgain:
    """Notes which logs were synced after they had been written, and what was in them then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.logs: list[tuple[str, bytes]] = []
        self._sync = os.fsync
        monkeypatch.setattr(os, "fsync", self._note)

    def _note(self, fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.name.endswith("-wal") and path.stat().st_mtime_ns != LONG_AGO_NS:
            self.logs.append((path.name, path.read_bytes()))
        self._sync(fd)


def crashed_copy(database: Path, to: Path) -> bytes:
    """The files of a database in use as a crash leaves them, last written long ago; the log."""
    subprocess.run(["cp", database, f"{database}-wal", to], check=True)
    log = to / f"{database.name}-wal"
    os.utime(log, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return log.read_bytes()
