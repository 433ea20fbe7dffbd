"""Alarm points, arming and local sources: what alarms, who silences it, and what never moves."""

from pathlib import Path

import pytest

from controller import barrier, point
from controller.effects import Effect
from controller.events_points import (
    ArmingRefused,
    PointAlarmed,
    PointEntered,
    PointFaulted,
    PointMasked,
    PointRestored,
    PointSeen,
    PointShunted,
    PointShuntEnded,
    PointStoodDown,
    PointStuck,
    ShuntRefused,
    SourceActed,
    SourceFaulted,
    SourceFoundActive,
    SourceLetGo,
    ZoneArmed,
    ZoneDisarmed,
)
from controller.point import State
from controller.state import apply, restore, snapshot
from tests.controller.compound_gate import FRIDAY_NIGHT_UTC_US, POLICY, Gate, quiet
from tests.controller.support import bodies, of_type

FAULTS = {"cut": PointFaulted, "shorted": PointFaulted, "gone": PointFaulted, "masked": PointMasked}


def night() -> Gate:
    return quiet(FRIDAY_NIGHT_UTC_US)


# --- what alarms ------------------------------------------------------------------------------


def test_an_armed_point_alarms_and_a_disarmed_one_is_noted_alone() -> None:
    assert bodies(night().point("fence", "active")) == [PointAlarmed]
    assert bodies(quiet().point("fence", "active")) == [PointSeen]


def test_some_points_alarm_at_any_hour() -> None:
    rig = quiet()
    assert bodies(rig.point("glass", "active")) == [PointAlarmed]
    assert bodies(rig.point("mains", "active")) == [PointAlarmed]


def test_a_zone_inside_an_armed_one_is_armed_with_it_unless_it_has_a_set_of_its_own() -> None:
    rig = night()
    assert bodies(rig.point("safe", "active")) == [PointSeen], "the house has its own set"
    rig.point("safe", "quiet")
    rig.arm("house", armed=True)
    assert bodies(rig.point("safe", "active")) == [PointAlarmed]


@pytest.mark.parametrize("armed", [True, False])
@pytest.mark.parametrize("line", FAULTS)
def test_what_is_wrong_with_the_line_alarms_armed_or_not(line: str, armed: bool) -> None:
    rig = night() if armed else quiet()
    assert bodies(rig.point("fence", line)) == [FAULTS[line]]
    assert bodies(rig.point("fence", line)) == [], "once"
    assert bodies(rig.point("fence", "quiet")) == [PointRestored]


@pytest.mark.parametrize("line", FAULTS)
def test_and_while_it_is_shunted(line: str) -> None:
    rig = night()
    rig.shunt("fence")
    assert bodies(rig.point("fence", line)) == [FAULTS[line]]


def test_a_cut_line_that_is_shorted_then_is_told_again() -> None:
    rig = night()
    rig.point("fence", "cut")
    assert bodies(rig.point("fence", "shorted")) == [PointFaulted]


@pytest.mark.parametrize("armed", [True, False])
def test_activity_that_does_not_end_is_a_fault_of_the_sensor(armed: bool) -> None:
    rig = night() if armed else quiet()
    rig.point("fence", "active")
    assert PointStuck not in bodies(rig.later(299.9))
    assert PointStuck in bodies(rig.later(0.2))
    assert PointStuck not in bodies(rig.later(2_000)), "once"
    assert bodies(rig.point("fence", "quiet")) == [PointRestored]


def test_a_supply_that_fails_for_long_is_not_stuck() -> None:
    rig = quiet()
    rig.point("mains", "active")
    assert PointStuck not in bodies(rig.later(5_000))


def test_a_point_that_is_not_heard_after_the_start_does_not_answer() -> None:
    rig = Gate(POLICY)
    rig.start()
    told = rig.later(10.1)
    assert bodies(told).count(PointFaulted) == 5
    assert rig.known("fence").line is point.Line.GONE
    assert PointFaulted not in bodies(rig.later(100)), "once"


# --- arming -----------------------------------------------------------------------------------


def test_the_schedule_arms_and_disarms() -> None:
    rig = quiet()
    assert ZoneArmed in bodies(rig.later(11 * 3600))
    rig.point("fence", "active")
    assert rig.known("fence").state is State.ALARM
    told = rig.later(7 * 3600)
    assert ZoneDisarmed in bodies(told)
    assert PointStoodDown not in bodies(told), "it was stuck by then"
    rig.point("fence", "quiet")
    assert bodies(rig.point("fence", "active")) == [PointSeen]


