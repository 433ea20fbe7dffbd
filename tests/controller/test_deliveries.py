"""What is brought to a gate: where it stays, to whom it goes, what a diplomatic bag is spared."""

from typing import Any

import pytest
from msgspec.structs import replace

from controller.delivery import (
    DELIVERIES_OPEN_MAX,
    ENDED_KEPT_S,
    TABLE,
    DeliverySignal,
    DeliveryState,
)
from controller.events_visits import DeliveryHanded, DeliveryRefused, DeliveryTaken, Goods
from controller.ids import HolderId
from controller.state import SiteState, apply, snapshot
from tests.controller.support import of_type
from tests.controller.visiting import ANN, BOB, House, said

ROWS = """
brought taken taken
brought refused refused
taken handed handed
taken refused refused
"""
NAME = "d" * 16
STRANGER = HolderId("h-nobody")


def test_every_pair_of_state_and_signal_is_as_the_rules_say() -> None:
    rules = {tuple(row.split()[:2]): row.split()[2] for row in ROWS.strip().splitlines()}
    for state in DeliveryState:
        for signal in DeliverySignal:
            target = TABLE[state][signal].target
            assert target == rules.get((state, signal)), (state, signal)


def test_it_is_taken_stays_somewhere_and_is_handed_over_once() -> None:
    house = House()
    (taken,) = of_type(DeliveryTaken, house.taken())
    assert (taken.place, taken.recipient) == ("hatch", BOB)
    assert house.rig.site.state.deliveries[NAME].place == "hatch"
    (handed,) = of_type(DeliveryHanded, house.handed(ANN))
    assert handed.receiver == ANN
    kept = house.rig.site.state.deliveries[NAME]
    assert (kept.state, kept.place, kept.receiver) == (DeliveryState.HANDED, "", ANN)
    assert house.handed(BOB).events == ()
    assert house.refused().events == ()


def test_it_is_refused_at_the_gate_or_goes_back() -> None:
    house = House()
    goods: dict[str, Any] = {"goods": Goods.SUPPLIES, "portal": "gate"}
    (refused,) = of_type(DeliveryRefused, house.refused(**goods, company=said("company")))
    assert refused.company is not None
    house.taken("e" * 16)
    assert of_type(DeliveryRefused, house.refused("e" * 16))
    assert house.refused("f" * 16).events == (), "nobody knows what that is"
    assert house.refused("f" * 16, goods=Goods.PARCEL, portal="attic").events == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"portal": "attic"},
        {"recipient": STRANGER},
        {"receiver": STRANGER},
        {"bearer": STRANGER},
        {"place": ""},
        {"goods": Goods.DIPLOMATIC_BAG, "receiver": BOB},  # with a place: it is held
        {"goods": Goods.DIPLOMATIC_BAG, "place": ""},  # and goes to nobody
    ],
)
def test_what_cannot_be_is_not_taken(fields: dict[str, Any]) -> None:
    house = House()
    assert house.taken(**fields).events == ()
    assert house.rig.site.state.deliveries == {}


def test_a_diplomatic_bag_is_handed_over_as_it_is_taken_and_stays_nowhere() -> None:
    house = House()
    outcome = house.taken(goods=Goods.DIPLOMATIC_BAG, place="", receiver=BOB, bearer=ANN)
    kinds = [event.header.kind for event in outcome.events]
    assert kinds == ["delivery-taken", "delivery-handed"]
    assert outcome.effects == ()


def test_a_diplomatic_bag_that_was_taken_never_goes_back() -> None:
    house = House()
    house.taken()
    state = house.rig.site.state
    bag = replace(state.deliveries[NAME], goods=Goods.DIPLOMATIC_BAG)
    house.rig.site.state = replace(state, deliveries={NAME: bag})
    assert house.refused().events == ()
    assert of_type(DeliveryHanded, house.handed())


def test_without_a_journal_nothing_is_taken_handed_over_or_refused() -> None:
    house = House()
    house.taken()
    house.rig.journal(working=False)
    for outcome in (house.taken("e" * 16), house.handed(), house.refused()):
        assert outcome.events == ()


def test_so_many_are_open_and_no_more() -> None:
    house = House()
    house.taken()
    one = house.rig.site.state.deliveries[NAME]
    full = {f"{number:016x}": one for number in range(DELIVERIES_OPEN_MAX)}
    house.rig.site.state = replace(house.rig.site.state, deliveries=full)
    assert house.taken("e" * 16).events == ()
    house.handed(name=f"{0:016x}")
    assert of_type(DeliveryTaken, house.taken("e" * 16))


def test_what_is_over_is_listed_for_a_while() -> None:
    house = House()
    house.taken()
    house.handed()
    house.rig.later(ENDED_KEPT_S - 1)
    house.taken("e" * 16)
    assert NAME in house.rig.site.state.deliveries
    house.rig.later(1)
    house.taken("f" * 16)
    assert set(house.rig.site.state.deliveries) == {"e" * 16, "f" * 16}


def test_the_journal_gives_the_same_deliveries_again() -> None:
    house = House()
    house.taken()
    house.handed()
    house.refused("e" * 16, goods=Goods.LETTERS, portal="gate")
    state = SiteState()
    for event in house.rig.events:
        state = apply(state, event)
    assert snapshot(state) == snapshot(house.rig.site.state)
