"""Releases and postures: what is lawful goes by, what is not is found."""

import pytest
from msgspec.structs import replace

from controller.events import ExitRequested, JournalLost, JournalRestored
from controller.ids import PortalId
from controller.portal import Portal
from policies.facts import Mode
from simulators.virtual.rules_posture import PostureForbidsEntry
from simulators.virtual.rules_release import ReleaseNeedsAGrant
from simulators.virtual.rules_scene import Scene
from simulators.virtual.seen import What
from tests.virtual.stories import broken, one_wing, story

# --- release-needs-a-durable-grant ----------------------------------------------------------------


def test_a_grant_on_disk_is_good_for_one_release() -> None:
    told = story(ReleaseNeedsAGrant)
    told.grants(100.0, "staff", "entry", "gate")
    told.releases(100.01, "gate")
    told.secures(101.0, "gate")
    with broken("gate let go"):
        told.releases(101.2, "gate")


@pytest.mark.parametrize(("at_s", "portal"), [(102.1, "gate"), (100.01, "front")])
def test_a_grant_is_good_for_its_time_and_portal(at_s: float, portal: str) -> None:
    told = story(ReleaseNeedsAGrant)
    told.grants(100.0, "staff", "entry", "gate")
    with broken(f"{portal} let go"):
        told.releases(at_s, portal)


def test_a_grant_that_was_taken_back_is_on_the_wire_at_most() -> None:
    told = story(ReleaseNeedsAGrant)
    for begin_s in (100.0, 200.0):
        told.grants(begin_s, "staff", "entry", "gate")
        told.aborts(begin_s + 0.5, "staff", "gate")
        if begin_s == 100.0:
            told.releases(100.54, "gate")
    with broken("gate let go"):
        told.releases(200.56, "gate")


def test_what_was_granted_while_nothing_could_be_written_allows_nothing() -> None:
    told = story(ReleaseNeedsAGrant)
    told.write(100.0, JournalLost(reason=""))
    told.grants(100.0, "staff", "entry", "gate")
    told.leases(100.0, "front")
    told.write(100.0, JournalRestored(dropped=0))
    told.grants(100.0, "staff", "entry", "office-0")
    told.releases(100.1, "office-0")
    for portal in ("gate", "front"):
        with broken(f"{portal} let go"):
            told.releases(100.1, portal)


def test_a_new_start_writes_again() -> None:
    told = story(ReleaseNeedsAGrant)
    told.write(100.0, JournalLost(reason=""))
    told.starts(110.0)
    told.leases(111.0, "front")
    told.releases(111.01, "front")


def test_a_lease_on_disk_opens_for_as_long_as_it_is_on_its_way() -> None:
    told = story(ReleaseNeedsAGrant)
    told.leases(100.0, "front")
    told.releases(100.01, "front")
    told.secures(101.0, "front")
    with broken("front let go"):
        told.releases(130.0, "front")


def test_a_fire_frees_what_the_policy_says_and_nothing_else() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.FIRE, "main")
    told.releases(100.1, "archive-0")
    told.latches(100.2)
    told.frees(100.2, "archive-0")
    told.passes_time(110.0)
    with broken("gate let go"):
        told.releases(111.0, "gate")


def test_without_fire_or_evacuation_nothing_is_freed() -> None:
    told = story(ReleaseNeedsAGrant)
    with broken("archive-0 let go"):
        told.releases(100.0, "archive-0")
    told = story(ReleaseNeedsAGrant)
    told.sets(100.0, "evacuate")
    told.releases(100.1, "archive-0")
    told.changes(100.2, "evacuate")
    told.frees(100.2, "archive-0")
    told.sets(110.0, "normal")
    told.changes(110.1, "normal")
    told.ends_free(110.1, "archive-0")
    with broken("archive-0 let go"):
        told.releases(120.0, "archive-0")


def test_a_reset_fire_frees_nothing_any_more() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.FIRE, "main")
    told.latches(100.1)
    told.frees(100.1, "side-0")
    told.releases(100.2, "side-0")
    told.see(200.0, What.QUIET, "main")
    told.releases(210.0, "side-0")  # its board came back
    told.see(220.0, What.RESET, "main")
    told.resets(220.0)
    told.ends_free(220.0, "side-0")
    with broken("side-0 let go"):
        told.releases(230.0, "side-0")


def test_a_fire_input_that_cannot_be_heard_is_fire() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.FAULT, "board-0", "mute")
    told.latches(103.0, reason="device gone")
    told.frees(103.0, "archive-0")
    told.releases(103.1, "archive-0")
    told = story(ReleaseNeedsAGrant)
    with broken("main latched"):
        told.latches(103.0, reason="device gone")


