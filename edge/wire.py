"""The messages between an edge and the archive.

**A batch carries each entry as a JSON string that holds the entry's stored bytes**, which are
UTF-8. A string survives whatever decodes and encodes the message again, byte for byte; an entry
embedded as an object would come back with other spaces, key order or number format, and its hash
would no longer fit. Base64 would do as well, a third larger and unreadable.

A batch is JSON, or zlib of that JSON; its first byte tells which: `{` or `x` (0x78: RFC 1950,
deflate with a window of 32 KiB). Every other message is plain JSON.

Readers tolerate unknown fields. What does not fit raises WireError.
"""

import hashlib
import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from controller.events import ENTRY_BYTES_MAX, Seq, Text
from controller.ledger import Personal
from controller.moment import Micros
from edge.notes import NOTE_BYTES_MAX
from edge.signatures import ENVELOPE_BYTES_MAX
from edge.witness_keys import SUCCESSIONS_MAX

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

PART_BYTES_MAX = 256 * 1024
"""Of a signed file, which may be larger than any broker takes in one message."""

PARTS_MAX = ENVELOPE_BYTES_MAX // PART_BYTES_MAX
"""The largest signed file, in parts."""

_ZLIB_FIRST = b"x"
_COMPRESS_ABOVE_BYTES = 1024
"""Below it compressing costs more than it saves, and a reader can follow the message by eye."""

Incarnation = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
DigestInForce = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
"""Empty where nothing is in force yet."""
NoteText = Annotated[str, msgspec.Meta(max_length=NOTE_BYTES_MAX)]
PartNumber = Annotated[int, msgspec.Meta(ge=1, le=PARTS_MAX)]
Mark = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


T = TypeVar("T")


class WireError(ValueError):
    """The bytes are not the message they should be."""


class TooLargeError(ValueError):
    """The batch would unpack to more than a receiver accepts: send fewer entries in it."""


class SentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One journal entry with the personal values that its commitments stand for.

    `leaf`: where the edge keeps the entry's bytes no more, and `entry` is empty, its leaf hash.
    """

    entry: Annotated[str, msgspec.Meta(max_length=ENTRY_BYTES_MAX)]
    personal: Annotated[tuple[Personal, ...], msgspec.Meta(max_length=PERSONAL_MAX)] = ()
    leaf: Hash | msgspec.UnsetType = msgspec.UNSET

    @property
    def data(self) -> bytes:
        """The entry's bytes as the journal stores them."""
        return self.entry.encode()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive entries of one journal; the first has the number `first` (`from` on the wire).

    `before`: where the edge keeps nothing in front of the first any more, the chain in front of it.
    """

    v: int = 1
    incarnation: Incarnation
    first: Seq = msgspec.field(name="from")
    entries: Annotated[
        tuple[SentEntry, ...], msgspec.Meta(min_length=1, max_length=BATCH_ENTRIES_MAX)
    ]
    before: Hash | msgspec.UnsetType = msgspec.UNSET


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
    with the `old` entries which the witness has cosigned, as far as the edge knows. `cosigned`: the
    largest note that the witness has cosigned, with its line: one that has lost its memory, or was
    put back from an old copy, believes its own signature.
    """

    v: int = 1
    note: NoteText
    key: Annotated[str, msgspec.Meta(max_length=512)]
    old: Mark
    proof: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=PROOF_MAX)] = ()
    cosigned: NoteText | msgspec.UnsetType = msgspec.UNSET


Successions = Annotated[tuple[NoteText, ...], msgspec.Meta(max_length=SUCCESSIONS_MAX)]


class CheckpointSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A witness's answer: the largest checkpoint of this journal that it has ever cosigned.

    `problem`: why it is not the one that was sent; empty where it is. `successions`: the notes by
    which its key has followed others, the oldest first (`edge.witness_keys`).
    """

    v: int = 1
    note: NoteText
    problem: Text = ""
    successions: Successions | msgspec.UnsetType = msgspec.UNSET


class SetKind(StrEnum):
    """What a signed file is about."""

    PEOPLE = "people"
    POLICY = "policy"
    ALARM = "alarm"
    """That somebody has seen one; it is never kept for edges that are away."""


class RequestPart(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a signed file that an edge is asked to take, as `person take` or `policy load` do.

    `set`: SHA-256 of the whole file, by which its parts are told from those of another. `part`
    counts from 1. In what order parts come, and how often, makes no difference.
    """

    v: int = 1
    kind: SetKind
    set: Hash
    part: PartNumber
    parts: PartNumber
    data: Annotated[bytes, msgspec.Meta(min_length=1, max_length=PART_BYTES_MAX)]

    def __repr__(self) -> str:
        return f"RequestPart({self.kind} {self.set[:16]}, {self.part} of {self.parts})"


