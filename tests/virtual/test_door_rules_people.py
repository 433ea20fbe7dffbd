"""Ways out, and who may come in: what is lawful goes by, what is not is found."""

import pytest

from controller.events import EdgeStopping
from policies.codes import Code
from simulators.virtual.rules_exits import ExitsStayFree
from simulators.virtual.rules_persons import NeverForTheWrongPerson
from simulators.virtual.seen import What
from tests.virtual.stories import HOUR_US, Story, broken, story

# --- exits-stay-free ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("character", "code", "lawful"),
    [
        ("stranger", Code.UNKNOWN_CREDENTIAL, True),
        ("finder", Code.CREDENTIAL_LOST, True),
        ("staff", Code.CREDENTIAL_LOST, False),
        ("staff", Code.FACTOR_FAILED, True),
        ("staff", Code.INTERLOCK, True),
        ("staff", Code.EGRESS_HELD, True),
        ("diplomat", Code.EGRESS_HELD, False),
        ("staff", Code.LOCKDOWN, False),
        ("staff", Code.NO_GRANT, False),
        ("staff", Code.OUT_OF_SCHEDULE, False),
        ("staff", Code.NOT_RECORDED, False),
        ("staff", Code.INOPERABLE, False),
        ("staff", Code.SUSPENDED, False),
    ],
)
def test_what_may_keep_somebody_in(character: str, code: Code, *, lawful: bool) -> None:
    told = story(ExitsStayFree)
    told.decides(90.0, "staff", "entry", "archive-0", Code.NO_GRANT)
    if lawful:
        told.decides(100.0, character, "exit", "archive-0", code)
        return
    with broken("kept in at archive-0"):
        told.decides(100.0, character, "exit", "archive-0", code)


def test_nothing_keeps_anybody_in_at_a_free_exit_or_in_a_fire() -> None:
    told = story(ExitsStayFree)
    told.decides_anonymously(100.0, "side-0")
    with broken("kept in at side-0: the way out is free"):
        told.decides_anonymously(100.0, "side-0", Code.INTERLOCK)
    told.changes(110.0, "evacuate")
    with broken("there is fire or evacuation"):
        told.decides(111.0, "finder", "exit", "archive-0", Code.CREDENTIAL_LOST)
    told = story(ExitsStayFree)
    told.latches(100.0)
    with broken("there is fire or evacuation"):
        told.decides(111.0, "finder", "exit", "archive-0", Code.CREDENTIAL_LOST)


@pytest.mark.parametrize("disk", ["", "full", "slow", "eio"])
def test_a_badge_inside_opens_with_and_without_the_disk(disk: str) -> None:
    for answered in (True, False):
        told = story(ExitsStayFree)
        if disk:
            told.see(90.0, What.FAULT, "disk", disk)
        told.presents(100.0, "staff", "exit", "archive-0")
        if answered:
            told.releases(102.4, "archive-0")
            told.passes_time(110.0)
            continue
        with broken("archive-0 did not let go: staff 0"):
            told.passes_time(102.6)


def test_the_button_opens_at_once() -> None:
    told = story(ExitsStayFree)
    told.see(100.0, What.EXIT_ASKED, "side-0")
    told.releases(100.6, "side-0")
    told.secures(105.0, "side-0")
    told.see(110.0, What.EXIT_ASKED, "office-0")
    told.see(110.0, What.FAILED_SAFE, "side-0")
    told.see(115.0, What.EXIT_ASKED, "side-0")
    told.passes_time(116.0)  # it is open
    told.secures(117.0, "side-0")
    told.see(120.0, What.EXIT_ASKED, "side-0")
    with broken("side-0 did not let go: who pressed the button"):
        told.passes_time(120.8)


