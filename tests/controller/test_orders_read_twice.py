"""The core and a second reading of orders agree, whatever comes in whatever order; and what was
found by that, each by itself.
"""

import random

import pytest
from msgspec.structs import replace

from controller.effects import FreeEgress, SecurePortal
from controller.events import FireLine, OrderRefused, OrdersSuspected
from controller.orders import Cover, Order
from controller.portal import Contact
from policies.facts import Direction
from policies.rights import OrderKind as Kind
from tests.conftest import SEED
from tests.controller.besieged import ISSUERS, TEN_YEARS_US, Besieged, order_of
from tests.controller.plants_orders import PLANTS, Plant
from tests.controller.siege import Offer, Siege

FIXED = (0, 213)
NEW = tuple(random.Random(f"{SEED}/siege").sample(range(2**32), 2))
"""Two that nobody has seen; the run's seed, at the top of its output, gives them again."""
STEPS = 80
PLANTED_STEPS = 80
"""On which the seeds of `plants_orders` were found."""


@pytest.mark.parametrize("seed", FIXED + NEW)
def test_the_core_and_the_second_reading_agree(seed: int) -> None:
    Besieged(seed).run(STEPS)


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.name for plant in PLANTS])
def test_a_planted_mistake_makes_them_disagree(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.put(monkeypatch)
    with pytest.raises(AssertionError):
        Besieged(plant.seed).run(PLANTED_STEPS)


class Orders:
    """Orders by the word: each of the next number, real, for the whole site, long to be given."""

    def __init__(self, siege: Siege) -> None:
        self.siege, self.dice, self.count = siege, random.Random(1), 100

    def __call__(self, kind: Kind, **facts: object) -> Order:
        self.count += 1
        now_s = self.siege.moment().utc_s
        order = order_of(self.dice, kind, (ISSUERS[0], self.count), now_s)
        calm = {"zones": (), "drill": False, "moves": True, "accept_until_s": now_s + 600}
        return replace(order, **(calm | facts))


@pytest.fixture
def siege() -> Siege:
    return Siege()


@pytest.fixture
def order(siege: Siege) -> Orders:
    return Orders(siege)


def in_force(siege: Siege) -> set[str]:
    siege.look()
    return set(siege.site.state.orders.in_force)


def test_an_id_that_is_named_twice_is_ended_once(siege: Siege, order: Orders) -> None:
    lockdown = order(Kind.LOCKDOWN)
    siege.offer(Offer(lockdown))
    siege.offer(Offer(order(Kind.LIFT, ends=(lockdown.id, lockdown.id)), 2))
    assert in_force(siege) == set()


@pytest.mark.parametrize("first", [True, False])
def test_no_drill_goes_on_beside_what_is_real(siege: Siege, order: Orders, first: bool) -> None:
    drill = Offer(order(Kind.EVACUATE, drill=True, until_s=siege.moment().utc_s + 600))
    real = Offer(order(Kind.LOCKDOWN, zones=("annex",)))
    for offer in (drill, real) if first else (real, drill):
        siege.offer(offer)
    assert in_force(siege) == {real.order.id}


@pytest.mark.parametrize("fire", [FireLine.ALARM, FireLine.GONE])
def test_a_fire_ends_a_drill_and_no_drill_begins_in_one(
    siege: Siege, order: Orders, fire: FireLine
) -> None:
    until_s = siege.moment().utc_s + 600
    siege.offer(Offer(order(Kind.EVACUATE, zones=("annex",), drill=True, until_s=until_s)))
    assert siege.site.state.portals["annex"].released
    siege.line("house", fire)
    siege.later(1)
    assert in_force(siege) == set()
    assert not siege.site.state.portals["annex"].released
    siege.offer(Offer(order(Kind.LOCKDOWN, drill=True, until_s=until_s)))
    assert in_force(siege) == set()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("posture", [Kind.LOCKDOWN, Kind.SHELTER, Kind.EVACUATE])
def test_nothing_stands_open_where_a_posture_lies(
    siege: Siege, order: Orders, posture: Kind, first: bool
) -> None:
    """Whichever came first: an unlock that was made before the lockdown may be carried after it.
    The cellar is inside a perimeter that badges go on to open.
    """
    unlock = Offer(order(Kind.UNLOCK, portals=("cellar",)), 2)
    shut = Offer(order(posture, cover=Cover.PERIMETER))
    for offer in (unlock, shut) if first else (shut, unlock):
        siege.offer(offer)
    assert in_force(siege) == {shut.order.id}
    assert not siege.site.state.portals["cellar"].leased


def test_two_people_who_know_of_a_posture_unlock_until_the_next(
    siege: Siege, order: Orders
) -> None:
    known = order(Kind.LOCKDOWN)
    siege.offer(Offer(known))
    unlock = order(Kind.UNLOCK, portals=("cellar",), despite=(known.id,))
    siege.offer(Offer(unlock, 2))
    assert siege.site.state.portals["cellar"].leased
    another = order(Kind.SHELTER)
    siege.offer(Offer(another))
    assert in_force(siege) == {known.id, another.id}


def test_fresh_counters_let_nothing_act_again(siege: Siege, order: Orders) -> None:
    """The number of who signs fresh counters may be below those that others have used."""
    override = Offer(order(Kind.FIRE_OVERRIDE, counter=9_000, issuer=ISSUERS[1], fire="house"), 2)
    siege.line("house", FireLine.ALARM)
    siege.offer(override)
    assert not siege.site.state.fires["house"].latched
    siege.challenge("ab" * 16)
    siege.offer(Offer(order(Kind.COUNTERS, counter=500, challenge="ab" * 16), 2))
    siege.line("house", FireLine.CUT)
    siege.offer(override)
    assert siege.site.state.fires["house"].latched


def test_counters_of_a_wrong_clock_are_mended_by_two_people(siege: Siege, order: Orders) -> None:
    lockdown = order(Kind.LOCKDOWN)
    siege.offer(Offer(lockdown))
    for drawn, number in (("ab" * 16, 2**48 - 1), ("cd" * 16, 500)):
        siege.challenge(drawn)
        siege.offer(Offer(order(Kind.COUNTERS, counter=number, challenge=drawn), 2))
    siege.offer(Offer(order(Kind.LIFT, counter=600, ends=(lockdown.id,)), 2))
    assert in_force(siege) == set()


def test_a_late_evacuation_locks_and_frees_when_it_is_confirmed(
    siege: Siege, order: Orders
) -> None:
    late = order(Kind.EVACUATE, zones=("annex",), accept_until_s=siege.moment().utc_s - 1)
    wished = siege.offer(Offer(late)).effects
    assert [e.portal for e in wished if isinstance(e, SecurePortal)] == ["annex"]
    assert not siege.decision("annex", Direction.ENTRY, "staff").granted
    siege.effects.clear()
    siege.confirm(late.id)
    assert "annex" in [e.portal for e in siege.effects if isinstance(e, FreeEgress)]
    siege.look()


def test_what_others_hand_on_though_it_was_ended_alarms_nobody(siege: Siege, order: Orders) -> None:
    lockdown = Offer(order(Kind.LOCKDOWN))
    siege.offer(lockdown)
    siege.offer(Offer(order(Kind.LIFT, ends=(lockdown.order.id,)), 2))
    for _ in range(5):
        siege.offer(lockdown, "union")
    told = [type(event.body) for event in siege.events]
    assert OrderRefused not in told
    siege.offer(lockdown, "file")
    assert isinstance(siege.events[-1].body, OrderRefused)
    assert in_force(siege) == set()


def test_three_refusals_are_told(siege: Siege, order: Orders) -> None:
    for _ in range(3):
        siege.offer(Offer(order(Kind.LIFT, ends=("0f" * 32,)), 1))
    assert [e.body.refusals for e in siege.events if isinstance(e.body, OrdersSuspected)] == [3]


def test_the_highest_level_of_a_zone_and_those_around_it_holds(siege: Siege, order: Orders) -> None:
    """P40: the office is in the hall, the hall in the yard; the annex is in the yard alone."""
    for zone, level in (("yard", 2), ("office", 3), ("hall", 4)):
        siege.offer(Offer(order(Kind.RAISE, zones=(zone,), level=level)))
    in_force(siege)
    asked = (("annex", "staff"), ("mag", "staff"), ("vault", "diplomat"), ("vault", "chief"))
    granted = [siege.decision(portal, Direction.ENTRY, who).granted for portal, who in asked]
    assert granted == [True, False, False, True]


@pytest.mark.parametrize("kind", [Kind.END_DRILL, Kind.END_HOLD, Kind.END_UNLOCK])
def test_no_single_person_ends_a_lockdown_before_it_comes(
    siege: Siege, order: Orders, kind: Kind
) -> None:
    lockdown = order(Kind.LOCKDOWN)
    siege.offer(Offer(order(kind, ends=(lockdown.id,))))
    siege.offer(Offer(lockdown))
    assert in_force(siege) == {lockdown.id}


def test_whoever_signs_second_makes_the_same_order_count(siege: Siege, order: Orders) -> None:
    lockdown = order(Kind.LOCKDOWN)
    siege.offer(Offer(lockdown))
    lift = order(Kind.LIFT, ends=(lockdown.id,))
    siege.offer(Offer(lift, 1))
    assert in_force(siege) == {lockdown.id}
    siege.offer(Offer(lift, 2))
    assert in_force(siege) == set()


@pytest.mark.parametrize("step_us", [0, TEN_YEARS_US, -TEN_YEARS_US])
@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("kept", [True, False])
def test_nothing_that_opens_acts_twice(
    siege: Siege, order: Orders, step_us: int, trusted: bool, kept: bool
) -> None:
    """After a restart, from a snapshot or from the journal, with the clock ten years off."""
    lockdown = order(Kind.LOCKDOWN, zones=("annex",))
    unlock = order(Kind.UNLOCK, portals=("cellar",), until_s=siege.moment().utc_s + 900)
    override = order(Kind.FIRE_OVERRIDE, fire="house")
    siege.line("house", FireLine.ALARM)
    lift = order(Kind.LIFT, ends=(lockdown.id,))
    given = [Offer(lockdown), Offer(override, 2), Offer(unlock, 2), Offer(lift, 2)]
    for offer in given:
        siege.offer(offer)
    assert in_force(siege) == {unlock.id}
    siege.restart(kept=kept)
    siege.clock(trusted=trusted, step_us=step_us)
    siege.line("house", FireLine.ALARM)
    for offer in given * 2:
        siege.offer(offer, "union")
    assert in_force(siege) == set()
    assert siege.site.state.fires["house"].latched


def test_an_old_copy_of_the_journal_believes_nothing_that_opens(
    siege: Siege, order: Orders
) -> None:
    """What was lifted after the copy was made comes back into force; nothing is lowered until two
    people have signed what this edge has drawn.
    """
    lockdown = order(Kind.LOCKDOWN)
    siege.offer(Offer(lockdown))
    siege.doubted()
    lift = Offer(order(Kind.LIFT, ends=(lockdown.id,)), 2)
    siege.offer(lift)
    siege.offer(Offer(order(Kind.COUNTERS, challenge="ab" * 16), 2))
    assert in_force(siege) == {lockdown.id}
    siege.challenge("ab" * 16)
    siege.offer(Offer(order(Kind.COUNTERS, counter=99, challenge="ab" * 16), 2))
    siege.offer(lift)
    assert in_force(siege) == set()


def test_a_drill_that_moves_nothing_changes_nothing(siege: Siege, order: Orders) -> None:
    before = siege.site.state.portals
    until_s = siege.moment().utc_s + 600
    for kind in (Kind.LOCKDOWN, Kind.SHELTER, Kind.EVACUATE, Kind.RAISE):
        siege.offer(Offer(order(kind, drill=True, moves=False, until_s=until_s)))
    assert siege.site.state.portals == before
    assert len(in_force(siege)) == 4
    assert all(event.header.drill for event in siege.events[-4:])


def test_who_is_half_way_in_stays_out_and_who_is_half_way_out_gets_out(
    siege: Siege, order: Orders
) -> None:
    siege.passes("cellar", Direction.ENTRY, "staff")
    siege.passes("annex", Direction.EXIT, "staff")
    inwards, outwards = (effect for effect, _ in siege.granted)
    siege.offer(Offer(order(Kind.LOCKDOWN)))
    assert not siege.site.stands(inwards, siege.mono_us)
    assert siege.site.stands(outwards, siege.mono_us)
    siege.leaf("annex", Contact.OPEN)
    siege.look()
