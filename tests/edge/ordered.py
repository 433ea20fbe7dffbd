"""Orders of a site, the keys that sign them, and the real ssh-keygen."""

import base64
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.orders import Cover
from edge.fido2_assertions import challenge, fido2_key, from_webauthn, rp_id
from edge.orders import (
    AnyOrder,
    CountersOrder,
    DelegateOrder,
    EndDelegationOrder,
    EndDrillOrder,
    EndHoldOrder,
    EndUnlockOrder,
    EvacuateOrder,
    FireOverrideOrder,
    HoldOrder,
    LiftOrder,
    LockdownOrder,
    LowerOrder,
    Payload,
    RaiseOrder,
    ShelterOrder,
    Stamp,
    SucceedOrder,
    UnlockOrder,
    stamped,
    unsigned,
)
from edge.signatures import KeyKind, SigningKey, TrustedKey, Use, pae, signed_too, taken_apart
from edge.ssh_signatures import ssh_public_key
from policies.rights import OrderKind
from tests.edge.authenticator import Authenticator
from tests.servers import require

SITE = "house"
NOW_S = 1_795_212_000
COUNTER = NOW_S * 1000


def key(number: int) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


ANNA, BEN, ANNA_TOO, CARL, STRANGER, EDGE = (key(number) for number in range(1, 7))
"""Anna has two keys, Carl may not sign orders, nobody knows the stranger, an edge has its own."""

ORDER = frozenset({Use.ORDER})
KEYS = (
    TrustedKey("anna", "Anna", ANNA.public, ORDER, "1"),
    TrustedKey("ben", "Ben", BEN.public, ORDER, "2"),
    TrustedKey("anna-2", "Anna", ANNA_TOO.public, ORDER, "1"),
    TrustedKey("carl", "Carl", CARL.public, frozenset({Use.PEOPLE, Use.CONSENT})),
    TrustedKey("north", "edge north", EDGE.public, frozenset({Use.RAISE})),
)

SOME_ID = "ab" * 32
LATER_S = NOW_S + 600


def head(issuer: SigningKey | TrustedKey = ANNA, site: str = SITE, number: int = 7) -> Stamp:
    return Stamp(site, f"{number:032x}", issuer.id, COUNTER + number, NOW_S + 3600, "a test")


def one_of_each(issuer: SigningKey | TrustedKey = ANNA, number: int = 7) -> tuple[AnyOrder, ...]:
    """An order of every kind, some in two shapes."""
    at = head(issuer, number=number)
    until = {"accept_until_s": LATER_S, "until_s": LATER_S}
    ends = (SOME_ID, "cd" * 32)
    return (
        stamped(LockdownOrder, at)(),
        stamped(LockdownOrder, at)(zones=("hall", "vault"), cover=Cover.PERIMETER),
        stamped(LockdownOrder, at)(drill=True, moves=False, until_s=LATER_S),
        stamped(ShelterOrder, at)(zones=("hall",)),
        stamped(EvacuateOrder, at)(accept_until_s=LATER_S),
        stamped(RaiseOrder, at)(level=4),
        stamped(EndHoldOrder, at)(ends=ends),
        stamped(EndDrillOrder, at)(ends=ends),
        stamped(EndUnlockOrder, at)(ends=ends),
        stamped(EndDelegationOrder, at)(ends=ends, accept_until_s=LATER_S),
        stamped(LiftOrder, at)(ends=ends, accept_until_s=LATER_S),
        stamped(LowerOrder, at)(ends=ends, accept_until_s=LATER_S),
        stamped(UnlockOrder, at)(portals=("front",), **until),
        stamped(UnlockOrder, at)(portals=("front",), despite=ends, **until),
        stamped(HoldOrder, at)(portals=("front", "side"), **until),
        stamped(FireOverrideOrder, at)(fire="panel", accept_until_s=LATER_S),
        stamped(CountersOrder, at)(challenge="5a" * 16, accept_until_s=LATER_S),
        stamped(DelegateOrder, at)(
            role="chief", person="2", kinds=(OrderKind.LIFT,), zones=("hall",), **until
        ),
        stamped(SucceedOrder, at)(role="chief", person="2", unreachable=("deputy",), **until),
    )


def signed(order: Payload, *keys: SigningKey) -> bytes:
    envelope = unsigned(order)
    for one in keys:
        envelope = signed_too(envelope, one)
    return envelope


def message_of(envelope: bytes) -> bytes:
    """What every signature of it is over."""
    parts = taken_apart(envelope)
    return pae(parts.payload_type, parts.payload)


class SshKey:
    """An Ed25519 key that ssh-keygen has made, and signs with; without it the test is skipped."""

    def __init__(self, folder: Path, name: str = "id", kind: str = "ed25519") -> None:
        self.file = folder / name
        require("ssh-keygen", "openssh-client")
        _ran("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "anna@desk", "-f", str(self.file))
        self.line = self.file.with_suffix(".pub").read_text()

    def trusted(self, name: str = "ssh", person: str = "Anna") -> TrustedKey:
        return TrustedKey(name, person, ssh_public_key(self.line), ORDER, "1", KeyKind.SSH)

    def signs(self, message: bytes, namespace: str, *more: str) -> bytes:
        """The armoured signature."""
        words = ("ssh-keygen", "-Y", "sign", "-q", "-f", str(self.file), "-n", namespace, *more)
        return _ran(*words, given=message)


def _ran(*words: str, given: bytes | None = None) -> bytes:
    done = subprocess.run(words, input=given, capture_output=True, check=True, timeout=60)
    return done.stdout


def security_key(name: str = "stick", person: str = "Anna", *, eddsa: bool = False, count: int = 0):
    """A simulated security key of this site, and what the site file says of it."""
    device = Authenticator(rp_id(SITE), eddsa=eddsa, count=count)
    found = fido2_key(base64.b64encode(device.attested).decode())
    trusted = TrustedKey(name, person, found.public, ORDER, "1", KeyKind.FIDO2, found.credential)
    return device, trusted


def asserted(device: Authenticator, envelope: bytes, **changes: object) -> bytes:
    """What stands in `sig` when the key has signed this envelope."""
    return from_webauthn(device.response(challenge(message_of(envelope)), **changes))
