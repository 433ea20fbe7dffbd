"""The archive: every entry of every edge, exactly once, byte for byte; what all its stores share.

`store` is one transaction that is durable when it returns, which is what an acknowledgement
promises. An entry is keyed by site, edge, incarnation and number. The first bytes that come under a
key stay; others under the same key are kept aside as evidence of a fork and never acknowledged. The
mark of a journal is the last number up to which nothing is missing, with the chain over the stored
bytes.

What an edge keeps no more, and the archive lacks because it was lost or put back from an old copy,
is a gap that is written down: a range of which nothing is known but the chain behind it, or single
entries of which the leaf hash is known. The mark goes on over both; nothing is ever stored in the
former, because nothing could prove it.

`central.archive_sqlite` keeps it in one file, `central.archive_postgres` in a PostgreSQL database;
`central.archive_sql` is what both do.
"""

from typing import NamedTuple

import msgspec

from controller import ledger
from controller.events import Entry, EntryError, decode_entry
from edge.wire import Batch

FORKS_KEPT_MAX = 100
"""Conflicting entries kept per journal: evidence, and no way to fill the disk."""


class ArchiveError(Exception):
    """The archive cannot be opened, read or written; the message says what to do."""


class BatchRefusedError(Exception):
    """The batch is not what its sender may send; nothing of it was stored."""


class DivergedError(BatchRefusedError):
    """What came does not fit what is known here of the same journal."""


class ForkError(DivergedError):
    """Other bytes are known under the number `seq`; those that came are kept as evidence."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"entry {seq} is stored already with other bytes")
        self.seq = seq


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its stored bytes and the personal values beside it."""

    entry: Entry
    data: bytes
    personal: tuple[ledger.Personal, ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `seq` is stored, and `chain` is the journal's chain there.

    `gap`: later entries are stored too.
    """

    seq: int
    chain: bytes
    gap: bool = False


class Pruned(NamedTuple):
    """An entry of which its edge keeps the leaf hash alone."""

    seq: int
    leaf: bytes


class Gone(msgspec.Struct, frozen=True):
    """So many entries from `first` to `last` are neither here nor at their edge any more."""

    first: int
    last: int
    count: int

    def __str__(self) -> str:
        whole = self.count == self.last - self.first + 1
        return f"{'' if whole else f'{self.count} of '}entries {self.first} to {self.last} are gone"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came in one batch, checked: entries and places of entries, together from `first` on
    without a gap. `before`: as `wire.Batch.before`.
    """

    first: int
    entries: tuple[Archived, ...]
    pruned: tuple[Pruned, ...] = ()
    before: bytes | None = None

    @property
    def last(self) -> int:
        return self.first + len(self.entries) + len(self.pruned) - 1

    def leaves(self) -> list[Pruned]:
        """The leaf hash of every one of them, in order."""
        known = [Pruned(one.entry.seq, ledger.leaf(one.data)) for one in self.entries]
        return sorted([*known, *self.pruned]) if self.pruned else known


class IncidentOpened(msgspec.Struct, frozen=True):
    """By an alarm among the entries."""

    number: int
    title: str
    drill: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What storing a batch did. `unproven` counts personal values that no commitment stands for:
    they were left out. `opened`: what incidents it began. `gone`: what is missing for good as of
    now.
    """

    mark: Mark
    new: tuple[Archived, ...]
    unproven: int = 0
    opened: tuple[IncidentOpened, ...] = ()
    gone: tuple[Gone, ...] = ()


def checked(site: str, edge: str, batch: Batch) -> Sent:
    """The batch's entries, each of whose headers says what topic and batch say.

    Raises BatchRefusedError.
    """
    entries: list[Archived] = []
    pruned: list[Pruned] = []
    for number, sent in enumerate(batch.entries, start=batch.first):
        if not sent.entry and sent.leaf is not msgspec.UNSET:
            pruned.append(Pruned(number, bytes.fromhex(sent.leaf)))
            continue
        try:
            data = sent.data
            entry = decode_entry(data)
        except (EntryError, UnicodeEncodeError) as error:
            raise BatchRefusedError(f"entry {number}: {error}") from error
        said = (entry.site, entry.edge, entry.incarnation, entry.seq)
        if said != (site, edge, batch.incarnation, number):
            raise BatchRefusedError(
                f"entry {number} of {site}/{edge} says it is {entry.seq} of "
                f"{entry.site}/{entry.edge}, journal {entry.incarnation}"
            )
        entries.append(Archived(entry=entry, data=data, personal=sent.personal))
    before = None if batch.before is msgspec.UNSET else bytes.fromhex(batch.before)
    return Sent(first=batch.first, entries=tuple(entries), pruned=tuple(pruned), before=before)


def proven(archived: Archived) -> Archived:
    """Without the personal values that the entry does not commit to: anybody could add those. One
    with a zero in it is nobody's name, and there are stores that cannot hold it.
    """
    if not archived.personal:
        return archived
    kept = {
        personal.field: personal
        for personal in archived.personal
        if f'"{personal.field}":"{ledger.commitment(personal)}"'.encode() in archived.data
        and "\x00" not in personal.value
    }
    return msgspec.structs.replace(archived, personal=tuple(kept.values()))
