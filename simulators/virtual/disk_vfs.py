"""SQLite's way to the files of a simulated disk: what `os_unix.c` is to a real one.

Only what the project's databases need: no shared memory, so a database in WAL mode has to be
opened with `locking_mode = EXCLUSIVE`.
"""

import errno
from pathlib import PurePosixPath

import apsw

from simulators.virtual.disk_files import File, FileSystem

NOW_JULIAN_MS = 210_866_760_000_000
"""1970: nothing that is stored may depend on SQLite's own clock."""

JOURNALS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL

UNUSED = {
    "xCurrentTime",
    "xDlClose",
    "xDlError",
    "xDlOpen",
    "xDlSym",
    "xGetLastError",
    "xGetSystemCall",
    "xNextSystemCall",
    "xSetSystemCall",
}
"""What SQLite does without; a method that is only missing counts as one that failed."""

CODES = {
    "write": apsw.SQLITE_IOERR_WRITE,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "sync folder": apsw.SQLITE_IOERR_DIR_FSYNC,
    "read": apsw.SQLITE_IOERR_READ,
    "lock": apsw.SQLITE_IOERR_LOCK,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


def _error(kind: type[apsw.Error], code: int, said: str) -> apsw.Error:
    error = kind(said)
    error.extendedresult = code  # type: ignore[attr-defined]  # which the stubs do not know
    return error


def _failed(operation: str, error: OSError) -> apsw.Error:
    """What SQLite's own layer would make of the kernel's answer."""
    if error.errno == errno.ENOSPC:
        return _error(apsw.FullError, apsw.SQLITE_FULL, "database or disk is full")
    return _error(apsw.IOError, CODES[operation], "disk I/O error")


class OpenFile:
    """One file that SQLite has open."""

    def __init__(self, system: FileSystem, file: File, name: str, *, new_journal: bool) -> None:
        self._system = system
        self._file = file
        self._name = name
        self._age = system.age
        # A new journal that has no name after a power cut is as good as not written.
        self._name_unsynced = new_journal

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        try:
            return self._system.read(self._file, self._name, amount, offset, self._age)
        except OSError as error:
            raise _failed("read", error) from error

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        try:
            self._system.write(self._file, self._name, data, offset, self._age)
        except OSError as error:
            raise _failed("write", error) from error

    def xTruncate(self, size: int) -> None:  # noqa: N802
        try:
            self._system.truncate(self._file, self._name, size, self._age)
        except OSError as error:
            raise _failed("truncate", error) from error

    def xSync(self, _flags: int) -> None:  # noqa: N802
        try:
            self._system.sync(self._file, self._name, self._age)
        except OSError as error:
            raise _failed("sync", error) from error
        if self._name_unsynced:
            try:
                self._system.sync_folder(str(PurePosixPath(self._name).parent), self._age)
            except OSError as error:
                raise _failed("sync folder", error) from error
            self._name_unsynced = False

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._file.content)

    def xLock(self, level: int) -> None:  # noqa: N802
        """As POSIX locks do it: many share, one reserves, and who wants all waits for none."""
        if self._age != self._system.age:
            raise _error(apsw.IOError, CODES["lock"], "disk I/O error")
        locks = self._file.locks
        others = max((held for who, held in locks.items() if who is not self), default=0)
        if level == apsw.SQLITE_LOCK_SHARED:
            free = others < apsw.SQLITE_LOCK_PENDING
        elif level == apsw.SQLITE_LOCK_RESERVED:
            free = others < apsw.SQLITE_LOCK_RESERVED
        else:
            free = others == apsw.SQLITE_LOCK_NONE
            if others == apsw.SQLITE_LOCK_SHARED:
                locks[self] = apsw.SQLITE_LOCK_PENDING
        if not free:
            raise _error(apsw.BusyError, apsw.SQLITE_BUSY, "database is locked")
        locks[self] = max(level, locks.get(self, 0))

    def xUnlock(self, level: int) -> None:  # noqa: N802
        if level:
            self._file.locks[self] = level
        else:
            self._file.locks.pop(self, None)

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return any(held >= apsw.SQLITE_LOCK_RESERVED for held in self._file.locks.values())

    def xFileControl(self, operation: int, _pointer: int) -> bool:  # noqa: N802
        if operation == apsw.SQLITE_FCNTL_COMMIT_PHASETWO:
            self._file.commits += 1
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        self._file.locks.pop(self, None)


class Vfs(apsw.VFS):
    """A file system as one connection sees it, under a name of its own until `unregister`."""

    def __init__(self, system: FileSystem) -> None:
        self._system = system
        self._age = system.age
        self.name = f"disk-{id(self):x}"
        super().__init__(self.name, exclude=UNUSED)

    # apsw takes any object with a file's methods; the stubs want one that inherits another's.
    def xOpen(  # type: ignore[override]  # noqa: N802
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> OpenFile:
        if name is None:
            return OpenFile(self._system, File(), "", new_journal=False)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        file = self._system.names.get(path)
        new = file is None
        if file is None:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise _cannot_open()
            try:
                file = self._system.create(path, self._age)
            except OSError as error:
                raise _cannot_open() from error
        flags[1] = flags[0]
        if self._system.read_only:
            flags[1] = flags[0] & ~apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_READONLY
        journal = bool(flags[0] & JOURNALS)
        return OpenFile(self._system, file, path, new_journal=new and journal)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        try:
            self._system.delete(name, self._age)
        except OSError as error:
            if error.errno == errno.ENOENT:
                code = apsw.SQLITE_IOERR_DELETE_NOENT
                raise _error(apsw.IOError, code, "disk I/O error") from error
            raise _failed("delete", error) from error
        if sync_folder:
            try:
                self._system.sync_folder(str(PurePosixPath(name).parent), self._age)
            except OSError as error:
                raise _failed("sync folder", error) from error

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        if flags == apsw.SQLITE_ACCESS_READWRITE and self._system.read_only:
            return False
        # An empty file counts as none: SQLite's own layer says so of journals left empty.
        return name in self._system.names and bool(self._system.names[name].content)

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xRandomness(self, count: int) -> bytes:  # noqa: N802
        return self._system.chance.randbytes(count)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        return microseconds

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        return NOW_JULIAN_MS


def _cannot_open() -> apsw.Error:
    return _error(apsw.CantOpenError, apsw.SQLITE_CANTOPEN, "unable to open database file")


class Draws(apsw.VFS):
    """Where SQLite draws its one seed from while this is the default."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        super().__init__(f"draws-{id(self):x}", base="", makedefault=True)

    def xRandomness(self, count: int) -> bytes:  # noqa: N802
        return self._seed[:count]


def seed_sqlite(seed: bytes) -> None:
    """Begin SQLite's random numbers anew: they are the process's, and salts in a log come of
    them. `seed` has at least 44 bytes.
    """
    draws = Draws(seed)
    try:
        apsw.randomness(0)
        apsw.randomness(1)
    finally:
        draws.unregister()
