"""Who has signed an order: every signature of it must be that of a key which may sign orders.

Signatures stand in the envelope as DSSE has them, each with the id of its key; the site file says
of a key how it signs. `sig` holds 64 bytes of Ed25519, or what `ssh-keygen -Y sign` has put into
its armour, or the JSON of `edge.fido2_assertions.Assertion`.
"""

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from controller.ids import OrderId
from controller.orders import RAISING
from edge.orders import (
    PAYLOAD_TYPE,
    AnyOrder,
    IssuerError,
    OtherSiteError,
    PostureOrder,
    SourceError,
    bounded,
    read_order,
    unambiguous,
)
from edge.signatures import (
    EnvelopeError,
    KeyKind,
    Parts,
    SignatureError,
    SignersError,
    TrustedKey,
    Use,
    Verified,
    fits,
    pae,
    taken_apart,
    with_signature,
)
from edge.ssh_signatures import made_by, namespace, unarmoured

if TYPE_CHECKING:
    from edge.fido2_assertions import Wrong

SIGNATURES_MAX = 5
"""More than any policy asks for; each one costs a verification."""


class TooManySignaturesError(SignatureError):
    """More signatures than an order can have."""


class UnknownKeyError(SignatureError):
    """A key has signed that the site file does not know."""


class ForgedError(SignatureError):
    """What stands under a key's id is not that key's signature of this order."""


class SignCount(NamedTuple):
    """How much a security key says it has signed, this time included; 0 where it does not count."""

    key: str
    signed: int


class SignedOrder(NamedTuple):
    """An order that the site's keys have signed, and what it is known by.

    `signed.people`: each person once, whatever he has signed with; nobody where an edge's own key
    alone has signed (`sourced`). `counts`: of the security keys; `edge.sign_counts`
    judges them.
    """

    order: AnyOrder
    id: OrderId
    signed: Verified
    sourced: bool
    counts: tuple[SignCount, ...]

    @property
    def raises(self) -> bool:
        return self.order.kind in RAISING


def order_of(envelope: bytes, keys: Collection[TrustedKey], site: str) -> SignedOrder:
    """The order of an envelope, whose every signature is that of a key which may sign orders. How
    many people have to, and with which roles, the policy says, and the core looks at it.

    Takes some milliseconds. Raises OrderError, SignatureError.
    """
    order, parts = read_order(envelope), taken_apart(envelope)
    if order.site != site:
        raise OtherSiteError(
            f"it is for site '{order.site}', this is '{site}'", "give it to an edge of its own site"
        )
    found = _signers(parts, keys)
    message = pae(PAYLOAD_TYPE, parts.payload)
    counts = tuple(
        SignCount(key.id, count)
        for key, signature in found
        if (count := _count(key, signature, site, message)) is not None
    )
    people = tuple(sorted({key.person for key, _ in found if Use.ORDER in key.may}))
    signed = Verified(parts.payload, people, tuple(sorted(key.id for key, _ in found)))
    if order.issuer not in signed.keys:
        raise IssuerError(
            "the key whose counter it uses has not signed it",
            "have it signed with that key too, or make it anew for one of the keys that sign it",
        )
    _judge_source(order, found)
    digest = hashlib.sha256(parts.payload).hexdigest()
    return SignedOrder(order, digest, signed, not people, counts)


def signers_of(envelope: bytes, keys: Collection[TrustedKey], site: str) -> tuple[TrustedKey, ...]:
    """Whose signatures stand in an envelope; every one holds. Raises SignatureError."""
    parts = taken_apart(unambiguous(bounded(envelope)))
    found, message = _signers(parts, keys), pae(parts.payload_type, parts.payload)
    for key, signature in found:
        _count(key, signature, site, message)
    return tuple(key for key, _ in found)


def order_id(envelope: bytes) -> OrderId:
    """What the order in an envelope is known by, whoever has signed it. Raises EnvelopeError."""
    return hashlib.sha256(taken_apart(envelope).payload).hexdigest()


def with_ssh_signature(
    envelope: bytes, armour: bytes, keys: Collection[TrustedKey], site: str
) -> tuple[bytes, TrustedKey]:
    """The envelope with a signature of ssh-keygen in it, and whose it is. Raises SignatureError."""
    parts, signature = taken_apart(unambiguous(bounded(envelope))), unarmoured(armour)
    message = pae(parts.payload_type, parts.payload)
    for key in keys:
        if key.kind is KeyKind.SSH and made_by(signature, key.public, site, message):
            return bounded(with_signature(envelope, key.id, signature)), key
    raise ForgedError(
        "none of the site's SSH keys has signed exactly this as an order for this site",
        f"`sentrypost order sign --print` gives what is signed by `ssh-keygen -Y sign -n "
        f"{namespace(site)}`; enter the key as [key.…] in the site file",
    )


