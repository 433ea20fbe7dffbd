"""Who gives an order that an edge has signed: nobody but a switch goes without a role."""

import pytest
from msgspec.structs import replace

from controller.ids import HolderId, InputId
from controller.orders import RAISING
from controller.site import Outcome
from policies.rights import OrderKind
from simulators.orders import order_id
from tests.controller.support import Rig
from tests.controller.test_leadership import (
    CHIEF,
    GUARD,
    OTHER,
    everybody,
    is_taken,
    known,
    led,
    lends,
    order,
    refused,
)


def at_page(rig: Rig, kind: OrderKind, name: str, who: HolderId, **fields: object) -> Outcome:
    """What she has asked for at a page, signed by the edge."""
    asked = order(rig, kind, name, **fields)
    signed = replace(
        asked, id=InputId(rig.new_id()), people=0, signers=(who,), sourced=True, path="page"
    )
    return rig.feed(signed)


def test_a_role_counts_and_a_lent_one_as_well() -> None:
    rig = led()
    assert is_taken(at_page(rig, OrderKind.LOCKDOWN, "by the guard", GUARD))
    assert "0 of 1" in refused(at_page(rig, OrderKind.LOCKDOWN, "by another", OTHER))
    assert is_taken(lends(rig, OTHER))
    assert is_taken(at_page(rig, OrderKind.LOCKDOWN, "by another, now", OTHER))


def test_a_drill_asks_for_the_role_of_drills() -> None:
    rig = led()
    assert is_taken(at_page(rig, OrderKind.RAISE, "level", GUARD, level=3)), "no table: anybody"
    drill = {"drill": True, "level": 3}
    assert "chief" in refused(at_page(rig, OrderKind.RAISE, "drill", GUARD, **drill))


@pytest.mark.parametrize("kind", sorted(set(OrderKind) - RAISING))
def test_nothing_that_takes_protection_away_is_signed_by_an_edge(kind: OrderKind) -> None:
    rig = led()
    ends = (order_id("attack"),)
    assert "people sign it" in refused(at_page(rig, kind, "in vain", CHIEF, ends=ends))


def test_whoever_is_suspended_gives_nothing() -> None:
    rig = led()
    assert is_taken(at_page(rig, OrderKind.LOCKDOWN, "before", GUARD))
    known(rig, everybody(guard=None))
    assert "0 of 1" in refused(at_page(rig, OrderKind.LOCKDOWN, "after", GUARD))
