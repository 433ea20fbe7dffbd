"""Passkeys (W3C Web Authentication, level 3): challenges that count once, made and judged here.

A passkey lies on the device that made it, which verifies its user and says who he is: nobody names
a person to be asked for a passkey, so nobody learns who has one.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from fido2.cose import ES256, EdDSA
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from controller.ids import HolderId
from edge.fido2_assertions import UNREADABLE
from edge.signins.records import Passkey

if TYPE_CHECKING:
    from fido2.server import Fido2Server

ASKED_US = 60_000_000
"""To touch the key and give its PIN or a finger."""

ASKED_MAX = 256
"""Challenges for new passkeys that wait for their answer; the oldest go first. Those of sign-ins
are kept by nobody: whoever asked for more and more of them would push out those of others.
"""

NONCE_BYTES, TIME_BYTES, MAC_BYTES = 16, 8, 16
"""Of a sign-in's challenge: drawn, until when it counts, and our word for both."""

PASSKEYS_MAX = 10
"""Of one person."""


class PasskeyError(Exception):
    """What the browser gave is no passkey of anybody here; the message says why, for the log."""


class _Asked(NamedTuple):
    """`holder`: who adds one."""

    state: Mapping[str, Any]
    holder: HolderId
    until_us: int


class _ClientData(msgspec.Struct, frozen=True):
    challenge: str


class _Text(msgspec.Struct, frozen=True):
    client_data: str = msgspec.field(name="clientDataJSON")


class _Response(msgspec.Struct, frozen=True):
    response: _Text