def test_in_the_journals_order_ways_out_are_freed_for_a_reason() -> None:
    told = story(ReleaseNeedsAGrant)
    with broken("archive-0 freed"):
        told.frees(100.0, "archive-0")
    told = story(ReleaseNeedsAGrant)
    told.see(99.0, What.FIRE, "main")
    told.latches(100.0)
    with broken("gate freed"):
        told.frees(100.0, "gate")


def test_the_button_opens_and_the_shunt_does_not() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.EXIT_ASKED, "side-0")
    told.releases(100.1, "side-0")
    told.see(100.2, What.EXIT_ASKED, "office-0")
    with broken("office-0 let go"):
        told.releases(100.3, "office-0")
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.EXIT_ASKED, "side-0")
    with broken("side-0 let go"):
        told.releases(104.0, "side-0")


def test_what_goes_before_the_disk_is_on_it_soon() -> None:
    for written in (True, False):
        told = story(ReleaseNeedsAGrant)
        told.see(100.0, What.EXIT_ASKED, "side-0")
        told.releases(100.1, "side-0")
        if written:
            asked = ExitRequested(portal=PortalId("side-0"), after=Portal())
            told.write(101.0, asked)
            told.passes_time(200.0)
            continue
        told.passes_time(105.0)
        with broken("no entry says so"):
            told.passes_time(105.2)


def test_an_entry_for_somebody_does_not_explain_a_door_that_is_free_for_all() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.FIRE, "main")
    told.releases(100.1, "archive-0")
    told.decides(100.2, "staff", "exit", "archive-0")
    with broken("no entry says so"):
        told.rule.finish(106.0)


def test_who_died_before_it_could_write_owes_nothing() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.EXIT_ASKED, "side-0")
    told.releases(100.1, "side-0")
    told.see(100.2, What.KILLED, "edge")
    told.passes_time(200.0)


def test_the_last_bytes_of_a_dead_edge_owe_nothing() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(99.99, What.EXIT_ASKED, "side-0")
    told.see(100.0, What.KILLED, "edge")
    told.releases(100.002, "side-0")
    told.passes_time(200.0)


def test_an_exit_reader_opens_without_the_disk_only_while_it_cannot_write() -> None:
    told = story(ReleaseNeedsAGrant)
    told.presents(100.0, "staff", "exit", "archive-0")
    with broken("archive-0 let go"):
        told.releases(100.1, "archive-0")
    told = story(ReleaseNeedsAGrant)
    told.see(90.0, What.FAULT, "disk", "full")
    told.presents(100.0, "staff", "exit", "archive-0")
    told.releases(100.1, "archive-0")
    told.passes_time(500.0)
    told.see(500.0, What.MENDED, "disk", "full")
    told.passes_time(559.0)
    with broken("no entry says so"):
        told.passes_time(561.0)


def test_a_failed_sync_is_over_with_the_next_entry_on_disk() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(90.0, What.FAULT, "disk", "eio")
    told.presents(1_000.0, "staff", "exit", "archive-0")
    told.releases(1_000.1, "archive-0")
    told.decides(1_003.0, "staff", "exit", "archive-0")
    told.presents(1_100.0, "staff", "exit", "archive-0")
    with broken("archive-0 let go"):
        told.releases(1_100.1, "archive-0")


def test_an_emergency_passage_is_entered_without_the_disk_by_its_people() -> None:
    for disk, character, portal, lawful in (
        ("full", "staff", "refuge-0", True),
        ("full", "finder", "refuge-0", False),
        ("full", "stranger", "refuge-0", False),
        ("full", "guard", "gate", False),
        ("", "staff", "refuge-0", False),
    ):
        told = story(ReleaseNeedsAGrant)
        if disk:
            told.see(90.0, What.FAULT, "disk", disk)
        told.presents(100.0, character, "entry", portal)
        if lawful:
            told.releases(100.1, portal)
            continue
        with broken(f"{portal} let go"):
            told.releases(100.1, portal)


def test_a_card_shown_while_there_is_no_edge_opens_nothing_later() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(90.0, What.FAULT, "disk", "full")
    told.presents(100.0, "staff", "exit", "archive-0")
    told.see(100.1, What.KILLED, "edge")
    told.starts(120.0)
    with broken("archive-0 let go"):
        told.releases(121.0, "archive-0")


def test_a_way_out_that_was_free_for_a_moment_was_told_of() -> None:
    told = story(ReleaseNeedsAGrant)
    told.sets(100.0, "evacuate")
    told.changes(100.0, "evacuate")
    told.frees(100.0, "archive-0")
    told.sets(100.001, "normal")
    told.changes(100.001, "normal")
    told.ends_free(100.001, "archive-0")
    told.releases(100.003, "archive-0")
    told.passes_time(200.0)


