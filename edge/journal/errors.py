"""What can go wrong with a journal; every message ends with what to do about it."""

# ruff: noqa: N818 - the names say what happened to the journal.

import errno
import sqlite3
from pathlib import Path


class JournalError(Exception):
    """The base of all of them."""


class JournalInUse(JournalError):
    """Somebody else has the journal open. `pid` is None where it could not be learned."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.pid = pid
        who = "another program" if pid is None else f"another daemon (pid {pid})"
        super().__init__(
            f"{who} uses this journal; stop it or give this one its own state folder ({folder})"
        )


class JournalForeign(JournalError):
    """The file is not this edge's journal: another format, application, site or edge."""


class JournalNewer(JournalError):
    """A newer version of Sentrypost wrote the file."""


class JournalShrank(JournalError):
    """The journal ends before entries that are known to have been stored in it."""


class JournalForked(JournalError):
    """The journal holds other bytes under a number than this process gave to it."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        super().__init__(
            f"entry {seq} on disk is not the entry that was appended: another process wrote here, "
            "or an old copy was put back; keep the folder as evidence and start with an empty one"
        )


class JournalDamaged(JournalError):
    """A stored row does not agree with itself or its neighbours. `seq` names the row."""

    def __init__(self, seq: int, what: str) -> None:
        self.seq = seq
        self.what = what
        super().__init__(
            f"entry {seq}: {what}; keep a copy of the folder as evidence and verify the journal"
        )


class JournalPruned(JournalError):
    """Entry `seq` is not kept any more; nothing up to `upto` is."""

    def __init__(self, seq: int, upto: int, remedy: str = "ask the archive for it") -> None:
        self.seq = seq
        self.upto = upto
        super().__init__(
            f"entry {seq} is not kept here any more: entries up to {upto} were pruned; {remedy}"
        )


class JournalClosed(JournalError):
    """The journal was closed by its own process."""


class RecordRefused(JournalError):
    """The record does not continue this journal. Nothing of its append was stored."""


class AckRefused(JournalError):
    """The acknowledgement cannot be true. Nothing was changed."""


class JournalFailed(JournalError):
    """The disk or SQLite failed. Whether the last append is stored is *unknown*.

    The connection is gone. Reopen, reconcile, and append what is missing, under the same numbers.
    """


class JournalMissing(JournalFailed):
    """There is no journal where one must be: the storage is gone, or not mounted."""


class JournalFull(JournalFailed):
    """No space is left."""


class JournalReadOnly(JournalFailed):
    """The folder or its file system cannot be written."""


class JournalStalled(JournalFailed):
    """Too much waits for the disk. Nothing of this append was taken; it is safe to keep it."""


_FULL = {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "ENOSPC", "EDQUOT"}


UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's binding raises over a database it cannot use: the second where a damaged schema
is not even text.
"""


def failed(error: sqlite3.Error | OSError | UnicodeDecodeError, folder: Path) -> JournalFailed:
    """The typed failure for what SQLite or the system said about `folder`."""
    name = getattr(error, "sqlite_errorname", None) or errno.errorcode.get(
        getattr(error, "errno", None) or 0, ""
    )
    said = f"{folder}: {name} {error}".replace("  ", " ")
    if name in _FULL:
        return JournalFull(f"{said}: no space is left; free some on this file system")
    if name.startswith("SQLITE_READONLY") or name in {"EROFS", "EACCES", "EPERM"}:
        return JournalReadOnly(
            f"{said}: cannot be written; make the folder writable for the daemon's user, "
            "and see in the kernel's log whether the file system was remounted read-only"
        )
    return JournalFailed(
        f"{said}: the storage failed, and an append under way may or may not be stored; reopen "
        "and reconcile, and if it fails again see the kernel's log and replace the storage"
    )