def test_what_excuses_a_door_that_does_not_open() -> None:
    told = story(ExitsStayFree)
    told.presents(100.0, "finder", "exit", "archive-0")
    told.presents(100.0, "staff", "entry", "archive-0")
    told.passes_time(110.0)
    told.presents(200.0, "staff", "exit", "archive-0")
    told.see(201.0, What.FAULT, "line-1", "unplugged")
    told.passes_time(210.0)
    told.see(211.0, What.MENDED, "line-1", "unplugged")
    told.presents(220.0, "staff", "exit", "archive-0")  # the line is not tried every second
    told.passes_time(230.0)
    told.presents(300.0, "staff", "exit", "archive-0")
    told.see(301.0, What.KILLED, "edge")
    told.starts(303.0)
    told.presents(305.0, "staff", "exit", "archive-0")
    told.passes_time(320.0)
    told.presents(400.0, "staff", "exit", "archive-0")
    told.write(401.0, EdgeStopping(reason=""))
    told.passes_time(420.0)


def test_mended_lines_and_started_edges_have_no_excuse() -> None:
    told = story(ExitsStayFree)
    told.see(100.0, What.FAULT, "archive-0-out", "reboot")
    told.see(101.0, What.KILLED, "edge")
    told.starts(103.0)
    told.presents(160.0, "staff", "exit", "archive-0")
    with broken("archive-0 did not let go"):
        told.passes_time(163.0)


@pytest.mark.parametrize("evacuated", [True, False])
def test_fire_and_evacuation_free_every_electric_lock(*, evacuated: bool) -> None:
    for freed in (True, False):
        told = story(ExitsStayFree)
        if evacuated:
            told.sets(100.0, "evacuate")
        else:
            told.see(100.0, What.FIRE, "main")
        told.releases(100.3, "archive-0")
        if freed:
            told.releases(100.3, "side-0")
        told.passes_time(100.3)
        if freed:
            told.passes_time(120.0)
            continue
        with broken("side-0 is locked"):
            told.passes_time(102.0)


def test_a_board_that_does_not_answer_is_freed_when_it_is_back() -> None:
    told = story(ExitsStayFree)
    told.see(90.0, What.FAULT, "board-2", "mute")
    told.see(100.0, What.FIRE, "main")
    told.releases(100.6, "archive-0")
    told.passes_time(200.0)
    told.see(200.0, What.MENDED, "board-2", "mute")
    told.passes_time(240.0)
    with broken("side-0 is locked"):
        told.passes_time(250.0)


def in_a_fire() -> Story:
    told = story(ExitsStayFree)
    told.see(100.0, What.FIRE, "main")
    told.latches(100.1)
    told.releases(100.2, "archive-0")
    told.releases(100.2, "side-0")
    told.passes_time(110.0)
    return told


def test_nothing_locks_before_the_reset() -> None:
    told = in_a_fire()
    told.see(200.0, What.QUIET, "main")
    told.secures(208.0, "side-0")
    told.passes_time(210.0)
    told.see(210.1, What.RESET, "main")
    told.secures(210.2, "archive-0")
    told.passes_time(300.0)
    told = in_a_fire()
    told.see(200.0, What.QUIET, "main")
    told.secures(210.0, "side-0")
    told.releases(210.5, "side-0")
    with broken("side-0 was freed, and locked"):
        told.passes_time(213.0)


def test_what_locks_when_the_reason_ended_is_freed_for_the_next_one() -> None:
    told = in_a_fire()
    told.sets(150.0, "evacuate")
    told.see(200.0, What.QUIET, "main")
    told.see(210.0, What.RESET, "main")
    told.passes_time(211.0)
    told.sets(220.0, "normal")
    told.sets(220.001, "evacuate")
    told.secures(220.002, "archive-0", "side-0")
    told.releases(220.01, "archive-0")
    told.releases(220.01, "side-0")
    told.passes_time(230.0)
    told.secures(231.0, "side-0")
    with broken("side-0 was freed, and locked"):
        told.passes_time(234.0)


def test_a_second_reason_outlasts_the_first() -> None:
    told = in_a_fire()
    told.sets(150.0, "evacuate")
    told.see(200.0, What.QUIET, "main")
    told.passes_time(209.0)
    told.see(210.0, What.RESET, "main")
    told.secures(210.1, "side-0")
    with broken("side-0 was freed, and locked"):
        told.passes_time(213.0)


