"""Orders as signed files: what is wished for at a site, why, and until when it may be given there.

A file is one envelope the whole way: made without a signature, signed by one after the other, given
to each edge that is to act on it. An edge acts once on what was signed, known by its SHA-256.
`edge.consent_orders` has the consents, which came before the others.
"""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from controller.body import Name
from controller.ids import OrderId
from controller.orders import ENDS_MAX, ENVELOPE_CHARS_MAX, Counter, Cover
from edge.signatures import EnvelopeError, PayloadTypeError, SigningKey, sign, taken_apart
from policies.facts import Level
from policies.rights import OrderKind

PAYLOAD_TYPE = "application/vnd.sentrypost.order.v1"
"""JSON of one of the orders below, or of a consent."""

SCHEMA: Literal[1] = 1
NONCE_BYTES = 16

ORDER_BYTES_MAX = ENVELOPE_CHARS_MAX
"""Of the envelope: the longest order with two signatures of security keys fits (design, 5)."""

ACCEPT_S = 4 * 3600
"""From making an order to the last moment at which an edge takes it: enough to have it signed and
carried there, and a stick that is found the next day opens nothing."""

REASON_CHARS_MAX = 200
NAMES_MAX = 12
"""Zones or portals in one order; whoever means more means the whole site, or writes two."""

DESPITE_MAX = 6
"""As many as fit beside the portals; with more postures in force than that, lift some."""

TIME_S_MAX = 253_370_764_800
"""The year 9999, behind which no calendar has words for a time."""

PERSON_ID_CHARS_MAX = 64
"""As many as one on file can have."""

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARS_MAX)]
PersonId = Annotated[str, msgspec.Meta(min_length=1, max_length=PERSON_ID_CHARS_MAX)]
"""The integrator's id of somebody on file."""

SiteName = Annotated[str, msgspec.Meta(max_length=200)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=TIME_S_MAX)]
Hex128 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
SourceName = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?\Z")]
SomeNames = Annotated[tuple[Name, ...], msgspec.Meta(max_length=NAMES_MAX)]
Portals = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]
Ends = Annotated[tuple[OrderId, ...], msgspec.Meta(min_length=1, max_length=ENDS_MAX)]
Kinds = Annotated[tuple[OrderKind, ...], msgspec.Meta(max_length=len(OrderKind))]


class OrderError(Exception):
    """The file is not taken, and nothing was changed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class OversizedError(OrderError):
    """More bytes than any order has."""


class PayloadError(OrderError):
    """What was signed is no order that this version knows."""


class OtherSiteError(OrderError):
    """The order is for another site."""


class IssuerError(OrderError):
    """Whose counter it uses is not among those who have signed it."""


class SourceError(OrderError):
    """An edge's own key has signed what it may not."""


class Payload(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="order",
):
    """What every order says. `nonce`: 128 random bits, so that no two orders are the same.
    `issuer`: the id of the key whose `counter` it is, one of those that sign.
    """

    schema: Literal[1]
    site: SiteName
    nonce: Hex128
    issuer: Hex128
    counter: Counter
    review_s: Seconds
    reason: Reason

    @property
    def kind(self) -> OrderKind:
        return OrderKind(str(self.__struct_config__.tag))


class PostureOrder(Payload, frozen=True, kw_only=True):
    """A posture, or an exercise of one. `source`: the switch or button at which it was given."""

    zones: SomeNames = ()
    drill: bool = False
    moves: bool = True
    until_s: Seconds | None = None
    source: SourceName = ""

    def __post_init__(self) -> None:
        _distinct(self.zones)
        if self.until_s is not None and not self.drill:
            raise ValueError("a drill alone ends by a time, what is real by its own lift")
        if not (self.moves or self.drill):
            raise ValueError("in a drill alone doors stay as they are")


class LockdownOrder(PostureOrder, frozen=True, kw_only=True, tag="lockdown"):
    """Nobody comes in, from outside or (`full`) through any door."""

    cover: Cover = Cover.FULL


