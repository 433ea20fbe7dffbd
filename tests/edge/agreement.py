"""What must hold between a journal, the archive that got it, and whoever watched meanwhile.

Both files are read with SQLite alone and after their owners have ended: neither's own reader has
a say in whether they agree.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from controller import ledger
from edge.journal import verify_folder

Row = tuple[Any, ...]

IN_BOTH = {
    "entry": (
        "SELECT seq, entry FROM entry ORDER BY seq",
        "SELECT seq, data FROM entry ORDER BY journal, seq",
    ),
    "personal value": (
        "SELECT seq, field, value, lower(hex(salt)) FROM personal ORDER BY seq, field",
        "SELECT seq, field, value, salt FROM personal ORDER BY journal, seq, field",
    ),
    "head": (
        "SELECT seq, chain FROM entry ORDER BY seq DESC LIMIT 1",
        "SELECT mark, chain FROM journal",
    ),
    "incarnation": (
        "SELECT value FROM meta WHERE key = 'incarnation'",
        "SELECT incarnation FROM journal",
    ),
}
"""Name: how the journal says it, and how the archive does."""


SEGMENTS = "segment-*.db"
ONE = {"head", "incarnation"}


def rows(file: Path, query: str) -> list[Row]:
    """Of a database that nobody has open."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def differences(journal: Path, archive: Path) -> list[str]:
    """Where the archive is not the journal: all entries, once, in order, the same bytes.

    `journal` is a folder, `archive` a file; of each kind of difference the first one is told.
    """
    found = []
    for name, (ours, theirs) in IN_BOTH.items():
        pairs = zip_longest(_kept(journal, name, ours), rows(archive, theirs))
        differing = [(mine, its) for mine, its in pairs if mine != its]
        if differing:
            mine, its = differing[0]
            found.append(f"{len(differing)} x {name}: journal {mine}, archive {its}")
    seqs = [seq for (seq,) in rows(archive, "SELECT seq FROM entry ORDER BY seq")]
    if seqs != list(range(1, len(seqs) + 1)):
        found.append("the archive's numbers are not 1, 2, 3 …")
    forks = rows(archive, "SELECT seq FROM fork")
    return [*found, *(f"entry {seq} forked" for (seq,) in forks)]


def _kept(journal: Path, name: str, query: str) -> list[Row]:
    """Of all segments of a journal's folder; what there is one of is the newest one's."""
    found = [row for segment in sorted(journal.glob(SEGMENTS)) for row in rows(segment, query)]
    return found[-1:] if name in ONE else found


def chains(journal: Path) -> dict[int, str]:
    """The chain's value after each entry of a journal's folder, in hex."""
    found = _kept(journal, "chain", "SELECT seq, chain FROM entry")
    return {seq: chain.hex() for seq, chain in found}


def forgotten(archive: Path, told: Mapping[int, str]) -> list[str]:
    """Which entries somebody was told of, by number and chain, that the archive has otherwise."""
    ((*name,),) = rows(archive, "SELECT site, edge, incarnation FROM journal")
    chain = ledger.origin(*name)
    kept = {0: chain.hex()}
    for seq, data in rows(archive, "SELECT seq, data FROM entry ORDER BY seq"):
        chain = ledger.link(chain, ledger.leaf(data))
        kept[seq] = chain.hex()
    return [f"entry {seq} is not what was told" for seq in told if kept.get(seq) != told[seq]]


def unsound(journal: Path) -> list[str]:
    """What a verification of a journal's folder finds."""
    return [f"{journal.name}: {finding}" for finding in verify_folder(journal).findings]
