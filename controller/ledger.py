"""The journal's arithmetic: leaves, the hash chain, commitments to personal values.

Two structures share one definition of a leaf: the chain checked here, and the Merkle tree of
RFC 6962 section 2.1 (whose leaf hash this is), so that tree and checkpoints need no stored byte
to change.
"""

import hashlib
from typing import Annotated

import msgspec

SALT_BYTES = 16

PERSONAL_CHARS_MAX = 512
"""Of a value about a person."""

Commitment = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""SHA-256 over a salted value, in hex: stands in the stored bytes where the value may not."""


class Personal(msgspec.Struct, frozen=True):
    """A value about a person, with the fresh salt that its commitment needs.

    Kept and sent beside its entry, never in it, so that it can be erased and the log still
    verifies. `field` is the name of the body field that holds the commitment.
    """

    field: Annotated[str, msgspec.Meta(max_length=64)]
    value: Annotated[str, msgspec.Meta(max_length=PERSONAL_CHARS_MAX)]
    salt: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]

    def __repr__(self) -> str:
        return f"Personal(field={self.field!r}, value=…)"


def commitment(personal: Personal) -> Commitment:
    """SHA-256 of `pf1`, the lengths and bytes of field, salt and value.

    Lengths go in so that no two different triples give the same bytes; without the salt a badge
    number would be found in seconds by trying them all.
    """
    return committed(personal.field, personal.value, bytes.fromhex(personal.salt))


def committed(field: str, value: str, salt: bytes) -> Commitment:
    """As `commitment`, of a value that is kept with its salt in bytes."""
    name, said = field.encode(), value.encode()
    # Everything at once: this is done for every value that is verified.
    parts = (
        b"pf1",
        len(name).to_bytes(4, "big"),
        name,
        len(salt).to_bytes(4, "big"),
        salt,
        len(said).to_bytes(4, "big"),
        said,
    )
    return hashlib.sha256(b"".join(parts)).hexdigest()


def leaf(entry: bytes) -> bytes:
    """The leaf hash of one entry's bytes exactly as stored (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def link(previous: bytes, leaf_hash: bytes) -> bytes:
    """The chain's next value."""
    return hashlib.sha256(previous + leaf_hash).digest()


def origin(site: str, edge: str, incarnation: str) -> bytes:
    """The chain's value before the first entry: binds the chain to whose journal it is."""
    return hashlib.sha256(f"sentrypost chain 1\n{site}\n{edge}\n{incarnation}\n".encode()).digest()
