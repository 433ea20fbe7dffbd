"""Signed notes (C2SP signed-note and tlog-cosignature, v1.0.0): a text, and lines that sign it.

A log signs its checkpoint with Ed25519; a witness cosigns it together with the time at which it was
the largest that the witness had seen. Lines of keys that nobody asks for are passed over, so that
more witnesses can be added without anybody's leave.
"""

import base64
import binascii
import hashlib
from enum import IntEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.signatures import LOW_ORDER, PUBLIC_BYTES, SIGNATURE_BYTES, SigningKey

NOTE_BYTES_MAX = 4096
LINES_MAX = 16
"""Signatures of one note: the log's and its witnesses'."""

KEY_ID_BYTES, TIME_BYTES = 4, 8
TIME_S_MAX = 2**40
_DASH = "\u2014 "


class NoteError(ValueError):
    """The text is no signed note, or not one by the key that was asked for."""


class Algorithm(IntEnum):
    """What a line's signature is, as it goes into the key's id."""

    LOG = 0x01
    WITNESS = 0x04


class NoteKey(NamedTuple):
    """A public key with the name under which it signs notes."""

    name: str
    public: bytes
    algorithm: Algorithm

    @property
    def id(self) -> bytes:
        head = self.name.encode() + b"\n" + bytes([self.algorithm])
        return hashlib.sha256(head + self.public).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """As keys are handed around: `name+id+key`."""
        key = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{key}"


class _Line(NamedTuple):
    name: str
    key: bytes
    signature: bytes


def note_key(text: str) -> NoteKey:
    """The inverse of `NoteKey.text`. Raises NoteError."""
    name, _, rest = text.strip().partition("+")
    said, _, encoded = rest.partition("+")
    data = _unpacked(encoded)
    if not _is_name(name) or len(data) != 1 + PUBLIC_BYTES or data[0] not in set(Algorithm):
        raise NoteError("no key of a log or witness: it reads NAME+ID+KEY, in one line")
    key = NoteKey(name, data[1:], Algorithm(data[0]))
    if key.id.hex() != said:
        raise NoteError(f"the key of {name} was copied with a mistake: its id does not fit")
    if bytes([*key.public[:-1], key.public[-1] & 0x7F]) in LOW_ORDER:
        raise NoteError(f"under the key of {name} anybody could sign anything")
    return key


def signed(text: str, name: str, *keys: SigningKey) -> str:
    """The note that a log makes of a text, which ends with a newline; one line by each key."""
    return f"{text}\n" + "".join(
        _line(
            name,
            NoteKey(name, key.public, Algorithm.LOG).id + key.private.sign(text.encode()),
        )
        for key in keys
    )


def cosignature(text: str, name: str, key: SigningKey, utc_s: int) -> str:
    """The line by which a witness cosigns a text, seen at `utc_s`."""
    own = NoteKey(name, key.public, Algorithm.WITNESS)
    signature = key.private.sign(_cosigned(text, utc_s))
    return _line(name, own.id + utc_s.to_bytes(TIME_BYTES, "big") + signature)


def text_of(note: str) -> str:
    """The text of a note, whoever has signed it. Raises NoteError."""
    return _parts(note)[0]


def opened(note: str, key: NoteKey) -> str:
    """The text that the log's key has signed. Raises NoteError."""
    if key.algorithm is not Algorithm.LOG:
        raise NoteError(f"{key.name} has not signed it")
    text, line = _line_of(note, key)
    _verify(key, line.signature, text.encode())
    return text


def is_by(note: str, key: NoteKey) -> bool:
    """Whether the log's key has signed it."""
    try:
        opened(note, key)
    except NoteError:
        return False
    return True


def alone(note: str, key: NoteKey) -> str:
    """The note with no other line than the one of this key. Raises NoteError."""
    text, line = _line_of(note, key)
    return f"{text}\n{_line(line.name, line.key + line.signature)}"


def cosigned_at(note: str, key: NoteKey) -> int:
    """When the witness saw it, in seconds since the epoch. Raises NoteError."""
    if key.algorithm is not Algorithm.WITNESS:
        raise NoteError(f"{key.name} has not cosigned it")
    text, line = _line_of(note, key)
    utc_s = int.from_bytes(line.signature[:TIME_BYTES], "big")
    if utc_s > TIME_S_MAX:
        raise NoteError("a cosignature without a time")
    _verify(key, line.signature[TIME_BYTES:], _cosigned(text, utc_s))
    return utc_s


def _line_of(note: str, key: NoteKey) -> tuple[str, _Line]:
    """A note's text, and the first line that says to be by this key. Raises NoteError."""
    text, lines = _parts(note)
    for line in lines:
        if (line.name, line.key) == (key.name, key.id):
            return text, line
    done = "cosigned" if key.algorithm is Algorithm.WITNESS else "signed"
    raise NoteError(f"{key.name} has not {done} it")


def _cosigned(text: str, utc_s: int) -> bytes:
    return f"cosignature/v1\ntime {utc_s}\n{text}".encode()


def _verify(key: NoteKey, signature: bytes, data: bytes) -> None:
    try:
        if len(signature) != SIGNATURE_BYTES:
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, data)
    except InvalidSignature:
        raise NoteError(f"the signature of {key.name} does not fit the text") from None


def _line(name: str, data: bytes) -> str:
    if not _is_name(name):
        raise NoteError(f"{name!r} cannot sign a note: no spaces, no '+'")
    return f"{_DASH}{name} {base64.b64encode(data).decode()}\n"


def _is_name(name: str) -> bool:
    return name.isprintable() and "+" not in name and name.split() == [name]


def _parts(note: str) -> tuple[str, list[_Line]]:
    if len(note.encode(errors="replace")) > NOTE_BYTES_MAX:
        raise NoteError("too long for a note")
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise NoteError("no signed note: a text, an empty line, and lines that sign it")
    found = signatures.split("\n")[:-1]
    if not 0 < len(found) <= LINES_MAX:
        raise NoteError(f"a note has 1 to {LINES_MAX} signatures")
    return text + "\n", [_parsed(line) for line in found]


def _parsed(line: str) -> _Line:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = _unpacked(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or len(data) <= KEY_ID_BYTES:
        raise NoteError(f"no signature: {line[:40]!r}")
    return _Line(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _unpacked(encoded: str) -> bytes:
    """Empty for what is no base64, or not its one right form."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == encoded else b""
