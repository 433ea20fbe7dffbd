"""A security key at the far end of CTAP 2.1: what it signs is put together byte by byte from the
specifications. What it is asked for is decoded with the library that asks; nothing else is.
"""

import base64
import hashlib
import json
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fido2 import cbor
from fido2.ctap import CtapDevice

CTAPHID_CBOR, CBOR_CAPABLE = 0x10, 0x04
MAKE_CREDENTIAL, GET_ASSERTION, GET_INFO = 1, 2, 4
NO_CREDENTIALS = b"\x2e"
PRESENT, VERIFIED, ATTESTED, EXTENDED = 0x01, 0x04, 0x40, 0x80


class Authenticator:
    """One credential on one key, by ES256 or, `eddsa`, by Ed25519; it counts what it signs."""

    def __init__(self, rp: str, *, eddsa: bool = False, count: int = 0) -> None:
        self.rp = rp
        self.count = count
        self.credential = secrets.token_bytes(16)
        self._ed = Ed25519PrivateKey.generate() if eddsa else None
        self._ec = ec.generate_private_key(ec.SECP256R1())

    @property
    def attested(self) -> bytes:
        """Attested credential data (WebAuthn, 6.5.1): AAGUID, length, id, COSE_Key."""
        return bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + self.cose()

    def cose(self) -> bytes:
        """The public key as RFC 9053 has it, in CTAP2's canonical CBOR."""
        if self._ed is not None:
            public = self._ed.public_key().public_bytes_raw()
            return bytes.fromhex("a4010103272006215820") + public
        numbers = self._ec.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y

    def client_data(self, challenge: bytes, **changes: object) -> bytes:
        """What a browser on the site's own page says."""
        said = {
            "type": "webauthn.get",
            "challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "origin": f"https://{self.rp}",
            "crossOrigin": False,
        }
        return json.dumps(said | changes).encode()

    def assertion(
        self, client_data: bytes, *, flags: int = PRESENT | VERIFIED, more: bytes = b""
    ) -> tuple[bytes, bytes]:
        """Authenticator data and signature (WebAuthn, 6.3.3)."""
        return self.over(hashlib.sha256(client_data).digest(), flags=flags, more=more)

    def over(self, hashed: bytes, *, flags: int, more: bytes = b"") -> tuple[bytes, bytes]:
        """The same, of client data that is hashed already."""
        self.count += 1 if self.count else 0
        data = hashlib.sha256(self.rp.encode()).digest()
        data += bytes([flags]) + self.count.to_bytes(4, "big") + more
        return data, self._signed(data + hashed)

    def response(self, challenge: bytes, **changes: object) -> bytes:
        """AuthenticationResponseJSON, as a page gets it from its browser."""
        client = self.client_data(challenge, **changes)
        data, signature = self.assertion(client)
        return json.dumps(
            {
                "id": _url(self.credential),
                "rawId": _url(self.credential),
                "type": "public-key",
                "response": {
                    "authenticatorData": _url(data),
                    "clientDataJSON": _url(client),
                    "signature": _url(signature),
                },
                "clientExtensionResults": {},
            }
        ).encode()

    def _signed(self, message: bytes) -> bytes:
        if self._ed is not None:
            return self._ed.sign(message)
        return self._ec.sign(message, ec.ECDSA(hashes.SHA256()))


class PluggedIn(CtapDevice):
    """The key at a USB port, below the frames of HID: commands of CTAP 2.1 and their answers.

    `pinless`: its user was never set up; `absent`: it was enrolled somewhere else.
    """

    def __init__(self, key: Authenticator, *, pinless: bool = False, absent: bool = False) -> None:
        self.key = key
        self.closed = False
        self._pinless, self._absent = pinless, absent

    @property
    def capabilities(self) -> int:
        return CBOR_CAPABLE

    def call(self, cmd, data=b"", event=None, on_keepalive=None):
        assert cmd == CTAPHID_CBOR
        asked = cbor.decode(data[1:]) if data[1:] else {}
        if data[0] == GET_INFO:
            options = b"\xa1\x62uv" + (b"\xf4" if self._pinless else b"\xf5")
            versions = b"\0\xa4\x01\x81\x68FIDO_2_0\x03\x50" + bytes(16)
            return versions + b"\x04" + options + b"\x06\x81\x01"
        if data[0] == MAKE_CREDENTIAL:
            assert (asked[2]["id"], asked[7]) == (self.key.rp, {"uv": True})
            flags = PRESENT | VERIFIED | ATTESTED
            made, _ = self.key.assertion(b"", flags=flags, more=self.key.attested)
            return b"\0\xa3\x01\x64none\x02" + _string(made) + b"\x03\xa0"
        assert (data[0], asked[1]) == (GET_ASSERTION, self.key.rp)
        if self._absent or self.key.credential not in [one["id"] for one in asked[3]]:
            return NO_CREDENTIALS
        silent = asked.get(5) == {"up": False}
        flags = 0 if silent else PRESENT | VERIFIED
        made, signature = self.key.over(asked[2], flags=flags)
        known = b"\xa2\x62id\x50" + self.key.credential + b"\x64type\x6apublic-key"
        return b"\0\xa3\x01" + known + b"\x02" + _string(made) + b"\x03" + _string(signature)

    def close(self) -> None:
        self.closed = True

    @classmethod
    def list_devices(cls):
        raise AssertionError("nobody looks for it: it is plugged in by the test")


def _string(data: bytes) -> bytes:
    """A byte string in CBOR (RFC 8949, 3.1), of 24 bytes to 64 KiB."""
    if len(data) < 256:
        return b"\x58" + bytes([len(data)]) + data
    return b"\x59" + len(data).to_bytes(2, "big") + data


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