class SetOutcome(StrEnum):
    """`applied`, `already`: it is in force, and on the edge's disk. `unrecorded`: kept, and in
    force as soon as the journal can be written. `refused`: nothing was changed.
    """

    APPLIED = "applied"
    ALREADY = "already"
    UNRECORDED = "unrecorded"
    REFUSED = "refused"


class RequestAck(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a signed file. It is sent when that is on disk, and again when asked again.

    `version` and `digest`: of the people, or of the policy, in force after it. `reason` and
    `remedy`: why it was refused, and what to do.
    """

    v: int = 1
    incarnation: Incarnation
    kind: SetKind
    set: Hash
    outcome: SetOutcome
    version: Mark
    digest: DigestInForce = ""
    reason: Text = ""
    remedy: Text = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Birth (`alive`) and death of one connection of an edge; the death is also the last will.

    A death ends exactly the connection that it names. Connections of one incarnation are ordered
    by (`boot`, `number`): `boot` is the journal's last number when the daemon began, which every
    start makes larger; `number` counts its connections. `people` and `policy` are the versions in
    force, each with its digest.
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
    people_digest: DigestInForce = ""
    policy: Mark = 0
    policy_digest: DigestInForce = ""

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
_REQUEST = msgspec.json.Decoder(RequestPart)
_REQUEST_ACK = msgspec.json.Decoder(RequestAck)


def encode_batch(batch: Batch) -> bytes:
    """Raises TooLargeError."""
    plain = _ENCODER.encode(batch)
    if len(plain) > BATCH_BYTES_MAX:
        raise TooLargeError
    return plain if len(plain) < _COMPRESS_ABOVE_BYTES else zlib.compress(plain)


def decode_batch(payload: bytes) -> Batch:
    """Raises WireError; never allocates more than BATCH_BYTES_MAX for what a batch unpacks to."""
    return decoded(_BATCH, _inflated(payload) if payload[:1] == _ZLIB_FIRST else payload, "batch")


def encode_ack(ack: Ack) -> bytes:
    return _ENCODER.encode(ack)


def decode_ack(payload: bytes) -> Ack:
    """Raises WireError."""
    return decoded(_ACK, payload, "acknowledgement")


def encode_checkpoint(message: CheckpointSent | CheckpointSeen) -> bytes:
    return _ENCODER.encode(message)


def decode_checkpoint(payload: bytes) -> CheckpointSent:
    """Raises WireError."""
    return decoded(_CHECKPOINT, payload, "checkpoint")


def decode_checkpoint_seen(payload: bytes) -> CheckpointSeen:
    """Raises WireError."""
    return decoded(_CHECKPOINT_SEEN, payload, "cosignature")


def encode_status(status: Status) -> bytes:
    return _ENCODER.encode(status)


def decode_status(payload: bytes) -> Status:
    """Raises WireError."""
    return decoded(_STATUS, payload, "status")


def request_parts(kind: SetKind, envelope: bytes) -> Iterator[RequestPart]:
    """What is to be sent of a signed file, in order."""
    digest = hashlib.sha256(envelope).hexdigest()
    parts = -(-len(envelope) // PART_BYTES_MAX)
    for number in range(1, parts + 1):
        data = envelope[(number - 1) * PART_BYTES_MAX : number * PART_BYTES_MAX]
        yield RequestPart(kind=kind, set=digest, part=number, parts=parts, data=data)


def encode_request(part: RequestPart) -> bytes:
    return _ENCODER.encode(part)


def decode_request(payload: bytes) -> RequestPart:
    """Raises WireError."""
    part = decoded(_REQUEST, payload, "request")
    if part.part > part.parts:
        raise WireError(f"not a request: part {part.part} of {part.parts}")
    return part


def encode_request_ack(ack: RequestAck) -> bytes:
    return _ENCODER.encode(ack)


def decode_request_ack(payload: bytes) -> RequestAck:
    """Raises WireError."""
    return decoded(_REQUEST_ACK, payload, "answer to a request")


def _inflated(payload: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(payload, BATCH_BYTES_MAX)
    except zlib.error as error:
        raise WireError(f"not a batch: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise WireError("not a batch: too large, cut off, or with something behind it")
    return plain


def decoded(decoder: msgspec.json.Decoder[T], payload: bytes, what: str) -> T:
    """Any message that is not larger than a batch. Raises WireError."""
    if len(payload) > BATCH_BYTES_MAX:
        raise WireError(f"not a {what}: too large")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a {what}: {error}") from error
