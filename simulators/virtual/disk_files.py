"""Files as a disk keeps them: visible at once, durable after a sync, and what a power cut leaves.

No SQLite here; `simulators.virtual.disk` puts it on top. Errors are OSError with the number that a
kernel would give.
"""

import errno
import os
from collections.abc import Callable
from pathlib import PurePosixPath
from random import Random

SECTOR_BYTES = 512
"""What a device writes wholly or not at all; a neighbour is never damaged."""

SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""How much of what was not synced arrives nevertheless: whole groups are as likely as crumbs."""


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class File:
    """One file: what everybody reads, what the platter holds, and the writes between the two."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.unsynced: list[tuple[int, bytes | None]] = []
        """Offset and whole sectors in the order of the writes; None: cut off there."""

        self.locks: dict[object, int] = {}
        """SQLite's lock level of each who has one."""

        self.commits = 0
        """How often SQLite said that a transaction on this database is committed."""

        self._durable = bytearray()

    def write(self, data: bytes, offset: int) -> None:
        content, end = self.content, offset + len(data)
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset:end] = data
        first = offset - offset % SECTOR_BYTES
        self.unsynced.append((first, bytes(content[first : end + -end % SECTOR_BYTES])))

    def truncate(self, size: int) -> None:
        del self.content[size:]
        self.unsynced.append((size, None))

    def sync(self) -> None:
        for offset, data in self.unsynced:
            _put(self._durable, offset, data)
        self.unsynced.clear()

    def arrive(self, chance: Random) -> None:
        """Some sectors of what was not synced reach the platter; none of the rest ever will."""
        share = chance.choice(SHARES)
        for offset, data in self.unsynced:
            if data is None:
                if chance.random() < share:
                    _put(self._durable, offset, None)
                continue
            for at in range(0, len(data), SECTOR_BYTES):
                if chance.random() < share:
                    _put(self._durable, offset + at, data[at : at + SECTOR_BYTES])
        self.unsynced.clear()

    def read_platter(self) -> None:
        """The memory between is gone: what everybody reads is what the platter holds."""
        self.content = bytearray(self._durable)


