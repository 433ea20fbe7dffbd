"""Room on the disk that is kept for the moment when there is none.

A full disk stops the journal, and with it entry. Then the ballast goes, and the journal has room
for some ten thousand entries more: time for somebody to make space.
"""

import asyncio
import logging
import os
from pathlib import Path

from edge.journal.folder import FILE_MODE, sync_folder

FILE = "ballast"

BALLAST_BYTES = 16 * 1024 * 1024
"""At least twice what the write-ahead log grows to: below that the journal could not even be folded
together. It grows to some 5 MiB at most, where a full megabyte is added to another one in a commit
(`edge.journal.work`) and each row takes a page of its own."""

ROOM_FACTOR = 4
"""It is made only where so many times its size is free: on a small or filling disk the journal
itself is the better use of the room."""

LOW_FACTOR = 2
"""With less than so many times its size free, what can go of the journal goes early: long before
the disk is full and this is needed.
"""

LOOK_S = 60.0
"""Between two looks whether it can be made again."""

log = logging.getLogger(__name__)


class Ballast:
    """Of one state folder. Its methods block on the disk for a moment."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE

    def keep(self) -> bool:
        """Make it where it is not, if there is room; whether it is there now. Never raises."""
        try:
            if self._path.exists():
                return True
            found = os.statvfs(self._path.parent)
            if found.f_bavail * found.f_frsize < ROOM_FACTOR * BALLAST_BYTES:
                return False
            self._make()
        except OSError as error:
            log.warning("no room is kept on the disk: %s", error)
            self.release()
            return False
        return True

    def _make(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(self._path, flags, FILE_MODE)
        try:
            os.posix_fallocate(fd, 0, BALLAST_BYTES)
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(self._path.parent)

    def room_is_low(self) -> bool:
        """Whether little is free beside it. Never raises."""
        try:
            found = os.statvfs(self._path.parent)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize < LOW_FACTOR * BALLAST_BYTES

    def release(self) -> bool:
        """Give the room up; whether there was any to give. Never raises."""
        try:
            self._path.unlink()
            sync_folder(self._path.parent)
        except OSError:
            return False
        return True

    async def run(self) -> None:
        """Keep it, until cancelled."""
        while True:
            await asyncio.to_thread(self.keep)
            await asyncio.sleep(LOOK_S)
