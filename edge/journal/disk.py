"""What a journal needs of its disk and of SQLite; `edge.journal.folder` is the real one."""

from collections.abc import Callable, Iterator, Sequence
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

    def has_segment(self, segment: Path, /) -> bool:
        """Something carries the segment's name."""

    def create_segment(
        self,
        folder: Path,
        /,
        *,
        site: str,
        edge: str,
        entropy: Callable[[int], bytes],
        utc_us: int,
    ) -> None:
        """Make the first segment: what carries the name is whole, and durable on return.

        Raises JournalMissing where the folder holds other things: a journal was there.
        """

    def look(self, segment: Path, /) -> None:
        """Refuse a file that is not a journal segment, before SQLite replays anything of it.

        Raises JournalForeign, JournalNewer, JournalMissing.
        """

    def connect(self, segment: Path, /) -> Connection:
        """The owning connection: exclusive, WAL, FULL; what its log shows is durable.

        Raises JournalInUse.
        """
