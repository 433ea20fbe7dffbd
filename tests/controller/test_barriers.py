"""Barriers and the sally port: what goes up, when it comes down, and on whom it never does."""

import random

import pytest

from controller import barriers
from controller.barrier import Loop, State
from controller.effects import FreeEgress, LowerBarrier, RaiseBarrier, ReleasePortal
from controller.events import DecisionMade, PassageMade, PortalForced
from controller.events_barriers import (
    BarrierDown,
    BarrierJammed,
    BarrierLimitRead,
    BarrierLowering,
    BarrierRaised,
    BarrierReopened,
    BarrierWaiting,
    InterlockOverridden,
    LoopFaulted,
    LoopRead,
)
from controller.site import Outcome
from policies.codes import Code
from policies.facts import Mode
from tests.conftest import SEED
from tests.controller.barrier_runs import BlindlyClosedError, run
from tests.controller.compound_gate import Gate, quiet
from tests.controller.support import EXIT, bodies, of_type

RUNS = 150
FIXED = range(RUNS)
NEW = random.Random(f"{SEED}/barriers").randrange(2**32)
"""One that nobody has seen; the run's seed, at the top of its output, gives it again."""


def driven_up(portal: str = "drive") -> Gate:
    """Somebody with a badge is at the barrier, and it has gone up."""
    rig = quiet()
    told = rig.badge(portal)
    assert BarrierRaised in bodies(told)
    assert len(of_type(ReleasePortal, told)) == 1
    assert PassageMade in bodies(rig.opens(portal))
    return rig


def lowered(outcome: Outcome) -> list[str]:
    return [effect.portal for effect in of_type(LowerBarrier, outcome)]


def test_it_comes_down_when_the_car_has_left_the_loop() -> None:
    rig = driven_up()
    assert lowered(rig.loop("drive", "taken")) == []
    assert lowered(rig.later(300)) == [], "however long the car stands there"
    told = rig.loop("drive", "free")
    assert bodies(told)[:2] == [LoopRead, BarrierLowering]
    (effect,) = of_type(LowerBarrier, told)
    assert rig.stands(effect)
    assert BarrierDown in bodies(rig.closes("drive"))
    assert rig.barrier("drive").state is State.DOWN


def test_it_does_not_wait_for_the_time_to_be_over_behind_a_car_that_has_passed() -> None:
    rig = driven_up()
    rig.later(1)
    rig.loop("drive", "taken")
    rig.later(1)
    assert lowered(rig.loop("drive", "free")) == ["drive"]


def test_it_comes_down_when_nobody_came() -> None:
    rig = driven_up()
    assert lowered(rig.later(6.9)) == []
    assert lowered(rig.later(0.2)) == ["drive"]


@pytest.mark.parametrize("loop", ["taken", "faulted", "unknown"])
def test_it_waits_while_the_loop_is_not_seen_free(loop: str) -> None:
    rig = driven_up()
    rig.loop("drive", loop)
    told = rig.later(3_600)
    assert lowered(told) == []
    assert BarrierWaiting in bodies(told)
    assert lowered(rig.loop("drive", "free")) == ["drive"]


def test_a_loop_that_was_never_read_holds_it_up() -> None:
    rig = quiet()
    rig.start()
    rig.fire("normal", "panel")
    rig.opens("drive")
    rig.link("drive")
    assert lowered(rig.later(3_600)) == []
    assert rig.barrier("drive").state is State.WAITING
    assert lowered(rig.loop("drive", "free")) == ["drive"]


@pytest.mark.parametrize("loop", ["taken", "faulted"])
def test_it_goes_up_again_over_whoever_drives_under_it(loop: str) -> None:
    rig = driven_up()
    (effect,) = of_type(LowerBarrier, rig.later(7.1))
    told = rig.loop("drive", loop)
    assert BarrierReopened in bodies(told)
    (up,) = of_type(RaiseBarrier, told)
    assert not rig.stands(effect), "what has not gone out yet never does"
    assert rig.stands(up)
    rig.loop("drive", "free")
    assert not rig.stands(up), "and what raises it is not sent when it is on its way down again"


@pytest.mark.parametrize("mode", [Mode.LOCKDOWN, Mode.SHELTER])
def test_a_lockdown_does_not_close_it_on_a_car(mode: Mode) -> None:
    rig = driven_up()
    rig.loop("drive", "taken")
    told = rig.posture(mode)
    assert "drive" not in lowered(told)
    assert BarrierWaiting in bodies(told)
    assert lowered(rig.loop("drive", "free")) == ["drive"]


