"""Deliveries: what is brought to a gate, where it stays, and to whom it goes.

TABLE is complete, as a visit's is. A diplomatic bag is neither opened nor detained (VCDR art.
27(3)): it stays nowhere, is handed over as it is taken, and one that was taken never goes back.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.events_visits import (
    DeliveryHanded,
    DeliveryRefused,
    DeliveryTaken,
    Goods,
    VisitId,
)
from controller.ids import HolderId
from controller.mermaid import state_diagram
from policies.facts import UtcSeconds

DELIVERIES_OPEN_MAX = 1_000
"""Taken and not handed over; more than a mail room holds."""

DELIVERIES_KEPT_MAX = 2_000
"""Those that are over and are still listed."""

ENDED_KEPT_S = 60 * 3_600
"""Over a weekend's night: whoever comes in the morning sees what came before."""


class DeliveryState(StrEnum):
    BROUGHT = "brought"  # it stands at the gate, and nothing is on record yet
    TAKEN = "taken"
    HANDED = "handed"
    REFUSED = "refused"


class DeliverySignal(StrEnum):
    TAKEN = "taken"
    HANDED = "handed"
    REFUSED = "refused"


class DeliveryMove(NamedTuple):
    """Where a signal leads; None: it has no meaning in this state and changes nothing."""

    target: DeliveryState | None


IGNORED = DeliveryMove(None)
_OVER: dict[DeliverySignal, DeliveryMove] = dict.fromkeys(DeliverySignal, IGNORED)

TABLE: dict[DeliveryState, dict[DeliverySignal, DeliveryMove]] = {
    DeliveryState.BROUGHT: {
        DeliverySignal.TAKEN: DeliveryMove(DeliveryState.TAKEN),
        DeliverySignal.HANDED: IGNORED,
        DeliverySignal.REFUSED: DeliveryMove(DeliveryState.REFUSED),
    },
    DeliveryState.TAKEN: {
        DeliverySignal.TAKEN: IGNORED,
        DeliverySignal.HANDED: DeliveryMove(DeliveryState.HANDED),
        DeliverySignal.REFUSED: DeliveryMove(DeliveryState.REFUSED),
    },
    DeliveryState.HANDED: _OVER,
    DeliveryState.REFUSED: _OVER,
}

assert set(TABLE) == set(DeliveryState), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(DeliverySignal), (
        f"{_state} must answer {set(DeliverySignal) ^ set(_row)}"
    )


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One. `taken`, `ended`: the entries that tell of it, 0 where there is none; values about
    people lie beside those.
    """

    goods: Goods
    portal: str
    place: str = ""
    state: DeliveryState = DeliveryState.BROUGHT
    recipient: HolderId | None = None
    bearer: HolderId | None = None
    receiver: HolderId | None = None
    taken: int = 0
    taken_s: UtcSeconds | None = None
    ended: int = 0
    ended_s: UtcSeconds | None = None


Deliveries = dict[VisitId, Delivery]
"""Open ones, and for a while those that are over. Replaced, never changed."""

DeliveryBody = DeliveryTaken | DeliveryHanded | DeliveryRefused


def after_delivery(
    deliveries: Deliveries, body: DeliveryBody, seq: int, at_s: UtcSeconds | None
) -> Deliveries:
    """With what this entry, number `seq`, says."""
    before = deliveries.get(body.delivery)
    match body:
        case DeliveryTaken():
            fresh = Delivery(
                goods=body.goods,
                portal=body.portal,
                place=body.place,
                recipient=body.recipient,
                bearer=body.bearer,
                taken=seq,
                taken_s=at_s,
            )
            moved = _moved(fresh, DeliverySignal.TAKEN)
            return _kept(deliveries, at_s) | {body.delivery: moved}
        case DeliveryHanded(receiver=receiver) if before is not None:
            moved = replace(_moved(before, DeliverySignal.HANDED), receiver=receiver)
        case DeliveryRefused(goods=goods, portal=portal):
            fresh = Delivery(goods=goods, portal=portal) if before is None else before
            moved = _moved(fresh, DeliverySignal.REFUSED)
        case _:
            return deliveries  # of a state that begins behind its beginning
    ended = replace(moved, place="", ended=seq, ended_s=at_s)
    return _kept(deliveries, at_s) | {body.delivery: ended}


def _moved(delivery: Delivery, signal: DeliverySignal) -> Delivery:
    target = TABLE[delivery.state][signal].target
    assert target is not None, f"a delivery that is {delivery.state} cannot be {signal}"
    return replace(delivery, state=target)


def is_over(delivery: Delivery) -> bool:
    return delivery.state in {DeliveryState.HANDED, DeliveryState.REFUSED}


def _kept(deliveries: Deliveries, at_s: UtcSeconds | None) -> Deliveries:
    """Without those that are over and not listed any more, the oldest first."""
    over = sorted((one.ended, name) for name, one in deliveries.items() if is_over(one))
    old = {name for _, name in over[: max(0, len(over) - DELIVERIES_KEPT_MAX)]}
    if at_s is not None:
        old |= {
            name for _, name in over if (deliveries[name].ended_s or at_s) + ENDED_KEPT_S <= at_s
        }
    return {name: one for name, one in deliveries.items() if name not in old}


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    moves = [("[*]", str(DeliveryState.BROUGHT), "at the gate")]
    for state, row in TABLE.items():
        for signal, step in row.items():
            if step.target is not None:
                moves.append((state, step.target, signal))
    return state_diagram(DeliveryState, moves)