class ShelterOrder(PostureOrder, frozen=True, kw_only=True, tag="shelter"):
    """Nobody comes in from outside; refuges open from inside."""


class EvacuateOrder(PostureOrder, frozen=True, kw_only=True, tag="evacuate"):
    """Everybody leaves: ways out are released, nobody comes in."""

    accept_until_s: Seconds


class RaiseOrder(PostureOrder, frozen=True, kw_only=True, tag="raise"):
    """The threat level is at least this."""

    level: Level


class _Ending(Payload, frozen=True, kw_only=True):
    """Ends other orders, by their ids."""

    ends: Ends

    def __post_init__(self) -> None:
        _distinct(self.ends)


class EndHoldOrder(_Ending, frozen=True, kw_only=True, tag="end-hold"):
    """Ends holds of exits."""


class EndDrillOrder(_Ending, frozen=True, kw_only=True, tag="end-drill"):
    """Ends whatever was marked a drill."""


class EndUnlockOrder(_Ending, frozen=True, kw_only=True, tag="end-unlock"):
    """Ends ordered unlocking."""


class EndDelegationOrder(_Ending, frozen=True, kw_only=True, tag="end-delegation"):
    """Ends delegations and successions."""

    accept_until_s: Seconds


class LiftOrder(_Ending, frozen=True, kw_only=True, tag="lift"):
    """Ends lockdowns, shelters and evacuations."""

    accept_until_s: Seconds


class LowerOrder(_Ending, frozen=True, kw_only=True, tag="lower"):
    """Ends raised levels."""

    accept_until_s: Seconds


class _AtPortals(Payload, frozen=True, kw_only=True):
    portals: Portals
    accept_until_s: Seconds
    until_s: Seconds

    def __post_init__(self) -> None:
        _distinct(self.portals)


class UnlockOrder(_AtPortals, frozen=True, kw_only=True, tag="unlock"):
    """The portals are open until then. `despite`: the postures of which whoever signs it knows; in
    any other it opens nothing.
    """

    despite: Annotated[tuple[OrderId, ...], msgspec.Meta(max_length=DESPITE_MAX)] = ()

    def __post_init__(self) -> None:
        _distinct(self.portals)
        _distinct(self.despite)


class HoldOrder(_AtPortals, frozen=True, kw_only=True, tag="hold"):
    """Identified exits of these portals are suspended until then."""


class FireOverrideOrder(Payload, frozen=True, kw_only=True, tag="fire-override"):
    """The latch of this fire input ends although nobody has reset it."""

    fire: Name
    accept_until_s: Seconds


class CountersOrder(Payload, frozen=True, kw_only=True, tag="counters"):
    """Whoever signs it has nothing out with a counter above its own. `challenge`: drawn by the edge
    that was put back to an earlier state.
    """

    challenge: Hex128
    accept_until_s: Seconds


class DelegateOrder(Payload, frozen=True, kw_only=True, tag="delegate"):
    """`person` may what `role` may: these kinds of orders (none named: all) about these zones."""

    role: Name
    person: PersonId
    kinds: Kinds = ()
    zones: SomeNames = ()
    accept_until_s: Seconds
    until_s: Seconds

    def __post_init__(self) -> None:
        _distinct(self.zones)
        _distinct(self.kinds)


class SucceedOrder(Payload, frozen=True, kw_only=True, tag="succeed"):
    """A deputy records that whoever comes before him cannot be reached, and acts for `role`."""

    role: Name
    person: PersonId
    unreachable: SomeNames = ()
    accept_until_s: Seconds
    until_s: Seconds

    def __post_init__(self) -> None:
        _distinct(self.unreachable)


AnyOrder = (
    LockdownOrder
    | ShelterOrder
    | EvacuateOrder
    | RaiseOrder
    | EndHoldOrder
    | EndDrillOrder
    | EndUnlockOrder
    | EndDelegationOrder
    | LiftOrder
    | LowerOrder
    | UnlockOrder
    | HoldOrder
    | FireOverrideOrder
    | CountersOrder
    | DelegateOrder
    | SucceedOrder
)

