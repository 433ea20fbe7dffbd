"""What the uplink needs of a journal, and the batches that are made of it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from controller import ledger
from edge import wire
from edge.journal.record import Following


class Committed(Protocol):
    """An entry that is on disk."""

    @property
    def entry(self) -> bytes: ...


class Record(Committed, Protocol):
    """An entry as the journal hands it out, `entry` empty where its bytes are kept no more. `chain`
    is the journal's chain after it.
    """

    @property
    def seq(self) -> int: ...
    @property
    def personal(self) -> tuple[ledger.Personal, ...]: ...
    @property
    def leaf(self) -> bytes: ...
    @property
    def chain(self) -> bytes: ...


class Outbox(Protocol):
    """What the uplink needs of the journal (`edge.journal.writer.JournalWriter`).

    Either method raises a JournalError when the journal does not give or take it now.
    """

    @property
    def incarnation(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def acked(self) -> int: ...

    async def following(
        self, from_seq: int, limit_entries: int, limit_bytes: int
    ) -> Following[Record]:
        """Entries from `from_seq` on, in order, at least one if there is one; from further on
        where the journal begins there by now.
        """
        ...

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        """Everything up to `seq` is in the archive. Never goes back."""
        ...


def composed(
    incarnation: str, following: Following[Record], expected: int
) -> tuple[Sequence[Record], bytes]:
    """The longest batch of the first of these records that a receiver accepts, and its bytes.
    `expected`: the number that would come next; where the journal begins behind it, the batch says
    so.
    """
    records = following.records
    begins = records[0].seq > expected
    while True:
        batch = wire.Batch(
            incarnation=incarnation,
            first=records[0].seq,
            entries=tuple(_sent(record) for record in records),
            before=following.before.hex() if begins else msgspec.UNSET,
        )
        try:
            return records, wire.encode_batch(batch)
        except wire.TooLargeError:
            # Only personal values can do this, and never those of one entry.
            records = records[: len(records) // 2]


def _sent(record: Record) -> wire.SentEntry:
    if not record.entry:
        return wire.SentEntry(entry="", leaf=record.leaf.hex())
    return wire.SentEntry(entry=record.entry.decode(), personal=record.personal)


def chain_after(following: Following[Record], seq: int) -> bytes | None:
    """The journal's chain after entry `seq`, from which `following` was asked for; None where the
    journal begins further on by now.
    """
    first = following.records[0]
    if first.seq == seq:
        return first.chain
    return following.before if first.seq == seq + 1 else None