def with_assertion(
    envelope: bytes, signature: bytes, keys: Collection[TrustedKey], site: str
) -> tuple[bytes, TrustedKey]:
    """The envelope with an assertion of a security key in it, and whose it is. `signature`: as
    `edge.fido2_assertions.packed` makes it. Raises SignatureError.
    """
    from edge.fido2_assertions import Wrong

    parts = taken_apart(unambiguous(bounded(envelope)))
    message = pae(parts.payload_type, parts.payload)
    why = "there is no security key in the site file"
    for key in keys:
        if key.kind is KeyKind.FIDO2:
            told = _asserted(key, signature, site, message)
            if not isinstance(told, Wrong):
                return bounded(with_signature(envelope, key.id, signature)), key
            why = told.value
    raise ForgedError(
        f"no security key of the site has signed this: {why}",
        "sign the order anew with the key that the site file names as [key.…] fido2",
    )


def _signers(parts: Parts, keys: Collection[TrustedKey]) -> list[tuple[TrustedKey, bytes]]:
    """Each signature with the key that it names. Raises SignatureError."""
    if len(parts.signatures) > SIGNATURES_MAX:
        raise TooManySignaturesError(
            f"{len(parts.signatures)} signatures, an order has {SIGNATURES_MAX} at most",
            "sign the file that was first made",
        )
    if len({keyid for keyid, _ in parts.signatures}) < len(parts.signatures):
        raise EnvelopeError("a key has signed it twice", "sign the file that was first made")
    if not parts.signatures:
        raise SignersError("nobody has signed this", "`sentrypost order sign` signs it")
    known = {key.id: key for key in keys}
    found = []
    for keyid, signature in parts.signatures:
        key = known.get(keyid)
        if key is None:
            raise UnknownKeyError(
                f"signed with a key that the site file does not know ({keyid or 'without an id'})",
                "enter the key as [key.…] in the site file of this edge, or sign the file that was "
                "first made with keys that it knows",
            )
        if not key.may & {Use.ORDER, Use.RAISE}:
            raise SignersError(
                f"key '{key.name}' has signed this and may not sign orders",
                "sign the file that was first made with a key that may, or let it: may = "
                '["order"] in the site file',
            )
        found.append((key, signature))
    return found


def _count(key: TrustedKey, signature: bytes, site: str, message: bytes) -> int | None:
    """What a security key counts; None of another key. Raises ForgedError."""
    if key.kind is KeyKind.FIDO2:
        from edge.fido2_assertions import Wrong

        told = _asserted(key, signature, site, message)
        if isinstance(told, Wrong):
            raise _forged(key, told.value)
        return told
    ssh = key.kind is KeyKind.SSH
    good = (
        made_by(signature, key.public, site, message)
        if ssh
        else fits(key.public, signature, message)
    )
    if not good:
        asked = f"; `ssh-keygen -Y sign -n {namespace(site)}` is what counts" if ssh else ""
        raise _forged(key, f"it fits neither the order nor the key{asked}")
    return None


def _asserted(key: TrustedKey, signature: bytes, site: str, message: bytes) -> "int | Wrong":
    # 40 ms of import that an edge without security keys never takes.
    from edge.fido2_assertions import sign_count

    return sign_count(signature, key.public, site, message)


def _forged(key: TrustedKey, why: str) -> ForgedError:
    return ForgedError(
        f"the signature of key '{key.name}' does not hold: {why}",
        "it was changed on the way, or signed for something else: copy the file again, or have it "
        "signed anew",
    )


def _judge_source(order: AnyOrder, found: Collection[tuple[TrustedKey, bytes]]) -> None:
    """Raises SourceError where an edge's key is among those of an order that no edge gives."""
    edges = [key.name for key, _ in found if Use.ORDER not in key.may]
    if edges and order.kind not in RAISING:
        raise SourceError(
            f"key '{edges[0]}' is an edge's own: it raises security, and gives no '{order.kind}'",
            "have it signed by people",
        )
    if isinstance(order, PostureOrder) and order.source and len(edges) < len(found):
        raise SourceError(
            f"it says that it was given at '{order.source}', and people have signed it",
            "make it anew with `sentrypost order new`",
        )
