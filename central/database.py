"""What the archive needs of a database, and the SQL that each says in its own way.

Statements are written once, with `?` for a value, in what SQLite and PostgreSQL both understand.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol

from edge.journal.disk import Cursor


class Table(NamedTuple):
    """A table that rows are added to in bulk, in the order of its `columns`."""

    name: str
    columns: tuple[str, ...]


ENTRY = Table("entry", ("journal", "seq", "kind", "utc_us", "data"))
PERSONAL = Table(
    "personal", ("journal", "seq", "field", "value", "salt", "utc_us", "holder", "bucket")
)
MENTION = Table("mention", ("what", "value", "utc_us", "journal", "seq"))


class Left(Enum):
    """What a step that makes files forget has left to do."""

    NOTHING = auto()
    MORE = auto()
    LATER = auto()  # somebody reads, or locks: not now


class Database(Protocol):
    """One connection, used by one thread at a time; all methods block.

    Every method may raise one of `failures`; what was begun is then undone, and the next call
    begins anew.
    """

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What its driver raises where it cannot be read or written."""
        ...

    @property
    def remedy(self) -> str:
        """What somebody can do about those."""
        ...

    @property
    def by_number(self) -> str:
        """What to read FROM where an entry is looked for by `journal` and `seq`."""
        ...

    @property
    def for_update(self) -> str:
        """Ends a SELECT whose rows nobody else may change until the transaction ends."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> object: ...

    def add(self, table: Table, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows that are not there yet; in a transaction."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Durable where the block ends, undone where it raises."""
        ...

    def holds(self, column: str, /) -> str:
        """The condition that a column of bytes has the bytes of one `?` in it."""
        ...

    def make_room(self, times_us: Iterable[int], /) -> None:
        """Before a transaction in which entries of these times are added."""
        ...

    def lock_site(self, site: str, /, *, alone: bool) -> None:
        """Until the transaction ends: nobody erases at this site meanwhile; or, `alone`, nobody
        stores either. The first lock that a transaction takes."""
        ...

    def lock_incidents(self, site: str, /) -> None:
        """Until the transaction ends nobody else opens incidents at this site."""
        ...

    def forget(self, where: str, parameters: Sequence[Sequence[Any]], /) -> None:
        """Delete personal values for which the condition holds; in a transaction."""
        ...

    def take_out(self, journal: int, places: Sequence[tuple[int, int]], /) -> None:
        """Delete entries by number and time, beside which there is no value; in a transaction."""
        ...

    def leave_no_byte(self, why: str, /) -> Left:
        """One step of making the files forget the values that were deleted up to now. It is called
        with the same word until there is nothing left, and begins anew with another word."""
        ...

    def within(self, seconds: float, /) -> AbstractContextManager[object]:
        """A statement in the block that takes longer fails."""
        ...

    def close(self) -> None: ...
