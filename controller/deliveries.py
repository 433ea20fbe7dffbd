"""What guards ask about deliveries. Who is let in with one is judged apart, as anybody is."""

from collections.abc import Callable
from enum import StrEnum

from controller.delivery import (
    DELIVERIES_OPEN_MAX,
    TABLE,
    DeliverySignal,
    DeliveryState,
    is_over,
)
from controller.events_visits import DeliveryHanded, DeliveryRefused, DeliveryTaken, Goods, VisitId
from controller.holders import Directory
from controller.ids import HolderId
from controller.inputs import Input
from controller.inputs_visits import DeliveryHandAsked, DeliveryRefuseAsked, DeliveryTakeAsked
from controller.ledger import Personal, commitment
from controller.state import SiteState
from controller.turn import Turn


class DeliveryRefusal(StrEnum):
    """Why something that was asked of a delivery is not done."""

    UNWRITABLE = "unwritable"
    NO_DELIVERY = "no-delivery"
    STATE = "state"  # it was handed over, or refused, before
    NO_PORTAL = "no-portal"
    PERSON_UNKNOWN = "person-unknown"
    TOO_MANY = "too-many"
    BAG_HELD = "bag-held"  # a bag stays nowhere: whoever it goes to is there
    BAG_TAKEN = "bag-taken"  # a bag that was taken never goes back
    NO_PLACE = "no-place"  # what is not handed over at once stays somewhere


def why_not_taken(
    state: SiteState, directory: Directory, asked: DeliveryTakeAsked
) -> DeliveryRefusal | None:
    """Why it is not taken; None where it is."""
    people = {asked.recipient, asked.bearer, asked.receiver} - {None}
    bag = asked.goods is Goods.DIPLOMATIC_BAG
    if asked.portal not in state.portals:
        return DeliveryRefusal.NO_PORTAL
    if any(one not in directory.holders for one in people if one is not None):
        return DeliveryRefusal.PERSON_UNKNOWN
    if bag and (asked.place or asked.receiver is None):
        return DeliveryRefusal.BAG_HELD
    if not asked.place and asked.receiver is None:
        return DeliveryRefusal.NO_PLACE
    if sum(not is_over(one) for one in state.deliveries.values()) >= DELIVERIES_OPEN_MAX:
        return DeliveryRefusal.TOO_MANY
    return _recorded(state)


def why_not_handed(
    state: SiteState, directory: Directory, delivery: VisitId, receiver: HolderId
) -> DeliveryRefusal | None:
    """Why it is not handed over; None where it is."""
    if receiver not in directory.holders:
        return DeliveryRefusal.PERSON_UNKNOWN
    return _moves(state, delivery, DeliverySignal.HANDED) or _recorded(state)


def why_not_refused(state: SiteState, asked: DeliveryRefuseAsked) -> DeliveryRefusal | None:
    """Why it is not refused; None where it is."""
    known = state.deliveries.get(asked.delivery)
    if known is None:
        if asked.goods is None:
            return DeliveryRefusal.NO_DELIVERY
        if asked.portal not in state.portals:
            return DeliveryRefusal.NO_PORTAL
        return _recorded(state)
    if known.state is DeliveryState.TAKEN and known.goods is Goods.DIPLOMATIC_BAG:
        return DeliveryRefusal.BAG_TAKEN
    return _moves(state, asked.delivery, DeliverySignal.REFUSED) or _recorded(state)


def _moves(state: SiteState, delivery: VisitId, signal: DeliverySignal) -> DeliveryRefusal | None:
    known = state.deliveries.get(delivery)
    if known is None:
        return DeliveryRefusal.NO_DELIVERY
    return DeliveryRefusal.STATE if TABLE[known.state][signal].target is None else None


def _recorded(state: SiteState) -> DeliveryRefusal | None:
    return None if state.recorded else DeliveryRefusal.UNWRITABLE


def _committed(personal: Personal | None) -> str | None:
    return None if personal is None else commitment(personal)


def _on_take(turn: Turn, asked: DeliveryTakeAsked) -> None:
    if why_not_taken(turn.state, turn.directory, asked) is not None:
        return
    turn.record(
        DeliveryTaken(
            delivery=asked.delivery,
            goods=asked.goods,
            portal=asked.portal,
            place=asked.place,
            recipient=asked.recipient,
            bearer=asked.bearer,
            company=commitment(asked.company),
            vehicle=_committed(asked.vehicle),
            contents=_committed(asked.contents),
            operator=commitment(asked.operator),
        ),
        asked.company,
        asked.vehicle,
        asked.contents,
        asked.operator,
    )
    if asked.receiver is not None:
        _hand(turn, asked.delivery, asked.receiver, asked.operator)


def _on_hand(turn: Turn, asked: DeliveryHandAsked) -> None:
    if why_not_handed(turn.state, turn.directory, asked.delivery, asked.receiver) is None:
        _hand(turn, asked.delivery, asked.receiver, asked.operator)


def _hand(turn: Turn, delivery: VisitId, receiver: HolderId, operator: Personal) -> None:
    turn.record(
        DeliveryHanded(delivery=delivery, receiver=receiver, operator=commitment(operator)),
        operator,
    )


def _on_refuse(turn: Turn, asked: DeliveryRefuseAsked) -> None:
    if why_not_refused(turn.state, asked) is not None:
        return
    known = turn.state.deliveries.get(asked.delivery)
    goods = asked.goods if known is None else known.goods
    assert goods is not None, "what is not known says what it is"
    turn.record(
        DeliveryRefused(
            delivery=asked.delivery,
            goods=goods,
            portal=asked.portal if known is None else known.portal,
            company=_committed(asked.company),
            vehicle=_committed(asked.vehicle),
            reason=commitment(asked.reason),
            operator=commitment(asked.operator),
        ),
        asked.company,
        asked.vehicle,
        asked.reason,
        asked.operator,
    )


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    DeliveryTakeAsked: _on_take,
    DeliveryHandAsked: _on_hand,
    DeliveryRefuseAsked: _on_refuse,
}
