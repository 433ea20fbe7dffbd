"""Signed files: DSSE 1.0.0 envelopes (github.com/secure-systems-lab/dsse), Ed25519 (RFC 8032).

A signature covers what the payload is as well as the payload: an order can never be taken for a
policy. Who signed is a question of people, not of keys: somebody with two keys is one person.

Deviates from envelope.md: unknown fields are refused, because what is signed here acts.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ENVELOPE_BYTES_MAX = 16 * 1024 * 1024
"""Everybody of a site of 10,000 people takes half of it."""

SIGNATURES_MAX = 8
"""Nothing asks for more than two people; each one costs a verification."""

KEYS_MAX = 256
"""Those of one site: its people's, and one of each of its edges."""

SIGNATURE_SIGNS_MAX = 1024
"""Of one signature in base64: a security key's takes 600, with what its browser said beside it."""

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64

KEY_ID_SIGNS = 32
"""Of SHA-256 over the public key: enough that nobody finds a second key with the same id."""

LOW_ORDER = frozenset(
    bytes.fromhex(key)
    for key in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""Public keys under which anybody can sign anything, their sign bit left out: the points whose
order divides eight (RFC 7748, section 7). A placeholder of zeros is one of them."""

_STANDARD, _URL_SAFE = b"+/", b"-_"


class Use(StrEnum):
    """What a key may sign."""

    PEOPLE = "people"
    POLICY = "policy"
    ORDER = "order"
    CONSENT = "consent"
    ALARM = "alarm"
    RAISE = "raise"
    """What an edge's own key signs, for a key switch, a panic button or somebody who has signed in
    at a page: an order that raises security, of the few that `controller.orders.RAISING` names. A
    person's key has `order`."""


class KeyKind(StrEnum):
    """How a key signs. `ssh` signs orders alone, `fido2` orders and consents."""

    ED25519 = "ed25519"
    SSH = "ssh"
    FIDO2 = "fido2"


class SignatureError(Exception):
    """Nothing of the file is believed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class EnvelopeError(SignatureError):
    """The bytes are no envelope."""


class PayloadTypeError(SignatureError):
    """Something else was signed than what is asked for here."""


class SignersError(SignatureError):
    """Too few people who may sign this have signed it, or somebody has who may not."""


class PublicKeyError(ValueError):
    """The text is no public key that can be trusted."""


class TrustedKey(NamedTuple):
    """A public key of the site file: its name there, whose it is, and what it may sign. `holder`:
    the integrator's id of that person, where the site file says it. `public`: 32 bytes, or of a
    security key its COSE_Key (RFC 9052); `credential`: by which id the security key knows it.
    """

    name: str
    person: str
    public: bytes
    may: frozenset[Use]
    holder: str = ""
    kind: KeyKind = KeyKind.ED25519
    credential: bytes = b""

    @property
    def id(self) -> str:
        return key_id(self.public)


class SigningKey(NamedTuple):
    """A private key. No repr shows it."""

    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey(id={self.id!r}, …)"

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return key_id(self.public)


class Verified(NamedTuple):
    """What was signed, by which people, with which of their keys (ids); both in order."""

    payload: bytes
    people: tuple[str, ...]
    keys: tuple[str, ...]


class Parts(NamedTuple):
    """An envelope taken apart, nothing of it believed: each signature with the key it names."""

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...]


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sig: Annotated[str, msgspec.Meta(max_length=SIGNATURE_SIGNS_MAX)]
    keyid: Annotated[str, msgspec.Meta(max_length=128)] = ""


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    payload: str
    payload_type: Annotated[str, msgspec.Meta(max_length=128)]
    signatures: Annotated[tuple[_Signature, ...], msgspec.Meta(max_length=SIGNATURES_MAX)]


_DECODER = msgspec.json.Decoder(_Envelope)


def key_id(public: bytes) -> str:
    """What a key is called in envelopes and in the journal."""
    return hashlib.sha256(public).hexdigest()[:KEY_ID_SIGNS]


def public_text(public: bytes) -> str:
    """A public key as the site file has it: base64 of its 32 bytes."""
    return base64.b64encode(public).decode()


def public_key(text: str) -> bytes:
    """The inverse of `public_text`. Raises PublicKeyError."""
    try:
        public = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PublicKeyError("is not base64") from None
    if len(public) != PUBLIC_BYTES:
        raise PublicKeyError(f"has {len(public)} bytes, a public key has {PUBLIC_BYTES}")
    return not_anybodys(public)


def not_anybodys(public: bytes) -> bytes:
    """The Ed25519 public key itself. Raises PublicKeyError where anybody can sign under it."""
    if public[:-1] + bytes([public[-1] & 0x7F]) in LOW_ORDER:
        raise PublicKeyError("is no key: anybody could sign with it")
    return public


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: protocol.md, Pre-Authentication Encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, keys: Sequence[SigningKey]) -> bytes:
    """The envelope with one signature of each key."""
    message = pae(payload_type, payload)
    envelope = _Envelope(
        payload=base64.b64encode(payload).decode(),
        payload_type=payload_type,
        signatures=tuple(
            _Signature(sig=base64.b64encode(key.private.sign(message)).decode(), keyid=key.id)
            for key in keys
        ),
    )
    return msgspec.json.encode(envelope)


def signed_too(data: bytes, key: SigningKey) -> bytes:
    """The envelope with this key's signature beside those that it has. Raises EnvelopeError."""
    envelope = _envelope(data)
    message = pae(envelope.payload_type, _bytes(envelope.payload, "payload"))
    return with_signature(data, key.id, key.private.sign(message))


def with_signature(data: bytes, keyid: str, signature: bytes) -> bytes:
    """The envelope with what somebody has signed elsewhere beside the signatures that it has; one
    of the same key is replaced. Raises EnvelopeError.
    """
    envelope = _envelope(data)
    own = _Signature(sig=base64.b64encode(signature).decode(), keyid=keyid)
    others = tuple(one for one in envelope.signatures if one.keyid != keyid)
    if len(others) >= SIGNATURES_MAX:
        raise EnvelopeError(
            f"it has {SIGNATURES_MAX} signatures already", "sign the file that was first made"
        )
    return msgspec.json.encode(msgspec.structs.replace(envelope, signatures=(*others, own)))


def unverified(data: bytes, payload_type: str) -> tuple[bytes, tuple[str, ...]]:
    """What the envelope holds and which keys it says have signed it, with nothing believed yet.

    Raises EnvelopeError, PayloadTypeError.
    """
    envelope = _envelope(data)
    if envelope.payload_type != payload_type:
        raise _other_type(envelope.payload_type, payload_type)
    keys = tuple(one.keyid for one in envelope.signatures)
    return _bytes(envelope.payload, "payload"), keys


def taken_apart(data: bytes) -> Parts:
    """What stands in the envelope. Raises EnvelopeError."""
    envelope = _envelope(data)
    return Parts(
        _bytes(envelope.payload, "payload"),
        envelope.payload_type,
        tuple((one.keyid, _bytes(one.sig, "sig")) for one in envelope.signatures),
    )


def verify(
    data: bytes, trusted: Collection[TrustedKey], payload_type: str, use: Use, *, needs: int = 1
) -> Verified:
    """What the envelope holds, if at least `needs` people have signed it who may.

    Raises EnvelopeError, PayloadTypeError, SignersError.
    """
    envelope = _envelope(data)
    payload = _bytes(envelope.payload, "payload")
    message = pae(envelope.payload_type, payload)
    signed = {
        key
        for signature in envelope.signatures
        for key in _candidates(signature, trusted)
        if fits(key.public, _bytes(signature.sig, "sig"), message)
    }
    # Only now: a type that nobody signed is not worth a word about it.
    if envelope.payload_type != payload_type and signed:
        raise _other_type(envelope.payload_type, payload_type)
    good = {key for key in signed if use in key.may and envelope.payload_type == payload_type}
    people = tuple(sorted({key.person for key in good}))
    if len(people) < needs:
        raise SignersError(_too_few(signed - good, people, use, needs), _remedy(use, needs))
    return Verified(payload, people, tuple(sorted(key.id for key in good)))


def _other_type(found: str, wanted: str) -> PayloadTypeError:
    said = f"this is {found[:128]!r} and not {wanted!r}"
    return PayloadTypeError(said, "give it to the command that takes it")


def _envelope(data: bytes) -> _Envelope:
    remedy = "copy the file again from where it was made"
    if len(data) > ENVELOPE_BYTES_MAX:
        raise EnvelopeError(f"larger than {ENVELOPE_BYTES_MAX} bytes: no signed file", remedy)
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError(f"no signed file, or cut off ({error})", remedy) from None


def _bytes(text: str, field: str) -> bytes:
    """Base64 of either alphabet, as protocol.md demands of verifiers."""
    standard = text.encode().translate(bytes.maketrans(_URL_SAFE, _STANDARD))
    # Of several spellings of the same bytes one is taken: with padding, nothing in between.
    if re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", standard) is None or len(standard) % 4:
        raise EnvelopeError(f"no signed file: '{field}' is not base64", "copy the file again")
    return base64.b64decode(standard)


def _candidates(signature: _Signature, trusted: Collection[TrustedKey]) -> list[TrustedKey]:
    """The key id narrows what is tried and decides nothing (protocol.md, KEYID)."""
    plain = [key for key in trusted if key.kind is KeyKind.ED25519]
    return [key for key in plain if signature.keyid in {"", key.id}]


def fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is the Ed25519 signature of the key's owner over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _too_few(others: Collection[TrustedKey], people: Sequence[str], use: Use, needs: int) -> str:
    may_not = ", ".join(sorted(key.name for key in others))
    aside = f"; of the site's keys that have, these may not: {may_not}" if may_not else ""
    if not people:
        return f"nobody has signed this who may sign {use}{aside}"
    return f"{len(people)} of {needs} people have signed this ({', '.join(people)}){aside}"


def _remedy(use: Use, needs: int) -> str:
    who = "somebody" if needs == 1 else f"{needs} people"
    return (
        f"have it signed by {who} with a [key.…] in the site file that may sign {use}; "
        "if it was, it was changed on the way"
    )