P = TypeVar("P", bound=Payload)

_DECODER: msgspec.json.Decoder[AnyOrder] = msgspec.json.Decoder(AnyOrder)


class Stamp(NamedTuple):
    """What an order says whatever it is about."""

    site: str
    nonce: str
    issuer: str
    counter: int
    review_s: int
    reason: str


def stamp(
    site: str,
    issuer: str,
    reason: str,
    *,
    now_ms: int,
    review_s: int,
    entropy: Callable[[int], bytes],
) -> Stamp:
    """For an order made now. The counter is the time in milliseconds since 1970, so that it rises
    whoever makes the next one, and where.
    """
    return Stamp(site, entropy(NONCE_BYTES).hex(), issuer, now_ms, review_s, reason)


def stamped(kind: type[P], head: Stamp) -> Callable[..., P]:
    """Takes what is particular to the kind of order, and gives it whole; raises PayloadError where
    that contradicts itself.
    """

    make = partial(kind, schema=SCHEMA, **head._asdict())

    def whole(**particular: Any) -> P:
        try:
            return make(**particular)
        except ValueError as error:
            raise PayloadError(f"no such order ({error})", "change what contradicts") from None

    return whole


def encoded(order: Payload) -> bytes:
    """The bytes that are signed: of one order there is one spelling. Raises PayloadError for one
    that no edge would take.
    """
    try:
        return msgspec.json.encode(_DECODER.decode(msgspec.json.encode(order)))
    except msgspec.DecodeError as error:
        raise PayloadError(f"no such order ({error})", "change what it says") from None


def decoded(payload: bytes) -> AnyOrder:
    """The inverse. Raises PayloadError."""
    remedy = "make it with `sentrypost order new`, or copy the file again"
    try:
        order = _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if re.match(rb'\{"order":"consent"', payload):
            remedy = "it is a consent: give it with `sentrypost consent give`"
        raise PayloadError(f"no order that this version knows ({error})", remedy) from None
    if msgspec.json.encode(order) != payload:
        # A field that stands there twice, another order of fields, a default spelled out: what two
        # readers could understand differently is understood by nobody.
        raise PayloadError("an order that is not spelled as orders are", remedy)
    return order


def unsigned(order: Payload) -> bytes:
    """The envelope that is then signed. Raises PayloadError, OversizedError."""
    return signed_by(order, ())


def signed_by(order: Payload, keys: tuple[SigningKey, ...]) -> bytes:
    """The envelope with a signature of each key. Raises PayloadError, OversizedError."""
    return bounded(sign(encoded(order), PAYLOAD_TYPE, keys))


def read_order(envelope: bytes) -> AnyOrder:
    """What an envelope holds, whoever has signed it. Raises OrderError, SignatureError."""
    parts = taken_apart(unambiguous(bounded(envelope)))
    if parts.payload_type != PAYLOAD_TYPE:
        raise PayloadTypeError(
            f"this is {parts.payload_type[:128]!r} and no order",
            "give it to the command that takes it",
        )
    return decoded(parts.payload)


def bounded(envelope: bytes) -> bytes:
    """The envelope itself. Raises OversizedError."""
    if len(envelope) > ORDER_BYTES_MAX:
        raise OversizedError(
            f"larger than {ORDER_BYTES_MAX} bytes: no order",
            "name the file with the order; an order for many zones or portals is written as two",
        )
    return envelope


def unambiguous(envelope: bytes) -> bytes:
    """The envelope itself, if no field stands in it twice. Raises EnvelopeError."""
    try:
        json.loads(envelope, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(
            f"no signed file, or cut off ({error})", "copy the file again from where it was made"
        ) from None
    return envelope


def _once(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a field stands there twice")


def _distinct(names: tuple[object, ...]) -> None:
    if len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
