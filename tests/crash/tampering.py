"""What somebody with every right on the edge's machine does to its journal, by hand and by program.

Each takes the state folder of an edge that has ended. The first three change rows and nothing else,
the later ones leave everything in the folder in agreement with itself.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from controller.checkpoint import Checkpoint, log_name
from controller.events import EdgeStopping, Event, Header, encode, kind_of
from controller.ledger import leaf, link
from controller.merkle import Frontier
from edge.journal import JournalWriter, Record
from edge.journal.folder import SEGMENT
from edge.journal_keys import journal_key
from edge.notes import signed

SITE, EDGE = "house", "gate"
JOURNAL = "journal"
UTC_US = 1_700_000_000_000_000


def _by_hand(state: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(state / JOURNAL / SEGMENT)) as connection, connection:
        change(connection)


def edit(state: Path) -> None:
    """Another reason in an entry, and leaf and chain made to fit from there on."""

    def change(connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT seq, entry, chain FROM entry ORDER BY seq").fetchall()
        chain = rows[4][2]
        for seq, entry, _ in rows[5:]:
            data = entry.replace(b'"drill":false', b'"drill":true') if seq == rows[5][0] else entry
            chain = link(chain, leaf(data))
            values = (data, leaf(data), chain, seq)
            connection.execute("UPDATE entry SET entry=?, leaf=?, chain=? WHERE seq=?", values)

    _by_hand(state, change)


def delete(state: Path) -> None:
    """One entry out of the middle."""
    _by_hand(state, lambda connection: connection.execute("DELETE FROM entry WHERE seq = 6"))


def reorder(state: Path) -> None:
    """Two entries change places, numbers, leaves and all."""

    def change(connection: sqlite3.Connection) -> None:
        for old, new in ((6, 10**6), (7, 6), (10**6, 7)):
            connection.execute("UPDATE entry SET seq = ? WHERE seq = ?", (new, old))

    _by_hand(state, change)


def cut(state: Path) -> None:
    """The newest third of the entries, with everything that was said of them."""

    def change(connection: sqlite3.Connection) -> None:
        (last,) = connection.execute("SELECT max(seq) FROM entry").fetchone()
        keep = last * 2 // 3
        for table, column in (
            ("entry", "seq"),
            ("personal", "seq"),
            ("snapshot", "seq"),
            ("checkpoint", "size"),
        ):
            connection.execute(f"DELETE FROM {table} WHERE {column} > ?", (keep,))
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'acked'")

    _by_hand(state, change)


def swap(state: Path) -> None:
    """A journal that is whole, of this very edge and under its key, but another one."""
    shutil.rmtree(state / JOURNAL)
    asyncio.run(_written(state, os.urandom, "nothing of note"))


def rewrite(state: Path) -> None:
    """With the stolen key: the same incarnation, as long as before, and another history."""
    with closing(sqlite3.connect(state / JOURNAL / SEGMENT)) as connection:
        query = "SELECT value FROM meta WHERE key = 'incarnation'"
        (incarnation,) = connection.execute(query).fetchone()
    shutil.rmtree(state / JOURNAL)
    asyncio.run(_written(state, lambda _: bytes.fromhex(incarnation), "nothing of note"))


async def _written(state: Path, entropy: Callable[[int], bytes], reason: str) -> None:
    """A journal of a hundred entries, signed under the key that lies there."""
    writer = await JournalWriter.open(
        state / JOURNAL, site=SITE, edge=EDGE, entropy=entropy, utc_us=UTC_US
    )
    name, key = log_name(SITE, EDGE, writer.incarnation), journal_key(state).key

    def sign(tree: Frontier) -> str:
        return signed(Checkpoint(name, tree.size, tree.root).text, name, key)

    try:
        await writer.append([_invented(writer.incarnation, seq, reason) for seq in range(1, 101)])
        await writer.checkpoint(sign, UTC_US)
    finally:
        await writer.close()


def _invented(incarnation: str, seq: int, reason: str) -> Record:
    header = Header(
        site=SITE,
        edge=EDGE,
        incarnation=incarnation,
        seq=seq,
        kind=kind_of(EdgeStopping),
        utc_us=UTC_US + seq,
        mono_us=seq,
        clock_trusted=True,
        cause="invented",
        policy="p1",
    )
    return Record(seq, encode(Event(header=header, body=EdgeStopping(reason=reason))), ())