def _put(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class FileSystem:
    """Named files and what can happen to them. Names are absolute paths.

    A name made, moved or deleted is durable after `sync_folder`; of those that are not, a power
    cut leaves the first few, as the journal of a file system does.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.names: dict[str, File] = {}
        self.folders: set[str] = set()
        self.age = 0
        """Rises when everybody who has something open is cut off: whoever comes from an earlier
        age acts on nothing any more.
        """

        self.limit_bytes: int | None = None
        """The room for all files together."""

        self.read_only = False
        self.syncs_to_fail = 0
        """How many of the next syncs report EIO."""

        self.dies_in_sync = False
        """The next sync of a file reports success for what never arrives, as one that races the
        device's abort: `abort` follows with the next operation.
        """

        self.before: Callable[[str, str], None] | None = None
        """Told operation (create, write, truncate, sync, rename, delete) and name before each."""

        self.before_read: Callable[[str], None] | None = None
        """Told the name before each read; may raise EIO."""

        self._durable_names: dict[str, File] = {}
        self._unsynced_names: list[tuple[str, dict[str, File | None]]] = []
        self._aborting = False

    @property
    def used_bytes(self) -> int:
        """What all files take together."""
        return sum(len(file.content) for file in self.names.values())

    def fill(self) -> None:
        """Somebody else takes all the room that is left; `limit_bytes` None gives it back."""
        self.limit_bytes = self.used_bytes

    def about_to(self, operation: str, name: str, age: int) -> None:
        """Something is about to be done. Raises EIO where the caller is from an earlier age, be it
        since just now; EROFS.
        """
        if age == self.age and self.before is not None:
            self.before(operation, name)
        if age == self.age and self._aborting:
            self.abort()
        if age != self.age:
            raise refused(errno.EIO)
        if self.read_only and operation != "sync":
            raise refused(errno.EROFS)

    def create(self, name: str, age: int) -> File:
        """Raises ENOENT without its folder, EIO, EROFS."""
        folder = _folder(name)
        if folder not in self.folders:
            raise refused(errno.ENOENT)
        self.about_to("create", name, age)
        file = File()
        self._name(folder, {name: file})
        return file

    def write(self, file: File, name: str, data: bytes, offset: int, age: int) -> None:
        """Raises EIO, EROFS; ENOSPC with nothing written."""
        self.about_to("write", name, age)
        if self.limit_bytes is not None:
            grown = max(0, offset + len(data) - len(file.content))
            if grown and self.used_bytes + grown > self.limit_bytes:
                raise refused(errno.ENOSPC)
        file.write(data, offset)

    def read(self, file: File, name: str, amount: int, offset: int, age: int) -> bytes:
        """As much of it as there is. Raises EIO where the caller is from an earlier age."""
        if age == self.age and self.before_read is not None:
            self.before_read(name)
        if age != self.age:
            raise refused(errno.EIO)
        return bytes(file.content[offset : offset + amount])

    def truncate(self, file: File, name: str, size: int, age: int) -> None:
        """Raises EIO, EROFS."""
        self.about_to("truncate", name, age)
        file.truncate(size)

    def sync(self, file: File, name: str, age: int) -> None:
        """Raises EIO, and then as after a real one: what arrived is a matter of chance, everybody
        goes on reading what was written, and no later sync writes it again.
        """
        self.about_to("sync", name, age)
        if self.syncs_to_fail:
            self.syncs_to_fail -= 1
            file.arrive(self.chance)
            raise refused(errno.EIO)
        if self.dies_in_sync:
            self.dies_in_sync, self._aborting = False, True
            return
        file.sync()

    def sync_folder(self, folder: str, age: int) -> None:
        """Raises EIO where the caller is from an earlier age."""
        self.about_to("sync", folder, age)
        kept = []
        for place, names in self._unsynced_names:
            if place == folder:
                _rename(self._durable_names, names)
            else:
                kept.append((place, names))
        self._unsynced_names = kept

    def rename(self, old: str, new: str, age: int) -> None:
        """Within one folder. Raises ENOENT, EIO, EROFS."""
        if old not in self.names:
            raise refused(errno.ENOENT)
        self.about_to("rename", old, age)
        self._name(_folder(new), {old: None, new: self.names[old]})

    def delete(self, name: str, age: int) -> None:
        """Raises ENOENT, EIO, EROFS."""
        if name not in self.names:
            raise refused(errno.ENOENT)
        self.about_to("delete", name, age)
        self._name(_folder(name), {name: None})

    def fence(self) -> None:
        """Their process was killed: everybody who has something open loses it. What was written
        stays.
        """
        self.age += 1

    def power_cut(self) -> None:
        """As `fence`, and only what is on the platter is there from now on."""
        self.fence()
        self._forget_unsynced()

    def abort(self) -> None:
        """The device was gone for a moment: every process lives on, and whatever it had open fails;
        of what was not synced it finds what a power cut leaves.
        """
        self.age += 1
        self._forget_unsynced()

    def _forget_unsynced(self) -> None:
        self.dies_in_sync = self._aborting = False
        left = self.chance.randint(0, len(self._unsynced_names))
        files = {id(file): file for file in self._durable_names.values()}
        for _, names in self._unsynced_names:
            files |= {id(file): file for file in names.values() if file is not None}
        for _, names in self._unsynced_names[:left]:
            _rename(self._durable_names, names)
        self._unsynced_names.clear()
        for file in files.values():
            file.arrive(self.chance)
            file.read_platter()
        self.names = dict(self._durable_names)
        self.syncs_to_fail = 0

    def _name(self, folder: str, names: dict[str, File | None]) -> None:
        _rename(self.names, names)
        self._unsynced_names.append((folder, names))


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _rename(names: dict[str, File], changes: dict[str, File | None]) -> None:
    for name, file in changes.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
