"""The head of mission's consents as signed files, as `edge.orders` has the other orders."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from datetime import tzinfo
from typing import Annotated, NamedTuple

import msgspec

from controller.consents import CONSENT_S_MAX, PARTY_MAX, ZONES_MAX
from controller.ids import OrderId
from controller.moment import SECOND_US
from edge.orders import (
    ACCEPT_S,
    NONCE_BYTES,
    PAYLOAD_TYPE,
    SCHEMA,
    Hex128,
    OrderError,
    OtherSiteError,
    PersonId,
    Reason,
    SiteName,
)
from edge.present import local
from edge.signatures import (
    KeyKind,
    TrustedKey,
    Use,
    Verified,
    pae,
    sign,
    taken_apart,
    unverified,
    verify,
)
from edge.signed_orders import SignCount
from policies.facts import UtcSeconds

CONSENT_BYTES_MAX = 16 * 1024
"""Of the envelope: ten times what eight signatures take."""


Zones = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...],
    msgspec.Meta(min_length=1, max_length=ZONES_MAX),
]


Party = Annotated[int, msgspec.Meta(ge=1, le=PARTY_MAX)]


class ConsentOrder(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="order",
    tag="consent",
):
    """The head of mission consents to the entry of `person`, until `until_s`, into `zones` and
    those around them on the way there; left out: all. `party`: with so many people without badges,
    whom he leads; left out: none. `nonce`: 128 random bits, so that no two
    consents are the same.
    """

    schema: Annotated[int, msgspec.Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    site: SiteName
    nonce: Hex128
    accept_until_s: UtcSeconds
    reason: Reason
    person: PersonId
    until_s: UtcSeconds
    zones: Zones | msgspec.UnsetType = msgspec.UNSET
    party: Party | msgspec.UnsetType = msgspec.UNSET


class SignedConsent(NamedTuple):
    """An order that somebody has signed who may, and what it is known by. `counts`: of the security
    keys; `edge.sign_counts` judges them.
    """

    order: ConsentOrder
    id: OrderId
    signed: Verified
    counts: tuple[SignCount, ...] = ()

    @property
    def raises(self) -> bool:
        """It lets somebody in."""
        return False


_DECODER = msgspec.json.Decoder(ConsentOrder)


def consent_order(
    site: str,
    person: str,
    until_s: int,
    reason: str,
    now_s: int,
    entropy: Callable[[int], bytes],
    zones: tuple[str, ...] = (),
    party: int = 0,
) -> ConsentOrder:
    """An order that can be given from now on. Raises OrderError for one that no edge would take."""
    if until_s <= now_s:
        raise OrderError("its time would be over already", "name a later time")
    if until_s > now_s + CONSENT_S_MAX:
        raise OrderError(
            f"a consent holds for {CONSENT_S_MAX // 3600} hours at most", "name an earlier time"
        )
    made = ConsentOrder(
        site=site,
        nonce=entropy(NONCE_BYTES).hex(),
        accept_until_s=min(until_s, now_s + ACCEPT_S),
        reason=reason,
        person=person,
        until_s=until_s,
        zones=zones or msgspec.UNSET,
        party=party or msgspec.UNSET,
    )
    return _decoded(msgspec.json.encode(made))


def words_of(order: ConsentOrder, zone: tzinfo) -> Iterator[str]:
    """What it says, as whoever signs it reads it; times by this zone."""
    until, by = (local(at_s * SECOND_US, zone) for at_s in (order.until_s, order.accept_until_s))
    where = f" {', '.join(order.zones)} and the way there" if order.zones else ""
    party = f" and {order.party} with him, whom he leads," if order.party else ""
    yield f"site {order.site}: '{order.person}'{party} may enter{where} until {until}"
    yield f"reason: {order.reason}"
    yield f"an edge takes it until {by}"


def unsigned(order: ConsentOrder) -> bytes:
    """The envelope that is then signed."""
    return sign(msgspec.json.encode(order), PAYLOAD_TYPE, ())


def read_consent(envelope: bytes) -> ConsentOrder:
    """What an envelope holds, whoever has signed it. Raises OrderError, SignatureError."""
    return _decoded(unverified(_bounded(envelope), PAYLOAD_TYPE)[0])


def signed_consent(envelope: bytes, keys: Collection[TrustedKey], site: str) -> SignedConsent:
    """The order of an envelope that somebody has signed who may sign it. How many have to, and with
    which roles, the policy says, and the core looks at it. Raises OrderError, SignatureError.
    """
    signed, counts = _verified(_bounded(envelope), keys, site)
    order = _decoded(signed.payload)
    if order.site != site:
        raise OtherSiteError(
            f"it is for site '{order.site}', this is '{site}'", "give it to an edge of its own site"
        )
    return SignedConsent(order, hashlib.sha256(signed.payload).hexdigest(), signed, counts)


def _verified(
    envelope: bytes, keys: Collection[TrustedKey], site: str
) -> tuple[Verified, tuple[SignCount, ...]]:
    """By plain keys and security keys alike. Raises SignatureError."""
    parts = taken_apart(envelope)
    message = pae(parts.payload_type, parts.payload)
    asserted = {
        key: count
        for key in keys
        if key.kind is KeyKind.FIDO2 and Use.CONSENT in key.may
        for keyid, signature in parts.signatures
        if keyid == key.id and (count := _asserted(key, signature, site, message)) is not None
    }
    if not asserted or parts.payload_type != PAYLOAD_TYPE:
        return verify(envelope, keys, PAYLOAD_TYPE, Use.CONSENT), ()
    plain = verify(envelope, keys, PAYLOAD_TYPE, Use.CONSENT, needs=0)
    people = {*plain.people, *(key.person for key in asserted)}
    ids = {*plain.keys, *(key.id for key in asserted)}
    counts = tuple(SignCount(key.id, count) for key, count in asserted.items())
    return Verified(parts.payload, tuple(sorted(people)), tuple(sorted(ids))), counts


def _asserted(key: TrustedKey, signature: bytes, site: str, message: bytes) -> int | None:
    """The key's count, where its user has signed this."""
    # 40 ms of import that an edge without security keys never takes.
    from edge.fido2_assertions import Wrong, sign_count

    told = sign_count(signature, key.public, site, message)
    return None if isinstance(told, Wrong) else told


def _bounded(envelope: bytes) -> bytes:
    if len(envelope) > CONSENT_BYTES_MAX:
        raise OrderError(
            f"larger than {CONSENT_BYTES_MAX} bytes: no order", "name the file with the order"
        )
    return envelope


def _decoded(payload: bytes) -> ConsentOrder:
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderError(
            f"no order that this version knows ({error})", "make it with `sentrypost consent new`"
        ) from None
