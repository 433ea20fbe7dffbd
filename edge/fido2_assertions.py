"""Signatures of security keys: WebAuthn assertions (W3C Web Authentication, level 2) over an order.

The challenge is the SHA-256 of what any other signature would be over. The key must have verified
its user by PIN or finger. What stands in the site file is what the key gave when it was enrolled:
its attested credential data in base64, with the credential's id and its public key in them.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import ES256, CoseKey, EdDSA
from fido2.webauthn import AttestedCredentialData, AuthenticatorData

from edge.signatures import PUBLIC_BYTES, EnvelopeError, PublicKeyError, not_anybodys

AUTHENTICATOR_DATA_BYTES = 37
"""Section 6.1, without extensions: none is asked for, and an assertion with one is none."""

RESPONSE_BYTES_MAX = 16 * 1024
"""Of what a client of WebAuthn writes; it repeats itself, and the public key with it."""

CREDENTIAL_TEXT_MAX = 1024
"""Of the entry in the site file: a credential's id takes up to 255 bytes with most keys."""

_CURVE, _X = -1, -2
_ED25519 = 6
UNREADABLE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error, RecursionError,
)  # fmt: skip
"""What the library raises for bytes that are something else: it takes types on trust."""


class Assertion(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What stands in `sig` of the envelope, as JSON; bytes in base64."""

    authenticator_data: Annotated[bytes, msgspec.Meta(max_length=AUTHENTICATOR_DATA_BYTES)]
    client_data: Annotated[bytes, msgspec.Meta(max_length=512)]
    """The bytes of WebAuthn's clientDataJSON."""
    signature: Annotated[bytes, msgspec.Meta(max_length=128)]


class _ClientData(msgspec.Struct, frozen=True, rename="camel"):
    """Section 5.8.1; browsers may add to it."""

    type: str
    challenge: str
    origin: str
    cross_origin: bool = False


class _Text(msgspec.Struct, frozen=True):
    authenticator_data: str = msgspec.field(name="authenticatorData")
    client_data: str = msgspec.field(name="clientDataJSON")
    signature: str


class _Response(msgspec.Struct, frozen=True):
    """AuthenticationResponseJSON (level 3, section 5.1); the rest of it says nothing new."""

    response: _Text


class Fido2Key(NamedTuple):
    """`public`: the COSE_Key as it stands in the credential data."""

    public: bytes
    credential: bytes


class Wrong(Enum):
    """What an assertion lacks."""

    UNREADABLE = "it is no assertion of a security key"
    CHALLENGE = "it was made for another order"
    SITE = "it was made for another site, or on a page of somebody else"
    UNVERIFIED = "the security key has not verified its user; it must ask for a PIN or a finger"
    SIGNATURE = "it fits neither the order nor the key"


def rp_id(site: str) -> str:
    """The relying party that a key is enrolled with: one for each site."""
    return f"sentrypost.{site}"


def challenge(message: bytes) -> bytes:
    """What the security key is shown of the order."""
    return hashlib.sha256(message).digest()


def fido2_key(text: str) -> Fido2Key:
    """A key of the site file. Raises PublicKeyError for what is none, or signs otherwise than by
    ES256 or EdDSA (Ed25519).
    """
    if len(text) > CREDENTIAL_TEXT_MAX:
        raise PublicKeyError("is longer than any security key's credential")
    try:
        data = base64.b64decode(text, validate=True)
        credential, rest = AttestedCredentialData.unpack_from(data)
        if rest or not credential.credential_id:
            raise ValueError
        _checked(credential.public_key)
    except (binascii.Error, UnsupportedAlgorithm, *UNREADABLE):
        raise PublicKeyError(
            "is no credential of a security key by ES256 or Ed25519, in base64"
        ) from None
    return Fido2Key(cbor.encode(dict(credential.public_key)), credential.credential_id)


def key_text(credential: AttestedCredentialData) -> str:
    """The inverse: as the site file has it."""
    return base64.b64encode(credential).decode()


def sign_count(signature: bytes, public: bytes, site: str, message: bytes) -> int | Wrong:
    """The key's count of what it has signed (0: it keeps none), if its user has signed the message
    as an order for this site.
    """
    try:
        assertion = _DECODER.decode(signature)
        client = msgspec.json.decode(assertion.client_data, type=_ClientData)
        said = AuthenticatorData(assertion.authenticator_data)
    except (msgspec.DecodeError, UnicodeDecodeError, *UNREADABLE):
        return Wrong.UNREADABLE
    if client.type != "webauthn.get":
        return Wrong.UNREADABLE
    if client.challenge != _url_safe(challenge(message)):
        return Wrong.CHALLENGE
    relying = hashlib.sha256(rp_id(site).encode()).digest()
    if said.rp_id_hash != relying or client.cross_origin or not _own_page(client.origin, site):
        return Wrong.SITE
    if not (said.is_user_present() and said.is_user_verified()):
        return Wrong.UNVERIFIED
    hashed = hashlib.sha256(assertion.client_data).digest()
    try:
        _verify(_cose(public), said + hashed, assertion.signature)
    except (InvalidSignature, *UNREADABLE):
        return Wrong.SIGNATURE
    return said.counter


def from_webauthn(response: bytes) -> bytes:
    """The `sig` of what a browser or another client of WebAuthn gave, AuthenticationResponseJSON.

    Raises EnvelopeError.
    """
    try:
        said = msgspec.json.decode(response, type=_Response).response
        texts = (said.authenticator_data, said.client_data, said.signature)
        data, client, signature = (base64.urlsafe_b64decode(f"{text}==") for text in texts)
    except (msgspec.DecodeError, UnicodeDecodeError, *UNREADABLE):
        raise EnvelopeError(
            "no AuthenticationResponseJSON of WebAuthn", "name the file that the client has written"
        ) from None
    return packed(data, client, signature)


def packed(authenticator_data: bytes, client_data: bytes, signature: bytes) -> bytes:
    """What stands in `sig` of the envelope."""
    # What the library gives are dataclasses, which would be taken for objects.
    made = Assertion(
        authenticator_data=bytes(authenticator_data),
        client_data=bytes(client_data),
        signature=bytes(signature),
    )
    return msgspec.json.encode(made)


def _checked(key: CoseKey) -> None:
    """Raises ValueError or another of `UNREADABLE` for a key that nobody could verify under."""
    if isinstance(key, EdDSA):
        if key[_CURVE] != _ED25519 or len(key[_X]) != PUBLIC_BYTES:
            raise ValueError
        not_anybodys(key[_X])
    elif not isinstance(key, ES256):
        raise ValueError
    try:
        _verify(key, b"", bytes(64))
    except InvalidSignature:
        pass


def _cose(public: bytes) -> CoseKey:
    found = cbor.decode(public)
    if not isinstance(found, Mapping):
        raise TypeError
    return CoseKey.parse(found)


def _verify(key: CoseKey, message: bytes, signature: bytes) -> None:
    """Raises InvalidSignature, or another of `UNREADABLE`."""
    key.verify(message, signature)


def _own_page(origin: str, site: str) -> bool:
    return re.fullmatch(rf"https://{re.escape(rp_id(site))}(:[0-9]{{1,5}})?", origin) is not None


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_DECODER = msgspec.json.Decoder(Assertion)
