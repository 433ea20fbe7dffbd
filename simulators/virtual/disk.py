"""A disk in memory that fails on purpose, for the databases of a run in virtual time.

Writes are visible at once and durable after a sync. The faults, all drawn from the disk's seed:

- `power_cut`: of what was not synced some sectors arrive, others do not; every connection is dead.
- `fence`: the process was killed; its connections are dead, what it wrote stays.
- `syncs_to_fail`: the next syncs report EIO, and what arrived of their writes is unknown.
- `dies_in_sync`: the next sync reports success and loses it; `abort`: what is open fails.
- `limit_bytes`, `read_only`: no room; no writing.
- `slow`: for whoever gives the latency of the journal's hand.

To aim one at an operation in flight, set `before`.
"""

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

from edge.journal import folder as files
from edge.journal.errors import JournalInUse
from simulators.virtual.disk_connection import DiskConnection, Row
from simulators.virtual.disk_files import FileSystem, refused
from simulators.virtual.disk_vfs import seed_sqlite

SEED_BYTES = 64


class FolderLock:
    """The one ownership of a journal's folder on this disk."""

    def __init__(self, owners: dict[Path, "FolderLock"], folder: Path) -> None:
        self._owners = owners
        self._folder = folder

    def release(self) -> None:
        if self._owners.get(self._folder) is self:
            del self._owners[self._folder]


class Disk(FileSystem):
    """What a journal (`edge.journal.disk.Disk`) and an archive need of a disk; close it at last."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.slow = False
        """Syncs take long."""

        self.committed: Callable[[Path, list[Row]], None] | None = None
        """Told a database's path and the rows, with all their columns, that a commit put into its
        table `entry`: after the commit has returned, and only if it was synced.
        """

        self._connections: list[DiskConnection] = []
        self._latest: dict[Path, DiskConnection] = {}
        self._owners: dict[Path, FolderLock] = {}

    def database(self, path: Path, *, create: bool = True) -> DiskConnection:
        """A connection to a database, made when it does not exist. Raises sqlite3.Error."""
        self._bury()
        seed_sqlite(self.chance.randbytes(SEED_BYTES))

        def committed(rows: list[Row]) -> None:
            if self.committed is not None:
                self.committed(path, rows)

        connection = DiskConnection(self, str(path), committed, create=create)
        self._connections.append(connection)
        self._latest[path] = connection
        return connection

    def connect_archive(self, path: Path) -> DiskConnection:
        """What `SqliteArchive` calls `connect`; its folder has to be there."""
        self._write_log_again(path)
        connection = self.database(path)
        # There is no shared memory here for anybody else to read it meanwhile.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return connection

    def reader(self, path: Path) -> DiskConnection:
        """The connection that now owns a database, for whoever looks over its shoulder."""
        return self._latest[path]

    def fence(self) -> None:
        super().fence()
        self._owners.clear()

    def close(self) -> None:
        """Close every connection, as the end of its process would: nothing more is written."""
        self.fence()
        self._bury()

    def _bury(self) -> None:
        for connection in self._connections:
            if not connection.is_alive():
                connection.close()
        self._connections = [one for one in self._connections if one.is_alive()]

    # --- what a journal asks of it ----------------------------------------------------------

    def make_folder(self, folder: Path) -> None:
        if self.read_only and str(folder) not in self.folders:
            raise refused(errno.EROFS)
        self.folders.add(str(folder))

    def take_lock(self, folder: Path) -> FolderLock:
        if str(folder) not in self.folders:
            raise refused(errno.ENOENT)
        if self.read_only:
            raise refused(errno.EROFS)
        if folder in self._owners:
            raise JournalInUse(folder, None)
        self._owners[folder] = FolderLock(self._owners, folder)
        return self._owners[folder]

    def sync_folder_of(self, folder: Path) -> None:
        self.sync_folder(str(folder), self.age)

    def names_in(self, folder: Path) -> list[str]:
        paths = [Path(name) for name in self.names]
        return sorted(path.name for path in paths if path.parent == folder)

    def draft(self, segment: Path) -> DiskConnection:
        path = Path(f"{segment}{files.DRAFT}")
        self.discard(path)
        return self.database(path)

    def put_in_place(self, segment: Path) -> None:
        age, log = self.age, f"{segment}-wal"
        if log in self.names:
            self.delete(log, age)
        self.sync_folder(str(segment.parent), age)
        self.rename(f"{segment}{files.DRAFT}", str(segment), age)
        self.sync_folder(str(segment.parent), age)

    def discard(self, database: Path) -> None:
        for name in (str(database), f"{database}-journal", f"{database}-wal"):
            if name in self.names:
                self.delete(name, self.age)

    def look(self, segment: Path) -> None:
        file = self.names.get(str(segment))
        if file is None:
            raise files.missing(segment)
        files.refuse_header(segment, bytes(file.content[: files.HEADER_BYTES]))

    def connect(self, segment: Path) -> DiskConnection:
        self._write_log_again(segment)
        connection = self.database(segment, create=False)
        files.own(connection, segment)
        return connection

    def _write_log_again(self, database: Path) -> None:
        """As `edge.journal.folder.write_log_again`."""
        name = f"{database}-wal"
        if (log := self.names.get(name)) is not None:
            self.write(log, name, bytes(log.content), 0, self.age)
            self.sync(log, name, self.age)
            self.sync_folder(str(database.parent), self.age)
