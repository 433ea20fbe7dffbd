"""What a journal needs of its disk and of SQLite; `edge.journal.folder` is the real one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol


class Cursor(Protocol):
    """The rows of one statement."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def close(self) -> object: ...


class Connection(Protocol):
    """What is used of a `sqlite3.Connection` that begins no transaction by itself."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> object: ...

    def executescript(self, sql: str, /) -> object: ...

    def close(self) -> None: ...


class Lock(Protocol):
    """The one ownership of a journal's folder. It ends with its process at the latest."""

    def release(self) -> None:
        """Let the folder go; may be repeated."""


class Disk(Protocol):
    """A journal's place. Every method may raise OSError, those with SQL also sqlite3.Error."""

    def make_folder(self, folder: Path, /) -> None:
        """The folder, durable, and for nobody but its owner."""

    def take_lock(self, folder: Path, /) -> Lock:
        """Own the folder. Raises JournalInUse."""

    def sync_folder_of(self, folder: Path, /) -> None:
        """Make names made, moved and removed in it durable."""

    def names_in(self, folder: Path, /) -> list[str]:
        """What is in the folder; nothing where it does not exist."""

    def draft(self, segment: Path, /) -> Connection:
        """An empty database beside the segment's name; an older draft of it goes."""

    def put_in_place(self, segment: Path, /) -> None:
        """Give the draft, which nobody has open, its name; durable on return. What bears the name
        already is closed, and goes: at no moment is there neither of the two.
        """

    def discard(self, database: Path, /) -> None:
        """Remove a database that nobody has open, if it is there, with its log. Not durable."""

    def look(self, segment: Path, /) -> None:
        """Refuse a file that is not a journal segment, before SQLite replays anything of it.

        Raises JournalForeign, JournalNewer, JournalMissing.
        """

    def connect(self, segment: Path, /) -> Connection:
        """The owning connection: exclusive, WAL, FULL; what its log shows is durable.

        Raises JournalInUse.
        """