def test_a_clock_that_nobody_vouches_for_disarms_nothing_and_a_new_site_is_armed() -> None:
    rig = night()
    rig.trusted = False
    assert ZoneDisarmed not in bodies(rig.later(9 * 3600))
    fresh = Gate(POLICY, utc_us=FRIDAY_NIGHT_UTC_US)
    fresh.trusted = False
    fresh.start()
    fresh.point("fence", "quiet")
    assert bodies(fresh.point("fence", "active")) == [PointAlarmed]


def test_what_a_person_does_holds_until_the_schedule_changes() -> None:
    rig = night()
    assert bodies(rig.arm("grounds", armed=False)) == [ZoneDisarmed]
    assert bodies(rig.point("fence", "active")) == [PointSeen]
    assert ZoneArmed not in bodies(rig.later(2 * 3600))
    told = rig.later(24 * 3600)
    assert ZoneArmed in bodies(told)


def test_a_restart_keeps_what_is_armed() -> None:
    rig = night()
    rig.arm("house", armed=True)
    rig.start()
    rig.point("safe", "quiet")
    assert bodies(rig.point("safe", "active")) == [PointAlarmed]


@pytest.mark.parametrize("who", ["ann", "nobody"])
@pytest.mark.parametrize("armed", [True, False])
def test_only_who_has_the_role_arms_and_disarms(who: str, armed: bool) -> None:
    rig = quiet()
    rig.arm("house", armed=not armed)
    before = rig.site.state.armed
    assert bodies(rig.arm("house", armed=armed, who=who)) == [ArmingRefused]
    assert rig.site.state.armed == before


def test_nobody_disarms_what_would_not_be_on_record() -> None:
    rig = night()
    rig.journal(working=False)
    assert bodies(rig.arm("grounds", armed=False)) == [ArmingRefused]
    assert bodies(rig.shunt("fence")) == [ShuntRefused]
    assert bodies(rig.arm("house", armed=True)) == [ZoneArmed], "more protection is always taken"


def test_arming_names_what_is_not_quiet_and_that_alarms_at_once() -> None:
    rig = quiet()
    rig.point("safe", "active")
    rig.point("pir", "cut")
    told = rig.arm("house", armed=True)
    assert bodies(told) == [ZoneArmed, PointAlarmed]
    assert told.events[0].body.unquiet == ("pir", "safe")  # type: ignore[attr-defined]


def test_one_set_is_disarmed_and_the_other_goes_on() -> None:
    rig = night()
    rig.arm("house", armed=True)
    rig.point("fence", "active")
    rig.point("safe", "active")
    assert bodies(rig.arm("house", armed=False)) == [ZoneDisarmed, PointStoodDown]
    assert rig.known("fence").state is State.ALARM
    assert rig.known("safe").state is State.SEEN


def test_who_comes_in_has_the_delay_to_disarm() -> None:
    rig = quiet()
    rig.arm("house", armed=True)
    assert bodies(rig.point("pir", "active")) == [PointEntered]
    assert bodies(rig.point("pir", "quiet")) == [PointRestored]
    assert bodies(rig.later(20)) == []
    assert bodies(rig.arm("house", armed=False)) == [ZoneDisarmed, PointStoodDown]
    assert bodies(rig.later(60)) == []


def test_who_does_not_disarm_in_time_has_set_it_off() -> None:
    rig = quiet()
    rig.arm("house", armed=True)
    rig.point("pir", "active")
    rig.point("pir", "quiet")
    assert PointAlarmed not in bodies(rig.later(29.9))
    assert bodies(rig.later(0.2)) == [PointAlarmed]
    assert bodies(rig.point("pir", "active")) == [PointAlarmed], "and again"


def test_an_edge_that_is_restarted_during_the_delay_alarms() -> None:
    rig = quiet()
    rig.arm("house", armed=True)
    rig.point("pir", "active")
    rig.point("pir", "quiet")
    rig.start()
    assert PointAlarmed in bodies(rig.point("pir", "quiet"))


def test_a_cable_that_is_cut_during_the_delay_alarms_at_once() -> None:
    rig = quiet()
    rig.arm("house", armed=True)
    rig.point("pir", "active")
    assert bodies(rig.point("pir", "cut")) == [PointFaulted]


# --- shunts -----------------------------------------------------------------------------------


def test_a_shunt_silences_activity_until_its_end() -> None:
    rig = night()
    (event,) = rig.shunt("fence", 60).events
    assert isinstance(event.body, PointShunted)
    assert (event.body.reason, event.body.holder) == ("works", "h-bob")
    assert bodies(rig.point("fence", "active")) == [PointSeen]
    assert bodies(rig.later(59.9)) == []
    assert bodies(rig.later(0.2)) == [PointShuntEnded, PointAlarmed], "it still is active"


