"""Events of orders: what was given, what was refused and why, what ended."""

from typing import Annotated

import msgspec

from controller.body import Body, Count, Text
from controller.holders import KeyId
from controller.ids import OrderId
from controller.ledger import Commitment
from controller.moment import Micros
from controller.orders import Challenge, EndCause, Order
from policies.rights import OrderKind

Keys = Annotated[tuple[KeyId, ...], msgspec.Meta(max_length=8)]


class OrderAccepted(Body, frozen=True, kw_only=True):
    """An order is in force, or was carried out. `people` have signed it with `keys`; a one-time
    code, `break_glass`, stood for one of them. `path`: how it came. `late`: an evacuation that came
    after its time: it denies entry and frees nothing until somebody on the spot confirms it.
    `until_us`: when it ends by itself, monotonic. `operator`: who brought it.
    """

    order: Order
    people: Count
    keys: Keys
    path: Text
    break_glass: Text = ""
    late: bool = False
    until_us: Micros | None = None
    signed_by: Commitment
    operator: Commitment


class OrderRefused(Body, frozen=True, kw_only=True):
    """An order did not act, and why. Nobody could read it where it has no `order`."""

    order: Annotated[str, msgspec.Meta(max_length=64)]
    order_kind: Text
    reason: Text
    path: Text
    operator: Commitment | None = None


class OrdersSuspected(Body, frozen=True, kw_only=True):
    """Order after order was refused: somebody tries."""

    refusals: Count


class OrderEnded(Body, frozen=True, kw_only=True):
    """An order is in force no more. `by`: the order that ended it, where one did."""

    order: OrderId
    order_kind: OrderKind
    cause: EndCause
    by: Annotated[str, msgspec.Meta(max_length=64)] = ""


class EvacuationConfirmed(Body, frozen=True, kw_only=True):
    """Somebody on the spot says that an evacuation that came late is meant: ways out are freed."""

    order: OrderId
    operator: Commitment


class CountersChallenged(Body, frozen=True, kw_only=True):
    """What was ordered may be missing here. Two people who sign this challenge say that orders made
    from then on count.
    """

    challenge: Challenge
    operator: Commitment | None = None
