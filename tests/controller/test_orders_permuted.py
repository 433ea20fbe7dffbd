"""Six orders, three paths, every order of arrival: each edge ends in the same posture."""

import random
from itertools import permutations

from msgspec.structs import replace

from controller.ids import InputId
from controller.orders import Cover, Order
from controller.site import Site
from controller.state import restore, snapshot
from policies.rights import OrderKind as Kind
from tests.controller.besieged import ISSUERS, order_of
from tests.controller.siege import Offer, Siege
from tests.controller.support import ORIGIN

THREE_PATHS = ("control", "file", "union")


def six(seed: int) -> list[Offer]:
    """Two lockdowns, a shelter, a level; one lockdown is lifted, the level lowered."""
    dice = random.Random(seed)
    now_s = Siege().moment().utc_s

    def made(kind: Kind, counter: int, **facts: object) -> Order:
        order = order_of(dice, kind, (ISSUERS[counter % 2], counter), now_s)
        plain = {"zones": (), "drill": False, "moves": True, "until_s": None, **facts}
        return replace(order, **plain)

    inner = made(Kind.LOCKDOWN, 1, zones=("office",), cover=Cover.FULL)
    outer = made(Kind.LOCKDOWN, 2, cover=Cover.PERIMETER)
    shelter = made(Kind.SHELTER, 3, zones=("hall",))
    level = made(Kind.RAISE, 4, level=4)
    later = now_s + 600
    lift = made(Kind.LIFT, 5, ends=(inner.id,), accept_until_s=later)
    lower = made(Kind.LOWER, 6, ends=(level.id,), accept_until_s=later)
    return [
        Offer(inner),
        Offer(outer, sourced=True),
        Offer(shelter),
        Offer(level),
        Offer(lift, 2),
        Offer(lower, 2),
    ]


def test_every_order_of_arrival_ends_in_the_same_posture() -> None:
    """Each edge hears all six in its own order, some of them by two paths; a lift may come before
    what it lifts, and one edge in three restarts in between.
    """
    offers, base, ends = six(1), Siege(), set()
    left = {offers[1].order.id, offers[2].order.id}
    for number, arriving in enumerate(permutations(offers)):
        edge, dice = Site(ORIGIN, base.policy, base.site.state), random.Random(number)
        for place, offer in enumerate(arriving):
            for _ in range(dice.choice((1, 1, 1, 1, 2))):
                fact = offer.as_input(InputId(f"{number}-{place}"), dice.choice(THREE_PATHS))
                edge.step(fact, base.moment())
            if place == 3 and number % 3 == 0:
                edge = Site(ORIGIN, base.policy, restore(snapshot(edge.state)))
        assert edge.state.orders.in_force.keys() == left, number
        doors = sorted(edge.state.portals.items())
        ends.add(tuple((name, door.released, door.leased, door.secured) for name, door in doors))
    assert len(ends) == 1


def test_the_posture_in_which_they_end_is_the_one_that_was_read() -> None:
    for seed in range(4):
        siege, offers = Siege(), six(seed)
        random.Random(seed).shuffle(offers)
        for offer in offers:
            siege.offer(offer, "union")
        siege.look()