class Passkeys:
    """One edge's. `name`: the host of the pages, to which passkeys are bound for good."""

    def __init__(self, name: str, site: str, entropy: Callable[[int], bytes]) -> None:
        self._name = name
        self._site = site
        self._entropy = entropy
        self._asked: dict[str, _Asked] = {}
        self._key = entropy(32)
        """Of this run: no challenge outlives the daemon."""
        self._used: dict[bytes, int] = {}
        """Challenges by which somebody has signed in, and until when they would count."""

    def ask(self, now_us: int) -> str:
        """Options for a sign-in, as JSON."""
        told = self._entropy(NONCE_BYTES) + (now_us + ASKED_US).to_bytes(TIME_BYTES, "big")
        options, _ = self._asked_by(told + self._mac(told))
        return json.dumps(dict(options)["publicKey"])

    def _asked_by(self, challenge: bytes) -> tuple[Any, Any]:
        return self._server().authenticate_begin(
            user_verification=UserVerificationRequirement.REQUIRED, challenge=challenge
        )

    def _mac(self, told: bytes) -> bytes:
        return hmac.digest(self._key, told, "sha256")[:MAC_BYTES]

    def _ours(self, challenge: bytes, now_us: int) -> int:
        """Until when it counts. Raises PasskeyError where it is not ours, is over, or was used."""
        told = challenge[:-MAC_BYTES]
        until_us = int.from_bytes(told[NONCE_BYTES:], "big")
        ours = hmac.compare_digest(self._mac(told), challenge[-MAC_BYTES:])
        if not ours or until_us < now_us or challenge in self._used:
            raise PasskeyError("nobody waits for this answer, or no longer")
        return until_us

    def ask_new(
        self, holder: HolderId, person: str, name: str, have: Sequence[Passkey], now_us: int
    ) -> str:
        """Options for a new one of this person, as JSON."""
        user = PublicKeyCredentialUserEntity(id=holder.encode(), name=person, display_name=name)
        options, state = self._server().register_begin(
            user,
            credentials=[AttestedCredentialData(one.credential) for one in have],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=self._entropy(32),
        )
        self._remember(state, holder, now_us)
        return json.dumps(dict(options)["publicKey"])

    def signed_in(self, response: str, passkeys: Sequence[Passkey], now_us: int) -> Passkey:
        """Whose passkey has signed, with its new count. Raises PasskeyError."""
        challenge = _challenge_of(response)
        until_us = self._ours(challenge, now_us)
        _, state = self._asked_by(challenge)
        by_id = {_id_of(one.credential): one for one in passkeys}
        credentials = [AttestedCredentialData(one.credential) for one in passkeys]
        try:
            said = json.loads(response)
            found = self._server().authenticate_complete(state, credentials, said)
            text = said["response"]["authenticatorData"]
            count = AuthenticatorData(_decoded(text)).counter
            handle = said["response"].get("userHandle")
            passkey = by_id[found.credential_id]
            owner = None if not handle else _decoded(handle).decode()
        except (*UNREADABLE, json.JSONDecodeError) as error:
            raise PasskeyError(f"{type(error).__name__}: {error}"[:200]) from error
        if owner is not None and owner != passkey.holder:
            raise PasskeyError("the passkey says another person than the one it was made for")
        if (count or passkey.count) and count <= passkey.count:
            # WebAuthn 7.2, step 21.
            raise PasskeyError(f"there seem to be two of passkey {passkey.id}: its count is old")
        # What nobody's key has signed is remembered by nobody either.
        self._used = {one: until for one, until in self._used.items() if until >= now_us}
        self._used[challenge] = until_us
        return msgspec.structs.replace(passkey, count=count)

    def added(self, response: str, holder: HolderId, now_us: int) -> tuple[bytes, int]:
        """The credential that was made, and its count. Raises PasskeyError."""
        asked = self._taken(response, now_us)
        if asked.holder != holder:
            raise PasskeyError("the challenge was somebody else's")
        try:
            data = self._server().register_complete(asked.state, json.loads(response))
            credential = data.credential_data
            if credential is None or not isinstance(credential.public_key, ES256 | EdDSA):
                raise PasskeyError("it signs otherwise than by ES256 or EdDSA")
        except (*UNREADABLE, json.JSONDecodeError) as error:
            raise PasskeyError(f"{type(error).__name__}: {error}"[:200]) from error
        return bytes(credential), data.counter

    def _server(self) -> "Fido2Server":
        # It reads a list of public suffixes: no edge without a passkey pays for that.
        from fido2.server import Fido2Server

        server = Fido2Server(
            PublicKeyCredentialRpEntity(id=self._name, name=f"Sentrypost {self._site}"),
            verify_origin=self._is_own_page,
        )
        kinds = {ES256.ALGORITHM, EdDSA.ALGORITHM}
        server.allowed_algorithms = [one for one in server.allowed_algorithms if one.alg in kinds]
        return server

    def _is_own_page(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
            host = parts.hostname
        except ValueError:
            return False
        # A browser takes its own machine for secure without TLS, and nothing else.
        secure = parts.scheme == "https" or (parts.scheme, host) == ("http", "localhost")
        return secure and host == self._name

    def _remember(self, state: Mapping[str, Any], holder: HolderId, now_us: int) -> None:
        while len(self._asked) >= ASKED_MAX:
            del self._asked[next(iter(self._asked))]
        self._asked[state["challenge"]] = _Asked(state, holder, now_us + ASKED_US)

    def _taken(self, response: str, now_us: int) -> _Asked:
        """What was asked, which counts once. Raises PasskeyError."""
        asked = self._asked.pop(_text(_challenge_of(response)), None)
        if asked is None or asked.until_us < now_us:
            raise PasskeyError("nobody waits for this answer, or no longer")
        return asked


def _challenge_of(response: str) -> bytes:
    """Raises PasskeyError."""
    try:
        text = msgspec.json.decode(response, type=_Response).response.client_data
        return _decoded(msgspec.json.decode(_decoded(text), type=_ClientData).challenge)
    except (msgspec.DecodeError, ValueError) as error:
        raise PasskeyError("no response of a passkey") from error


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _id_of(credential: bytes) -> bytes:
    return AttestedCredentialData(credential).credential_id


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(f"{text}==")