def test_a_shunt_ends_early_when_somebody_says_so_and_at_a_start() -> None:
    rig = night()
    rig.shunt("fence")
    assert bodies(rig.end_shunt("fence")) == [PointShuntEnded]
    assert bodies(rig.end_shunt("fence")) == [ShuntRefused]
    rig.shunt("fence")
    rig.start()
    rig.point("fence", "quiet")
    assert bodies(rig.point("fence", "active")) == [PointAlarmed]


@pytest.mark.parametrize(
    ("name", "for_s", "who", "reason"),
    [
        ("fence", 60, "ann", "works"),
        ("fence", 60, "nobody", "works"),
        ("fence", 60, "bob", "  "),
        ("fence", 0, "bob", "works"),
        ("fence", 24 * 3600 + 1, "bob", "works"),
        ("glass", 60, "bob", "works"),  # the policy lets nobody
        ("none", 60, "bob", "works"),
    ],
)
def test_a_shunt_needs_its_role_a_reason_and_an_end(
    name: str, for_s: float, who: str, reason: str
) -> None:
    rig = night()
    before = rig.site.state.points
    assert bodies(rig.shunt(name, for_s, who, reason)) == [ShuntRefused]
    assert rig.site.state.points == before


# --- sources ----------------------------------------------------------------------------------


def test_only_the_change_into_active_acts() -> None:
    rig = quiet()
    assert bodies(rig.source("active")) == [SourceActed]
    assert bodies(rig.source("active")) == []
    assert bodies(rig.source("quiet")) == [SourceLetGo]
    assert bodies(rig.source("active")) == [SourceActed]


@pytest.mark.parametrize("line", ["cut", "shorted", "gone", "unknown"])
def test_a_line_that_cannot_be_read_gives_no_order(line: str) -> None:
    rig = quiet()
    assert bodies(rig.source(line)) == [SourceFaulted]
    assert bodies(rig.source("active")) == [SourceActed], "turned while nobody could see it"


def test_a_key_that_was_turned_before_a_restart_gives_no_second_order() -> None:
    rig = quiet()
    rig.source("active")
    rig.start()
    assert bodies(rig.source("active")) == [SourceFoundActive]
    rig.source("gone")
    assert bodies(rig.source("active")) == [SourceFoundActive]


def test_one_of_which_nothing_was_known_gives_none_and_one_that_was_turned_meanwhile_does() -> None:
    rig = quiet()
    assert bodies(rig.source("active", "new-key")) == [SourceFoundActive]
    rig.start()
    assert bodies(rig.source("active")) == [SourceActed]


# --- what never moves ---------------------------------------------------------------------------


def test_no_sensor_works_a_lock_or_changes_a_portal() -> None:
    """Every line of every point and source, armed and not: no wish comes of it, and no portal,
    posture or attempt changes."""
    rig = quiet()
    before = rig.site.state
    for armed in (True, False):
        rig.arm("house", armed=armed)
        rig.arm("grounds", armed=armed)
        for name in rig.site.policy.points:
            for line in point.Line:
                assert of_type(Effect, rig.point(name, line)) == []
        for line in point.Line:
            if line is not point.Line.MASKED:
                assert of_type(Effect, rig.source(line)) == []
        assert of_type(Effect, rig.later(5_000)) == []
    after = rig.site.state
    assert (after.portals, after.mode, after.attempts) == (
        before.portals,
        before.mode,
        before.attempts,
    )


def test_what_was_recorded_gives_the_same_state_again() -> None:
    rig = night()
    rig.shunt("fence")
    rig.arm("house", armed=True)
    for name in rig.site.policy.points:
        for line in point.Line:
            rig.point(name, line)
    rig.source("active")
    rig.later(100)
    state = type(rig.site.state)()
    for event in rig.events:
        state = restore(snapshot(apply(state, event)))
    assert snapshot(state) == snapshot(rig.site.state)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (point, "    State.FAULT: _ALWAYS,\n"),
        (point, "    Signal.MASKED: _to(State.MASKED, Note.MASKED),\n"),
        (barrier, "    State.IDLE: _ALWAYS,\n"),
        (barrier, "    Signal.REACHED: Move(State.DOWN, Note.REACHED),\n"),
    ],
)
def test_a_table_with_a_gap_cannot_be_imported(module: object, line: str) -> None:
    source = Path(str(getattr(module, "__file__", ""))).read_text()
    assert source.count(line) == 1
    name = str(getattr(module, "__name__", ""))
    with pytest.raises(AssertionError):
        exec(compile(source.replace(line, ""), name, "exec"), {"__name__": name})
