"""What the journal keeps, as values; and what an entry says of its own place."""

import hashlib
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from controller.events import EntryError
from controller.ledger import Personal
from edge.journal.errors import JournalDamaged


class Record(msgspec.Struct, frozen=True):
    """One event as it is stored: the bytes of `controller.events.encode`, and beside them the
    personal values to which they commit.
    """

    seq: int
    entry: bytes
    personal: tuple[Personal, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of all that is kept of it, but for hashes."""
        beside = sum(len(one.field) + len(one.value) + len(one.salt) for one in self.personal)
        return len(self.entry) + beside


class Stored(Record, frozen=True, kw_only=True):
    """A record with its hashes. `personal` lacks what was erased."""

    leaf: bytes
    chain: bytes


T_co = TypeVar("T_co", covariant=True)


class Following(NamedTuple, Generic[T_co]):
    """Records that follow one another, from where they are still kept; `before`: the chain in front
    of the first. Of one whose bytes were pruned the hashes are there, and `entry` is empty.
    """

    before: bytes
    records: Sequence[T_co]


class Snapshot(msgspec.Struct, frozen=True):
    """The state after entry `seq`, as bytes that only the core understands."""

    seq: int
    made_utc_us: int
    state: bytes


class Tip(NamedTuple):
    """The newest entry's number, and the chain's value there."""

    seq: int
    chain: bytes


class Prepared(NamedTuple):
    """Rows that continue the journal, not yet written."""

    entries: list[tuple[int, bytes, bytes, bytes]]
    personal: list[tuple[int, str, str, bytes]]
    tip: Tip


class Said(msgspec.Struct, frozen=True):
    """What an entry says of its own place. The rest of its header is the core's business, and
    checking that too would cost more than storing it.
    """

    site: str
    edge: str
    incarnation: str
    seq: int
    body: msgspec.Raw


_SAID = msgspec.json.Decoder(Said)


def said_by(entry: bytes) -> Said:
    """Raises EntryError on bytes that are no entry."""
    try:
        return _SAID.decode(entry)
    except msgspec.DecodeError as error:
        raise EntryError(f"not a journal entry: {error}") from error


def snapshot_digest(seq: int, chain: bytes, state: bytes) -> bytes:
    """Binds a state to the history after which it stood, not just to itself."""
    digest = hashlib.sha256(b"sentrypost snapshot 1\n" + seq.to_bytes(8, "big") + chain)
    digest.update(state)
    return digest.digest()


def refuse_rotten(seq: int, *columns: object) -> None:
    """Raises JournalDamaged where a column lost its type: SQLite checks `strict` on writing only,
    and a flipped bit makes numbers of bytes.
    """
    for column in columns:
        if not isinstance(column, bytes):
            raise JournalDamaged(seq, "its row cannot be read")


def personal_from(seq: int, field: object, value: object, salt: object) -> Personal:
    """A row's personal value. Raises JournalDamaged as `refuse_rotten`."""
    if isinstance(field, str) and isinstance(value, str) and isinstance(salt, bytes):
        return Personal(field, value, salt.hex())
    raise JournalDamaged(seq, "a personal value beside it cannot be read")