def test_a_reset_is_on_disk_though_nobody_heard_the_answer() -> None:
    told = in_a_fire()
    told.see(200.0, What.QUIET, "main")
    told.resets(210.0)
    told.secures(210.1, "side-0", "archive-0")
    told.passes_time(300.0)


def test_an_edge_that_starts_late_frees_late() -> None:
    told = story(ExitsStayFree)
    told.sets(100.0, "evacuate")
    told.changes(100.0, "evacuate")
    told.see(100.1, What.KILLED, "edge")
    told.passes_time(104.0)
    told.starts(105.0)
    told.passes_time(110.3)
    with broken("is locked"):
        told.passes_time(110.6)


def test_a_board_that_falls_silent_keeps_what_is_free() -> None:
    told = in_a_fire()
    told.see(200.0, What.FAULT, "board-2", "mute")
    told.passes_time(201.0)
    told.secures(202.0, "side-0")
    with broken("side-0 was freed, and locked"):
        told.passes_time(205.0)


def test_no_restart_locks_in_a_fire() -> None:
    told = in_a_fire()
    told.see(200.0, What.QUIET, "main")
    told.see(201.0, What.KILLED, "edge")
    told.secures(202.0, "side-0")
    with broken("side-0 was freed, and locked"):
        told.rule.finish(205.0)


# --- never-for-the-wrong-person -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("character", "portal", "lawful"),
    [
        ("staff", "gate", True),
        ("finder", "gate", False),
        ("stranger", "gate", False),
        ("staff", "archive-0", False),
        ("diplomat", "archive-0", False),
        ("archivist", "archive-0", True),
        ("guard", "archive-0", True),
        ("cleaner", "gate", False),
    ],
)
def test_whose_badge_opens_what(character: str, portal: str, *, lawful: bool) -> None:
    told = story(NeverForTheWrongPerson)
    told.presents(100.0, character, "entry", portal)
    told.types(100.05, character, portal)
    told.decides(100.1, character, "entry", portal, Code.NO_GRANT)
    if lawful:
        told.grants(100.1, character, "entry", portal)
        return
    with broken(f"may enter {portal}"):
        told.grants(100.1, character, "entry", portal)


def test_cleaners_enter_in_their_hours() -> None:
    for hours, trusted, lawful in (
        (7, True, True),
        (8.9, True, True),
        (9.1, True, False),
        (5.9, True, False),
        (7, False, False),
    ):
        told = story(NeverForTheWrongPerson)
        told.utc_us += int(hours * HOUR_US)
        told.trusted = trusted
        told.presents(100.0, "cleaner", "entry", "gate")
        if lawful:
            told.grants(100.1, "cleaner", "entry", "gate")
            continue
        with broken("outside cleaning hours"):
            told.grants(100.1, "cleaner", "entry", "gate")


def test_a_grant_is_for_who_presented_there_just_now() -> None:
    told = story(NeverForTheWrongPerson)
    with broken("did not present a badge there"):
        told.grants(100.0, "staff", "entry", "gate")
    told.presents(110.0, "staff", "entry", "front")
    with broken("did not present a badge there"):
        told.grants(110.1, "staff", "entry", "gate")
    told.presents(200.0, "staff", "entry", "gate")
    with broken("did not present a badge there"):
        told.grants(227.0, "staff", "entry", "gate")


def test_where_a_face_is_asked_for_a_badge_alone_opens_nothing() -> None:
    """Her own face, told in time, or her PIN in its place."""
    told = story(NeverForTheWrongPerson)
    told.presents(200.0, "staff", "entry", "lock-b-0")
    with broken("neither stood nor typed her PIN there"):
        told.grants(201.0, "staff", "entry", "lock-b-0")
    told.presents(300.0, "staff", "entry", "lock-b-0")
    told.see(302.0, What.RECOGNISED, "lock-b-0", told.person("staff").name)
    told.grants(302.1, "staff", "entry", "lock-b-0")
    told.presents(400.0, "staff", "entry", "lock-b-0")
    with broken("neither stood nor typed her PIN there"):
        told.grants(401.0, "staff", "entry", "lock-b-0")
    told.presents(500.0, "staff", "entry", "lock-b-0")
    told.types(503.0, "staff", "lock-b-0")
    told.grants(503.1, "staff", "entry", "lock-b-0")


