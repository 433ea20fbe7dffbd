"""What snapshots of earlier versions held otherwise, carried over into what is kept now."""

import msgspec
from msgspec.structs import replace

from controller.ids import OrderId
from controller.orders import Lift, Orders
from controller.whereabouts import People, with_sightings


class _OfPeople(msgspec.Struct, frozen=True):
    sightings: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _OfOrders(msgspec.Struct, frozen=True):
    lifts: dict[OrderId, str] = {}


class _Earlier(msgspec.Struct, frozen=True):
    """Sightings were unknown once; lifts had no order."""

    people: _OfPeople = _OfPeople()
    orders: _OfOrders = _OfOrders()


def carried_over(data: bytes, people: People, orders: Orders) -> tuple[People, Orders]:
    """A snapshot's people and orders, with what it holds in an earlier form."""
    earlier = msgspec.json.decode(data, type=_Earlier)
    if earlier.people.sightings is msgspec.UNSET:
        people = with_sightings(people)
    if earlier.orders.lifts:
        lifts = tuple(Lift(order, envelope) for order, envelope in earlier.orders.lifts.items())
        orders = replace(orders, lifts_kept=lifts)
    return people, orders