def test_what_did_not_fit_into_memory_cannot_be_told() -> None:
    told = story(ReleaseNeedsAGrant)
    told.see(100.0, What.EXIT_ASKED, "side-0")
    told.releases(100.1, "side-0")
    told.write(101.0, JournalRestored(dropped=1))
    told.passes_time(200.0)


# --- posture-forbids-entry ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "character", "portal", "lawful"),
    [
        ("normal", "staff", "gate", True),
        ("lockdown", "staff", "gate", False),
        ("lockdown", "guard", "gate", True),
        ("lockdown", "staff", "refuge-0", True),
        ("shelter", "staff", "office-0", True),
        ("shelter", "staff", "archive-0", False),
        ("evacuate", "staff", "refuge-0", False),
        ("evacuate", "guard", "refuge-0", True),
    ],
)
def test_posture_in_the_journals_order_and_at_the_doors(
    mode: str, character: str, portal: str, *, lawful: bool
) -> None:
    recorded, seen = story(PostureForbidsEntry), story(PostureForbidsEntry)
    recorded.changes(100.0, mode)
    seen.sets(100.0, mode)
    seen.presents(200.0, character, "entry", portal)
    if lawful:
        recorded.grants(200.0, character, "entry", portal)
        seen.releases(200.1, portal)
        return
    with broken(f"granted entry at {portal}"):
        recorded.grants(200.0, character, "entry", portal)
    with broken(f"{portal} let go"):
        seen.releases(200.1, portal)


def test_bytes_on_the_wire_arrive_and_no_more() -> None:
    for at_s, lawful in ((100.04, True), (100.06, False)):
        told = story(PostureForbidsEntry)
        told.presents(99.9, "staff", "entry", "gate")
        told.sets(100.0, "lockdown")
        if lawful:
            told.releases(at_s, "gate")
            continue
        with broken("gate let go"):
            told.releases(at_s, "gate")


def test_a_fire_keeps_out_whom_no_override_lets_in() -> None:
    for character, lawful in (("staff", False), ("guard", True)):
        recorded, seen = story(PostureForbidsEntry), story(PostureForbidsEntry)
        recorded.see(99.0, What.FIRE, "annex")
        recorded.latches(100.0, "annex")
        seen.see(100.0, What.FIRE, "annex")
        seen.presents(100.1, character, "entry", "gate")
        seen.releases(100.5, "gate")  # too soon to be known
        seen.secures(100.55, "gate")
        if lawful:
            recorded.grants(101.0, character, "entry", "gate")
            seen.releases(100.6, "gate")
            continue
        with broken("granted entry at gate"):
            recorded.grants(101.0, character, "entry", "gate")
        with broken("gate let go"):
            seen.releases(100.6, "gate")


def test_whoever_presented_at_a_silent_reader_is_answered_within_seconds_or_never() -> None:
    for silent_s, lawful in ((2.0, True), (20.0, False)):
        told = story(PostureForbidsEntry)
        told.sets(100.0, "lockdown")
        told.see(119.0, What.FAULT, "gate-in", "mute")
        told.presents(120.0, "guard", "entry", "gate")
        told.see(120.0 + silent_s, What.MENDED, "gate-in", "mute")
        if lawful:
            told.releases(120.1 + silent_s, "gate")
        else:
            with broken("gate let go"):
                told.releases(120.1 + silent_s, "gate")


def test_after_the_reset_people_enter_again() -> None:
    told = story(PostureForbidsEntry)
    told.see(100.0, What.FIRE, "main")
    told.latches(100.1)
    told.see(200.0, What.QUIET, "main")
    told.presents(201.0, "staff", "entry", "gate")
    with broken("gate let go"):
        told.releases(201.1, "gate")
    told.see(210.0, What.RESET, "main")
    told.resets(210.0)
    told.presents(220.0, "staff", "entry", "gate")
    told.grants(220.0, "staff", "entry", "gate")
    told.releases(220.1, "gate")


def test_a_fire_that_cannot_be_heard_need_not_be_known() -> None:
    told = story(PostureForbidsEntry)
    told.see(99.0, What.FAULT, "board-0", "mute")
    told.see(100.0, What.FIRE, "main")
    told.presents(101.0, "staff", "entry", "gate")
    told.releases(101.1, "gate")


def test_who_wants_out_is_let_out_in_every_posture() -> None:
    told = story(PostureForbidsEntry)
    told.sets(100.0, "lockdown")
    told.changes(100.0, "lockdown")
    told.see(200.0, What.EXIT_ASKED, "side-0")
    told.releases(200.1, "side-0")
    told.presents(200.0, "staff", "exit", "archive-0")
    told.grants(200.1, "staff", "exit", "archive-0")
    told.releases(200.1, "archive-0")
    told.see(200.0, What.EXIT_ASKED, "office-0")
    with broken("office-0 let go"):
        told.releases(200.1, "office-0")


