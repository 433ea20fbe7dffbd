"""Copies of rows that were deleted, in pages that SQLite has divided.

A row that is deleted under `secure_delete` is overwritten where it stands. But where a page was
divided before, or two were joined, its rows were moved, and what they left is free space that
nobody overwrites: a piece of a long value lies there still when its row is gone. A page that is
given up as a whole is overwritten as a whole. So the rows of such a table are taken out and put
back in their order, a few hundred at a time, each time from some pages in front of where the last
time ended: no page stays in use that had something else in it before.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edge.journal.disk import Connection

Key = tuple[int | str, ...]
"""Of one row."""

STEP_ROWS = 500
"""Taken out and put back in one transaction: some milliseconds before the next append."""

BEFORE_ROWS = 200
"""From so many in front of the end of one step the next begins: more than a page of 4,096 bytes has
of the smallest rows there are, with a salt of 16 bytes, so that the last page is taken out too."""


class Rows(NamedTuple):
    """A table without row ids: the columns of its key, which are the first ones, and how many
    columns it has.
    """

    table: str
    key: tuple[str, ...]
    columns: int


def rewritten(connection: Connection, rows: Rows, begin: Key, end: Key | None = None) -> Key | None:
    """Write some rows anew, from `begin` on up to `end`, or to the last; in a transaction. Where to
    go on, None where all were; what is added behind that meanwhile is written anew as well.

    Raises sqlite3.Error.
    """
    key = f"({', '.join(rows.key)})"
    places = ", ".join("?" * len(rows.key))
    upto, bound = ("", ()) if end is None else (f" AND {key} <= ({places})", end)
    found: Sequence[tuple[int | str, ...]] = connection.execute(
        f"SELECT * FROM {rows.table} WHERE {key} >= ({places}){upto}"
        f" ORDER BY {', '.join(rows.key)} LIMIT ?",
        (*begin, *bound, STEP_ROWS),
    ).fetchall()
    if not found:
        return None
    size = len(rows.key)
    connection.execute(
        f"DELETE FROM {rows.table} WHERE {key} >= ({places}) AND {key} <= ({places})",
        (*found[0][:size], *found[-1][:size]),
    )
    values = ", ".join("?" * rows.columns)
    connection.executemany(f"INSERT INTO {rows.table} VALUES ({values})", found)
    return None if len(found) < STEP_ROWS else tuple(found[-BEFORE_ROWS][:size])
