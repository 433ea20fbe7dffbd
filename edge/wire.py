"""The messages between an edge and the archive.

**A batch carries each entry as a JSON string that holds the entry's stored bytes**, which are
UTF-8. A string survives whatever decodes and encodes the message again, byte for byte; an entry
embedded as an object would come back with other spaces, key order or number format, and its hash
would no longer fit. Base64 would do as well, a third larger and unreadable.

A batch is JSON, or zlib of that JSON; its first byte tells which: `{` or `x` (0x78: RFC 1950,
deflate with a window of 32 KiB). Every other message is plain JSON.

Readers tolerate unknown fields. What does not fit raises WireError.
"""

import zlib
from typing import Annotated, TypeVar

import msgspec

from controller.events import ENTRY_BYTES_MAX, Seq, Text
from controller.ledger import Personal
from controller.moment import Micros
from edge.notes import NOTE_BYTES_MAX

BATCH_ENTRIES_MAX = 100
BATCH_ENTRY_BYTES = 64 * 1024
"""Entries are added to a batch until they hold this much; one entry alone may exceed it."""

BATCH_BYTES_MAX = 1024 * 1024
"""A batch after decompression. Twice `BATCH_ENTRY_BYTES` for escapes, plus personal values; the
limit is what a few compressed bytes can make a receiver allocate."""

PROOF_MAX = 64
"""Hashes of one proof: a tree of 2**53 leaves has paths of 53."""

PERSONAL_MAX = 16
"""Personal values of one entry."""

_ZLIB_FIRST = b"x"
_COMPRESS_ABOVE_BYTES = 1024
"""Below it compressing costs more than it saves, and a reader can follow the message by eye."""

Incarnation = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
NoteText = Annotated[str, msgspec.Meta(max_length=NOTE_BYTES_MAX)]
Mark = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


T = TypeVar("T")


class WireError(ValueError):
    """The bytes are not the message they should be."""


class TooLargeError(ValueError):
    """The batch would unpack to more than a receiver accepts: send fewer entries in it."""


class SentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One journal entry with the personal values that its commitments stand for."""

    entry: Annotated[str, msgspec.Meta(max_length=ENTRY_BYTES_MAX)]
    personal: Annotated[tuple[Personal, ...], msgspec.Meta(max_length=PERSONAL_MAX)] = ()

    @property
    def data(self) -> bytes:
        """The entry's bytes as the journal stores them."""
        return self.entry.encode()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive entries of one journal; the first has the number `first` (`from` on the wire)."""

    v: int = 1
    incarnation: Incarnation
    first: Seq = msgspec.field(name="from")
    entries: Annotated[
        tuple[SentEntry, ...], msgspec.Meta(min_length=1, max_length=BATCH_ENTRIES_MAX)
    ]


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """The archive's word: every entry up to `stored_up_to` is committed.

    `chain` is the journal's chain there as the archive computed it from the stored bytes: an edge
    believes an acknowledgement only if it says what its own journal says. `gap`: entries beyond
    the mark have come, the one after the mark has not. `archive` tells archives apart.
    """

    v: int = 1
    incarnation: Incarnation
    stored_up_to: Mark
    chain: Hash
    gap: bool = False
    archive: Text = ""


class CheckpointSent(msgspec.Struct, frozen=True, kw_only=True):
    """An edge's word on the size of its journal, for a witness.

    `note`: the signed checkpoint; `key`: the journal's public key. `proof`: that the journal begins
    with the `old` entries which the witness has cosigned, as far as the edge knows.
    """

    v: int = 1
    note: NoteText
    key: Annotated[str, msgspec.Meta(max_length=512)]
    old: Mark
    proof: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=PROOF_MAX)] = ()


class CheckpointSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A witness's answer: the largest checkpoint of this journal that it has ever cosigned.

    `problem`: why it is not the one that was sent; empty where it is.
    """

    v: int = 1
    note: NoteText
    problem: Text = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Birth (`alive`) and death of one connection of an edge; the death is also the last will.

    A death ends exactly the connection that it names. Connections of one incarnation are ordered
    by (`boot`, `number`): `boot` is the journal's last number when the daemon began, which every
    start makes larger; `number` counts its connections.
    """

    v: int = 1
    alive: bool
    incarnation: Incarnation
    boot: Mark
    number: Mark
    version: Text
    last_seq: Mark = 0
    acked: Mark = 0
    people: Mark = 0
    people_made_us: Micros | None = None

    @property
    def connection(self) -> tuple[str, int, int]:
        return (self.incarnation, self.boot, self.number)

    def replaces(self, known: "Status | None") -> bool:
        """Whether this status is news to somebody who knows `known`.

        A birth is, unless it is older than the known connection of the same incarnation; a death
        is only if it names the known connection, or if none is known.
        """
        if known is None or self.connection == known.connection:
            return True
        if not self.alive:
            return False
        return self.incarnation != known.incarnation or self.connection > known.connection


_ENCODER = msgspec.json.Encoder(order="deterministic")
_BATCH = msgspec.json.Decoder(Batch)
_ACK = msgspec.json.Decoder(Ack)
_CHECKPOINT = msgspec.json.Decoder(CheckpointSent)
_CHECKPOINT_SEEN = msgspec.json.Decoder(CheckpointSeen)
_STATUS = msgspec.json.Decoder(Status)


def encode_batch(batch: Batch) -> bytes:
    """Raises TooLargeError."""
    plain = _ENCODER.encode(batch)
    if len(plain) > BATCH_BYTES_MAX:
        raise TooLargeError
    return plain if len(plain) < _COMPRESS_ABOVE_BYTES else zlib.compress(plain)


def decode_batch(payload: bytes) -> Batch:
    """Raises WireError; never allocates more than BATCH_BYTES_MAX for what a batch unpacks to."""
    return _decoded(_BATCH, _inflated(payload) if payload[:1] == _ZLIB_FIRST else payload, "batch")


def encode_ack(ack: Ack) -> bytes:
    return _ENCODER.encode(ack)


def decode_ack(payload: bytes) -> Ack:
    """Raises WireError."""
    return _decoded(_ACK, payload, "acknowledgement")


def encode_checkpoint(message: CheckpointSent | CheckpointSeen) -> bytes:
    return _ENCODER.encode(message)


def decode_checkpoint(payload: bytes) -> CheckpointSent:
    """Raises WireError."""
    return _decoded(_CHECKPOINT, payload, "checkpoint")


def decode_checkpoint_seen(payload: bytes) -> CheckpointSeen:
    """Raises WireError."""
    return _decoded(_CHECKPOINT_SEEN, payload, "cosignature")


def encode_status(status: Status) -> bytes:
    return _ENCODER.encode(status)


def decode_status(payload: bytes) -> Status:
    """Raises WireError."""
    return _decoded(_STATUS, payload, "status")


def _inflated(payload: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(payload, BATCH_BYTES_MAX)
    except zlib.error as error:
        raise WireError(f"not a batch: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise WireError("not a batch: too large, cut off, or with something behind it")
    return plain


def _decoded(decoder: msgspec.json.Decoder[T], payload: bytes, what: str) -> T:
    if len(payload) > BATCH_BYTES_MAX:
        raise WireError(f"not a {what}: too large")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a {what}: {error}") from error