def test_what_is_free_lets_go_for_nobody_in_particular() -> None:
    told = story(PostureForbidsEntry)
    told.see(50.0, What.FAILED_SAFE, "archive-0")
    told.sets(100.0, "evacuate")
    told.releases(100.5, "side-0")
    told.passes_time(200.0)


def test_who_was_let_out_just_before_has_his_time() -> None:
    told = story(PostureForbidsEntry)
    told.presents(99.0, "staff", "exit", "archive-0")
    told.releases(99.2, "archive-0")
    told.passes(99.9, "staff", "exit", "archive-0")
    told.sets(100.0, "lockdown")
    told.passes_time(100.3)
    told.passes_time(103.1)
    told.secures(103.2, "archive-0")


def test_somebody_elses_verdict_lets_nobody_in() -> None:
    told = story(PostureForbidsEntry)
    told.changes(100.0, "lockdown")
    told.decides(101.0, "guard", "entry", "gate")
    with broken("nobody was granted entry at gate"):
        told.only_grants(101.0, "staff", "entry", "gate")


def test_only_from_inside_a_refuge_is_reached_in_lockdown() -> None:
    scene = Scene(one_wing())
    staff = story(PostureForbidsEntry).person("staff")
    assert not scene.overrides(staff, "side-0", Mode.LOCKDOWN, burns=False)
    scene.rules["side-0"] = replace(scene.rules["side-0"], refuge_route=True)
    assert not scene.overrides(staff, "side-0", Mode.LOCKDOWN, burns=False)
    assert scene.overrides(staff, "office-0", Mode.LOCKDOWN, burns=False)


def test_a_lease_ends_with_the_posture() -> None:
    for secured in (True, False):
        told = story(PostureForbidsEntry)
        told.leases(50.0, "front")
        told.releases(50.0, "front")
        told.sets(100.0, "lockdown")
        told.passes_time(100.3)
        if secured:
            told.secures(101.0, "front")
            told.passes_time(110.0)
            continue
        told.passes_time(102.9)
        with broken("front stays unlocked"):
            told.passes_time(103.3)


def test_nobody_can_lock_what_does_not_answer() -> None:
    told = story(PostureForbidsEntry)
    told.releases(50.0, "front")
    told.see(99.0, What.FAULT, "line-0", "noise")
    told.sets(100.0, "lockdown")
    told.passes_time(100.3)
    told.passes_time(110.0)


@pytest.mark.parametrize(("mode", "threat"), [("lockdown", 1), ("normal", 5)])
def test_nothing_stands_open_by_schedule_in_a_posture(mode: str, threat: int) -> None:
    told = story(PostureForbidsEntry)
    told.leases(99.0, "front")
    told.changes(100.0, mode, threat)
    with broken("front stands open"):
        told.leases(110.0, "front")


def test_nothing_stands_open_by_schedule_in_a_fire() -> None:
    told = story(PostureForbidsEntry)
    told.see(99.0, What.FIRE, "main")
    told.latches(100.0)
    with broken("front stands open"):
        told.leases(110.0, "front")


def test_a_posture_that_was_not_on_disk_may_be_forgotten() -> None:
    for durable in (True, False):
        told = story(PostureForbidsEntry)
        told.sets(100.0, "lockdown")
        if durable:
            told.changes(100.0, "lockdown")
        told.see(101.0, What.KILLED, "edge")
        told.starts(103.0)
        told.presents(110.0, "staff", "entry", "gate")
        if not durable:
            told.releases(110.1, "gate")
            continue
        with broken("gate let go"):
            told.releases(110.1, "gate")


def test_a_posture_of_which_the_half_reached_the_disk_is_what_the_edge_comes_back_with() -> None:
    """Ended and ordered again, and the power went: the first of the two had arrived."""
    for arrived, lawful in (("normal", True), ("evacuate", False)):
        told = story(PostureForbidsEntry)
        told.changes(100.0, "evacuate")
        told.sets(100.0, "evacuate")
        told.sets(200.0, "normal")
        told.sets(200.05, "evacuate")
        told.see(200.7, What.KILLED, "edge")
        if arrived == "normal":
            told.changes(204.0, "normal")
        told.starts(204.0)
        told.presents(299.9, "staff", "entry", "gate")
        if lawful:
            told.releases(300.0, "gate")
        else:
            with broken("gate let go"):
                told.releases(300.0, "gate")
