"""Visitor codes: a short text for a QR code, made and signed at the site, for a while.

    SPV1.  base32 of 99 bytes (RFC 4648, without padding), in letters that a QR code packs tightly

    1   version, 1
    8   the site: SHA-256 of its id, the first bytes
    16  the code's own random number: what stands for it on file is an HMAC over that
    5   valid from, UTC seconds
    5   valid until, the first second that is no longer valid
    64  Ed25519 (RFC 8032) over a tag and all of that

Every edge of a site has the site's key, and the signature's key is derived from it: what one edge
makes all of them believe, and nobody else can make one. A code is as good as a key under the mat:
who photographs it has it. It is worth a badge on an unprotected line, and policy can ask for more.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

import msgspec

from controller.ids import CredentialRef
from edge.people import VISITOR_PREFIX, SiteKey
from edge.signatures import fits
from policies.facts import UtcSeconds

PREFIX = VISITOR_PREFIX

_VERSION = b"\x01"
_TAG = b"sentrypost visitor code 1\x00"
_REF_TAG = b"sentrypost visitor 1\x00"
_USE = b"visitor code"

_SITE_BYTES, ID_BYTES, _TIME_BYTES, _SIGNATURE_BYTES = 8, 16, 5, 64
_SIGNED_BYTES = len(_VERSION) + _SITE_BYTES + ID_BYTES + 2 * _TIME_BYTES
_SIGNS = -(-(_SIGNED_BYTES + _SIGNATURE_BYTES) * 8 // 5)
_ALPHABET = re.compile(rf"[A-Z2-7]{{{_SIGNS}}}\Z")


class VisitorCodeError(ValueError):
    """The text is no code of this site. The message is for people and gives nothing of it."""


class VisitorCode(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a code. Secret: no repr shows its number."""

    id: bytes
    valid_from_s: UtcSeconds
    valid_until_s: UtcSeconds

    def __repr__(self) -> str:
        return f"VisitorCode(id=…, valid_until_s={self.valid_until_s})"


class VisitorCodes:
    """Those of one site."""

    def __init__(self, site: str, key: SiteKey) -> None:
        self._site = hashlib.sha256(site.encode()).digest()[:_SITE_BYTES]
        self._key = key
        self._signing = key.signing(_USE)
        self._public = self._signing.public_key().public_bytes_raw()

    def new(
        self, valid_from_s: int, valid_until_s: int, entropy: Callable[[int], bytes]
    ) -> VisitorCode:
        """A code that was never made before."""
        return VisitorCode(
            id=entropy(ID_BYTES), valid_from_s=valid_from_s, valid_until_s=valid_until_s
        )

    def text(self, code: VisitorCode) -> str:
        """The code as it is drawn."""
        times = (code.valid_from_s, code.valid_until_s)
        signed = b"".join(
            (_VERSION, self._site, code.id, *(one.to_bytes(_TIME_BYTES, "big") for one in times))
        )
        whole = signed + self._signing.sign(_TAG + signed)
        return PREFIX + base64.b32encode(whole).decode().rstrip("=")

    def read(self, text: str) -> VisitorCode:
        """What stands in a text that begins as codes do. Its times are not judged here: they are
        the person's, as those on file are. Raises VisitorCodeError.
        """
        whole = _bytes_of(text)
        signed, signature = whole[:_SIGNED_BYTES], whole[_SIGNED_BYTES:]
        if not signed.startswith(_VERSION):
            raise VisitorCodeError("a visitor code of another version")
        site, rest = signed[1 : 1 + _SITE_BYTES], signed[1 + _SITE_BYTES :]
        if site != self._site:
            raise VisitorCodeError("a visitor code of another site")
        if not fits(self._public, signature, _TAG + signed):
            raise VisitorCodeError("a visitor code that this site has not signed")
        times = rest[ID_BYTES:]
        return VisitorCode(
            id=rest[:ID_BYTES],
            valid_from_s=int.from_bytes(times[:_TIME_BYTES], "big"),
            valid_until_s=int.from_bytes(times[_TIME_BYTES:], "big"),
        )

    def ref(self, code: VisitorCode) -> CredentialRef:
        """What the code is called on file."""
        return CredentialRef(self._key.digest(_REF_TAG + code.id))


def is_visitor_code(text: str) -> bool:
    """Whether a text claims to be one."""
    return text.startswith(PREFIX)


def _bytes_of(text: str) -> bytes:
    """Of several spellings of the same bytes one is taken."""
    letters = text.removeprefix(PREFIX)
    damaged = VisitorCodeError("a visitor code that is damaged")
    if not text.startswith(PREFIX) or not _ALPHABET.match(letters):
        raise damaged
    try:
        whole = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except binascii.Error:
        raise damaged from None
    if base64.b32encode(whole).decode().rstrip("=") != letters:
        raise damaged
    return whole