def test_a_badge_may_be_answered_late_by_who_could_not_sooner() -> None:
    told = story(NeverForTheWrongPerson)
    told.presents(200.0, "staff", "entry", "gate")
    told.see(200.1, What.KILLED, "edge")
    told.starts(240.0)
    told.grants(241.0, "staff", "entry", "gate")
    told.see(300.0, What.FAULT, "disk", "full")
    told.presents(301.0, "staff", "entry", "refuge-0")
    told.passes(302.0, "staff", "entry", "refuge-0")
    told.grants(400.0, "staff", "entry", "refuge-0")


def test_a_grant_goes_back_to_one_decision() -> None:
    told = story(NeverForTheWrongPerson)
    told.presents(100.0, "staff", "entry", "gate")
    told.decides(100.1, "staff", "entry", "gate", Code.LOCKDOWN)
    with broken("on nobody's decision"):
        told.only_grants(100.2, "staff", "entry", "gate")
    told.decides(100.3, "staff", "entry", "gate")
    with broken("on nobody's decision"):
        told.only_grants(100.3, "guard", "entry", "gate")
    told.only_grants(100.4, "staff", "exit", "archive-0")


def test_who_may_not_enter_passes_only_behind_others() -> None:
    for opened_for_others in (True, False):
        told = story(NeverForTheWrongPerson)
        told.presents(100.0, "stranger", "entry", "front")
        if opened_for_others:
            told.leases(100.5, "front")
        told.releases(100.6, "front")
        if opened_for_others:
            told.passes(101.0, "stranger", "entry", "front")
            continue
        with broken("stranger 97 presented"):
            told.passes(101.0, "stranger", "entry", "front")


def test_who_was_refused_and_finds_the_door_open_later_passes() -> None:
    told = story(NeverForTheWrongPerson)
    told.presents(100.0, "stranger", "entry", "front")
    told.see(101.0, What.REFUSED, "front", "entry stranger 97")
    told.passes(200.0, "stranger", "entry", "front")
    told.presents(300.0, "stranger", "exit", "archive-0")
    told.passes(301.0, "stranger", "exit", "archive-0")


def test_an_open_door_in_a_fire_is_nobodys_grant() -> None:
    told = story(NeverForTheWrongPerson)
    told.presents(100.0, "stranger", "entry", "side-0")
    told.see(100.1, What.FIRE, "main")
    told.releases(100.6, "side-0")
    told.passes(101.0, "stranger", "entry", "side-0")


def test_an_archive_is_entered_on_the_right_pin() -> None:
    for typed, lawful in ((What.TYPED, True), (What.MISTYPED, False)):
        told = story(NeverForTheWrongPerson)
        told.presents(100.0, "guard", "entry", "archive-0")
        told.see(101.0, typed, "archive-0", told.person("guard").name)
        if lawful:
            told.grants(101.5, "guard", "entry", "archive-0")
            continue
        with broken("did not type the right PIN"):
            told.grants(101.5, "guard", "entry", "archive-0")


def test_a_door_stands_open_in_office_hours_by_a_trusted_clock() -> None:
    for hours, trusted, lawful in (
        (0, True, True),
        (6.4, True, True),
        (6.6, True, False),
        (-4.6, True, False),
        (5 * 24, True, False),
        (0, False, False),
    ):
        told = story(NeverForTheWrongPerson)
        told.utc_us += int(hours * HOUR_US)
        told.trusted = trusted
        if lawful:
            told.leases(100.0, "front")
            continue
        with broken("front stands open"):
            told.leases(100.0, "front")
