"""Orders as signed files: what is wished for at a site, why, and until when it may be given there.

A file is one envelope the whole way: made without a signature, signed by one after the other, given
to each edge that is to act on it. An edge acts once on what was signed, known by its SHA-256.
"""

import hashlib
from collections.abc import Callable, Collection
from typing import Annotated, NamedTuple

import msgspec

from controller.consents import CONSENT_S_MAX
from controller.ids import OrderId
from edge.signatures import TrustedKey, Use, Verified, sign, unverified, verify
from policies.facts import UtcSeconds

PAYLOAD_TYPE = "application/vnd.sentrypost.order.v1"
"""JSON of one of the orders below."""

SCHEMA = 1
NONCE_BYTES = 16

ACCEPT_S = 4 * 3600
"""From making an order to the last moment at which an edge takes it: enough to have it signed and
carried there, and a stick that is found the next day opens nothing."""

ORDER_BYTES_MAX = 16 * 1024
"""Of the envelope: ten times what eight signatures take."""

REASON_CHARS_MAX = 200

PERSON_ID_CHARS_MAX = 64
"""As many as one on file can have."""

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARS_MAX)]
PersonId = Annotated[str, msgspec.Meta(min_length=1, max_length=PERSON_ID_CHARS_MAX)]
"""The integrator's id of somebody on file."""


class OrderError(Exception):
    """The file is not taken, and nothing was changed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Order(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="order"
):
    """What every order says. `nonce`: 128 random bits, so that no two orders are the same."""

    schema: Annotated[int, msgspec.Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    site: Annotated[str, msgspec.Meta(max_length=200)]
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    accept_until_s: UtcSeconds
    reason: Reason


class ConsentOrder(Order, frozen=True, kw_only=True, tag="consent"):
    """The head of mission consents to the entry of `person`, until `until_s`."""

    person: PersonId
    until_s: UtcSeconds


class SignedOrder(NamedTuple):
    """An order that somebody has signed who may, and what it is known by."""

    order: ConsentOrder
    id: OrderId
    signed: Verified


_DECODER = msgspec.json.Decoder(ConsentOrder)


def consent_order(
    site: str,
    person: str,
    until_s: int,
    reason: str,
    now_s: int,
    entropy: Callable[[int], bytes],
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
    )
    return _decoded(msgspec.json.encode(made))


def unsigned(order: ConsentOrder) -> bytes:
    """The envelope that is then signed."""
    return sign(msgspec.json.encode(order), PAYLOAD_TYPE, ())


def read_order(envelope: bytes) -> ConsentOrder:
    """What an envelope holds, whoever has signed it. Raises OrderError, SignatureError."""
    return _decoded(unverified(_bounded(envelope), PAYLOAD_TYPE)[0])


def signed_order(envelope: bytes, keys: Collection[TrustedKey], site: str) -> SignedOrder:
    """The order of an envelope that somebody has signed who may sign it. How many have to, and with
    which roles, the policy says, and the core looks at it. Raises OrderError, SignatureError.
    """
    signed = verify(_bounded(envelope), keys, PAYLOAD_TYPE, Use.CONSENT)
    order = _decoded(signed.payload)
    if order.site != site:
        raise OrderError(
            f"it is for site '{order.site}', this is '{site}'", "give it to an edge of its own site"
        )
    return SignedOrder(order, hashlib.sha256(signed.payload).hexdigest(), signed)


def _bounded(envelope: bytes) -> bytes:
    if len(envelope) > ORDER_BYTES_MAX:
        raise OrderError(
            f"larger than {ORDER_BYTES_MAX} bytes: no order", "name the file with the order"
        )
    return envelope


def _decoded(payload: bytes) -> ConsentOrder:
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderError(
            f"no order that this version knows ({error})", "make it with `sentrypost consent new`"
        ) from None
