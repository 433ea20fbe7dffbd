"""A security key at a USB port (CTAP 2): enrolled once for a site, then it signs orders."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Protocol

from fido2.client import ClientDataCollector, ClientError, Fido2Client, UserInteraction
from fido2.cose import ES256, EdDSA
from fido2.ctap import CtapDevice, CtapError
from fido2.ctap2.pin import ClientPin
from fido2.hid import CtapHidDevice
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticatorSelectionCriteria,
    CollectedClientData,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from edge.fido2_assertions import challenge, packed, rp_id

TIMEOUT_MS = 60_000
"""To find the key, type its PIN and touch it."""


class SecurityKeyError(Exception):
    """The key has not done it. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Asking(Protocol):
    """Who sits before the key."""

    def touch(self) -> None:
        """Say that the key waits to be touched."""

    def pin(self) -> str:
        """The key's PIN; it goes to the key and nowhere else."""


@contextmanager
def the_key() -> Iterator[CtapDevice]:
    """The one security key that is plugged in. Raises SecurityKeyError."""
    try:
        found = list(CtapHidDevice.list_devices())
    except OSError as error:
        raise SecurityKeyError(
            f"the USB port cannot be read ({error.strerror})", "run it where you may"
        ) from error
    try:
        if len(found) != 1:
            count = "no security key is" if not found else f"{len(found)} security keys are"
            raise SecurityKeyError(f"{count} plugged in here", "plug in the one that is to sign")
        yield found[0]
    finally:
        for device in found:
            device.close()


def enrolled(device: CtapDevice, site: str, person: str, asking: Asking) -> AttestedCredentialData:
    """A new credential of this site on the key. Raises SecurityKeyError."""
    options = PublicKeyCredentialCreationOptions(
        rp=PublicKeyCredentialRpEntity(id=rp_id(site), name=f"Sentrypost {site}"),
        # The key shows the name; its id tells people apart and says nothing else.
        user=PublicKeyCredentialUserEntity(
            id=sha256(person.encode()).digest()[:16], name=person, display_name=person
        ),
        challenge=bytes(32),
        pub_key_cred_params=[
            PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=algorithm)
            for algorithm in (ES256.ALGORITHM, EdDSA.ALGORITHM)
        ],
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    with _told():
        made = _client(device, site, asking).make_credential(options)
    credential = made.response.attestation_object.auth_data.credential_data
    if credential is None:
        raise SecurityKeyError("the key gave no credential", "try another key")
    return credential


def assertion(
    device: CtapDevice, site: str, message: bytes, credentials: Collection[bytes], asking: Asking
) -> bytes:
    """What stands in `sig` of the envelope when the key has signed the message. `credentials`: the
    ids of those that count at the site. Raises SecurityKeyError.
    """
    options = PublicKeyCredentialRequestOptions(
        challenge=challenge(message),
        timeout=TIMEOUT_MS,
        rp_id=rp_id(site),
        allow_credentials=[
            PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=one)
            for one in credentials
        ],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    with _told():
        said = _client(device, site, asking).get_assertion(options).get_response(0).response
    return packed(said.authenticator_data, said.client_data, said.signature)


class _Here(ClientDataCollector):
    """Says what a browser would on the site's own page."""

    def __init__(self, site: str) -> None:
        self._rp = rp_id(site)

    def collect_client_data(
        self, options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions
    ) -> tuple[CollectedClientData, str]:
        made = isinstance(options, PublicKeyCredentialCreationOptions)
        kind = CollectedClientData.TYPE.CREATE if made else CollectedClientData.TYPE.GET
        origin = f"https://{self._rp}"
        return CollectedClientData.create(kind, options.challenge, origin), self._rp


class _Person(UserInteraction):
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def prompt_up(self) -> None:
        self._asking.touch()

    def request_pin(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> str | None:
        return self._asking.pin()

    def request_uv(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> bool:
        self._asking.touch()
        return True


def _client(device: CtapDevice, site: str, asking: Asking) -> Fido2Client:
    # No extension: an assertion with one in it is not taken.
    return Fido2Client(device, _Here(site), _Person(asking), extensions=())


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        why = f"{error.code.name.lower().replace('_', ' ')}"
        cause = f", {error.cause}" if isinstance(error.cause, CtapError) else ""
        raise SecurityKeyError(
            f"the security key has not signed: {why}{cause}",
            "it needs a PIN or a finger set up, and for signing it must be the key that was "
            "enrolled for this site; try again",
        ) from error
    except (CtapError, OSError, ValueError, TypeError) as error:
        # The last two: what the library makes of an answer that it did not expect.
        raise SecurityKeyError(
            f"the security key does not answer ({error})", "plug it in again and try once more"
        ) from error