def test_a_lockdown_closes_it_at_once_where_nobody_is() -> None:
    rig = driven_up()
    assert "drive" in lowered(rig.posture(Mode.LOCKDOWN))


def test_one_that_does_not_come_down_is_told_and_told_again() -> None:
    rig = driven_up()
    rig.later(7.1)
    told = rig.later(30)
    assert BarrierJammed in bodies(told)
    assert lowered(rig.later(299)) == []
    assert lowered(rig.later(2)) == ["drive"]
    assert BarrierDown in bodies(rig.closes("drive"))


def test_one_that_somebody_lifts_by_hand_is_forced_and_comes_down() -> None:
    rig = quiet()
    told = rig.opens("drive")
    assert PortalForced in bodies(told)
    assert lowered(told) == ["drive"]


def test_a_second_car_is_let_in_while_it_is_up() -> None:
    rig = driven_up()
    rig.loop("drive", "taken")
    rig.badge("drive", "bob")
    assert rig.barrier("drive").state is State.RAISED
    assert lowered(rig.later(60)) == []
    assert lowered(rig.loop("drive", "free")) == ["drive"]


def test_limits_and_a_faulted_loop_are_told() -> None:
    rig = quiet()
    assert bodies(rig.upper("drive", up=True)) == [BarrierLimitRead]
    assert bodies(rig.upper("drive", up=True)) == []
    assert bodies(rig.loop("drive", "faulted")) == [LoopFaulted]
    assert rig.barrier("drive").loop is Loop.FAULTED
    assert bodies(rig.loop("wicket", "taken")) == [], "nothing is driven there"


def test_a_fire_leaves_a_barrier_alone_and_it_is_no_way_out() -> None:
    rig = quiet()
    told = rig.fire("alarm", "panel")
    freed = {effect.portal for effect in of_type(FreeEgress, told)}
    assert freed == {"hall-door", "outer", "inner"}
    assert rig.site.policy.portals_by_id["drive"].egress_route is None


# --- the sally port ---------------------------------------------------------------------------


def test_one_gate_waits_for_the_other() -> None:
    rig = driven_up("outer")
    told = rig.badge("inner")
    (decision,) = [event.body for event in told.events if isinstance(event.body, DecisionMade)]
    assert decision.decision.code is Code.INTERLOCK
    rig.loop("outer", "taken")
    rig.later(60)
    assert of_type(ReleasePortal, rig.badge("inner")) == [], "a car stands in the outer gate"
    rig.loop("outer", "free")
    rig.closes("outer")
    rig.later(10)
    assert len(of_type(ReleasePortal, rig.badge("inner"))) == 1


def test_life_safety_opens_the_second_with_an_alarm() -> None:
    rig = driven_up("outer")
    told = rig.fire("alarm", "panel")
    assert {"outer", "inner"} <= {effect.portal for effect in of_type(FreeEgress, told)}
    (alarm,) = [e.body for e in told.events if isinstance(e.body, InterlockOverridden)]
    assert alarm.interlock == "sally-port"
    rig.link("outer", up=False)
    again = rig.link("outer")
    assert [effect.portal for effect in of_type(FreeEgress, again)] == ["outer"], "said again"
    assert InterlockOverridden not in bodies(again), "and told once"


def test_nothing_is_told_where_each_leaf_is_released_by_its_own_badge() -> None:
    rig = quiet()
    assert InterlockOverridden not in bodies(rig.badge("outer"))
    assert InterlockOverridden not in bodies(quiet().badge("inner", direction=EXIT))


# --- whatever happens ---------------------------------------------------------------------------


def test_no_barrier_closes_on_what_nobody_sees_to_be_free() -> None:
    watched = [run(seed) for seed in (*FIXED, NEW)]
    assert sum(one.lowered for one in watched) > RUNS, "they are lowered all the time"
    assert sum(one.raised for one in watched) > 10


def test_a_core_that_forgets_the_loop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = barriers.stands
    monkeypatch.setattr(
        barriers,
        "stands",
        lambda state, effect, now_us: (
            isinstance(effect, LowerBarrier) or real(state, effect, now_us)
        ),
    )
    with pytest.raises(BlindlyClosedError):
        _run_all()


def _run_all() -> None:
    for seed in FIXED:
        run(seed)
