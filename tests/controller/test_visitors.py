"""Visits: how each goes on, what was given for one, and what time, doors and guards do to them."""

import os
import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from controller.alarms import ALARMS
from controller.effects import ReleasePortal
from controller.events import DecisionMade, HoldersReplaced, kind_of
from controller.events_visits import (
    Given,
    PresenceCorrected,
    VisitBadgeReturned,
    VisitEnd,
    VisitEnded,
    VisitExpected,
    VisitExtended,
    VisitorGiven,
    VisitorSignedIn,
    VisitorSignedOut,
    VisitorUnaccounted,
    VisitOverdue,
)
from controller.ids import HolderId, InputId
from controller.inputs import ClockChecked, PersonEraseAsked, TimePassed
from controller.inputs_muster import CheckOffAsked, MusterBeginAsked, MusterEndAsked
from controller.moment import SECOND_US
from controller.muster import roll
from controller.sightings import Evidence, How, Sighting, after_word
from controller.site import Outcome
from controller.state import SiteState, apply, restore, snapshot
from controller.visit import ENDED_KEPT_S, TABLE, VISITS_OPEN_MAX, Signal, State, worth_until_s
from controller.visitors import AHEAD_S_MAX, EARLY_S_MAX, GIVEN_MAX, VISIT_S_MAX
from policies.codes import Code
from policies.schedule import HORIZON_UTC_S, day_end_s
from tests.controller.support import ENTRY, of_type, way_out
from tests.controller.visiting import ANN, BOB, CREDENTIAL, DAY_S, HOUR_S, VIC, WIM, House, said

# state, signal, where to; what is not here changes nothing
ROWS = """
expected signed-in signed-in
expected extended expected
expected cancelled ended
expected time-ended-away ended
expected visitor-gone ended
signed-in extended signed-in
signed-in time-ended overdue
signed-in time-ended-away ended
signed-in signed-out ended
signed-in signed-out-inside leaving
signed-in visitor-gone ended
overdue extended signed-in
overdue day-ended unaccounted
overdue signed-out ended
overdue signed-out-inside leaving
overdue seen-leaving ended
overdue visitor-gone ended
leaving day-ended unaccounted
leaving seen-leaving ended
leaving visitor-gone ended
unaccounted extended signed-in
unaccounted signed-out ended
unaccounted seen-leaving ended
unaccounted visitor-gone ended
"""

LEAVES = way_out("gate")


def verdict(outcome: Outcome) -> tuple[bool, set[Code]]:
    """What was decided of the visitor; his host is judged as well."""
    made = [one.request.holder for one in of_type(DecisionMade, outcome)]
    (about,) = [
        one.decision
        for one in of_type(DecisionMade, outcome)
        if one.request.holder is not None and (one.request.holder.id != BOB or len(made) == 1)
    ]
    return about.granted, {one.code for one in about.objections}


def refused_for(outcome: Outcome) -> set[Code]:
    """Why nobody was let in: his host was not even asked for."""
    granted, objections = verdict(outcome)
    assert not granted
    return objections


def there(until_s: int = HOUR_S) -> tuple[House, str]:
    """Vic is signed in for an hour, with a badge, and inside."""
    house = House()
    name = house.expected(until_s=until_s)
    house.signed_in(name)
    assert verdict(house.walks(VIC))[0]
    return house, name


def test_every_pair_of_state_and_signal_is_as_the_rules_say() -> None:
    rules = {tuple(row.split()[:2]): row.split()[2] for row in ROWS.strip().splitlines()}
    for state in State:
        for signal in Signal:
            target = TABLE[state][signal].target
            assert target == rules.get((state, signal)), (state, signal)


# --- announced and signed in ------------------------------------------------------------------


def test_an_announced_visit_stands_until_its_end_and_then_nobody_came() -> None:
    house = House()
    name = house.expected(until_s=HOUR_S)
    assert house.of(name).state is State.EXPECTED
    assert of_type(VisitEnded, house.rig.later(HOUR_S - 1)) == []
    (ended,) = of_type(VisitEnded, house.rig.later(1))
    assert (ended.visit, ended.cause) == (name, VisitEnd.MISSED)
    assert kind_of(VisitEnded) not in ALARMS


@pytest.mark.parametrize(
    ("who", "host", "from_s", "until_s"),
    [
        (HolderId("h-nobody"), BOB, 0, HOUR_S),
        (ANN, BOB, 0, HOUR_S),  # no visitor
        (VIC, HolderId("h-nobody"), 0, HOUR_S),
        (VIC, WIM, 0, HOUR_S),  # a visitor receives nobody
        (VIC, VIC, 0, HOUR_S),
        (VIC, BOB, HOUR_S, HOUR_S),
        (VIC, BOB, -HOUR_S, 0),
        (VIC, BOB, 0, VISIT_S_MAX + 1),
        (VIC, BOB, AHEAD_S_MAX + 1, AHEAD_S_MAX + HOUR_S),
    ],
)
def test_who_or_what_cannot_be_is_not_announced(
    who: HolderId, host: HolderId, from_s: int, until_s: int
) -> None:
    house = House()
    house.expected(who, from_s, until_s, host)
    assert house.rig.site.state.visits == {}


def test_the_longest_and_farthest_visits_are_announced() -> None:
    house = House()
    assert house.expected(until_s=VISIT_S_MAX) in house.rig.site.state.visits
    late = house.expected(from_s=AHEAD_S_MAX, until_s=AHEAD_S_MAX + 1)
    assert late in house.rig.site.state.visits


def test_without_a_trusted_clock_a_visit_has_a_time_that_some_clock_can_show() -> None:
    house = House()
    house.rig.trusted = False
    latest_s = HORIZON_UTC_S - VISIT_S_MAX - house.began_s
    assert house.expected(from_s=latest_s, until_s=latest_s + DAY_S) in house.rig.site.state.visits
    later = house.expected(from_s=latest_s + 1, until_s=latest_s + DAY_S)
    assert later not in house.rig.site.state.visits
    past = house.expected(from_s=-DAY_S, until_s=-HOUR_S)
    assert past in house.rig.site.state.visits, "nobody knows whether that is over"


def test_without_a_journal_nothing_is_announced_and_nobody_is_signed_in() -> None:
    house = House()
    name = house.expected()
    house.rig.journal(working=False)
    house.expected(WIM)
    house.signed_in(name)
    assert {one.state for one in house.rig.site.state.visits.values()} == {State.EXPECTED}
    house.rig.journal(working=True)
    assert of_type(VisitorSignedIn, house.signed_in(name))


def test_so_many_visits_are_open_and_no_more() -> None:
    house = House()
    first = house.expected()
    full = dict.fromkeys(
        (f"{number:016x}" for number in range(1000, 1000 + VISITS_OPEN_MAX - 1)), house.of(first)
    )
    house.rig.site.state = replace(house.rig.site.state, visits={first: house.of(first)} | full)
    assert house.expected(WIM) not in house.rig.site.state.visits
    house.cancelled(first)
    assert house.expected(WIM) in house.rig.site.state.visits


def test_nobody_is_signed_in_hours_too_early_twice_or_behind_the_end() -> None:
    house = House()
    early = house.expected(from_s=EARLY_S_MAX + 10, until_s=2 * EARLY_S_MAX)
    other = house.expected(from_s=0, until_s=EARLY_S_MAX)
    assert of_type(VisitorSignedIn, house.signed_in(early)) == []
    house.rig.skip(10)
    assert of_type(VisitorSignedIn, house.signed_in(early))
    assert of_type(VisitorSignedIn, house.signed_in(early)) == []
    again = house.signed_in(other, Given.NOTHING)
    assert of_type(VisitorSignedIn, again) == [], "he is in the house already"
    wims = house.expected(WIM, until_s=HOUR_S)
    house.rig.skip(HOUR_S)
    assert of_type(VisitorSignedIn, house.signed_in(wims)) == []


# --- what was given ---------------------------------------------------------------------------


def test_what_is_given_opens_while_the_visit_lasts_and_leads_out_for_as_long_as_it_is_on_file() -> (
    None
):
    house, name = there()
    house.rig.later(HOUR_S - 1)
    assert verdict(house.walks(VIC)) == (True, set())
    house.rig.later(1)
    assert house.of(name).state is State.OVERDUE
    assert refused_for(house.walks(VIC)) >= {Code.EXPIRED}
    assert verdict(house.walks(VIC, LEAVES))[0]


def test_who_signs_out_enters_no_more_in_the_same_moment_and_still_leaves() -> None:
    house, name = there()
    (out,) = of_type(VisitorSignedOut, house.signed_out(name))
    assert out.waits
    assert house.of(name).state is State.LEAVING
    assert refused_for(house.walks(VIC)) >= {Code.EXPIRED}
    left = house.walks(VIC, LEAVES)
    assert verdict(left)[0]
    (ended,) = of_type(VisitEnded, left)
    assert ended.cause is VisitEnd.LEFT


def test_who_was_never_seen_inside_is_out_as_he_signs_out() -> None:
    house = House()
    name = house.expected()
    house.signed_in(name)
    (out,) = of_type(VisitorSignedOut, house.signed_out(name))
    assert not out.waits
    assert (house.of(name).state, house.of(name).end) == (State.ENDED, VisitEnd.SIGNED_OUT)


def test_an_ended_badge_opens_nothing_until_the_file_is_without_it_and_then_may_be_given_on() -> (
    None
):
    house = House()
    name = house.expected()
    house.signed_in(name)
    house.signed_out(name)
    assert worth_until_s(house.rig.site.state.visits, CREDENTIAL[VIC]) == 0
    assert refused_for(house.walks(VIC)) >= {Code.EXPIRED}
    (returned,) = of_type(VisitBadgeReturned, house.badge_gone(name))
    assert returned.visit == name
    assert of_type(VisitBadgeReturned, house.badge_gone(name)) == []
    assert worth_until_s(house.rig.site.state.visits, CREDENTIAL[VIC]) is None


def test_a_badge_of_a_visit_that_goes_on_is_not_taken_for_returned() -> None:
    house, name = there()
    assert of_type(VisitBadgeReturned, house.badge_gone(name)) == []


def test_by_a_clock_that_nobody_vouches_for_a_visitors_badge_lets_nobody_in_and_everybody_out() -> (
    None
):
    house, _ = there()
    house.rig.trusted = False
    assert refused_for(house.walks(VIC)) >= {Code.CLOCK_UNTRUSTED}
    assert verdict(house.walks(VIC, LEAVES))[0]


def test_everything_given_for_a_visit_ends_with_it() -> None:
    house, name = there()
    for number in range(GIVEN_MAX - 1):
        assert of_type(VisitorGiven, house.given(name, f"{number:016x}"))
    assert of_type(VisitorGiven, house.given(name, "f" * 16)) == []
    assert worth_until_s(house.rig.site.state.visits, CREDENTIAL[VIC]) == house.began_s + HOUR_S
    house.signed_out(name)
    visits = house.rig.site.state.visits
    assert {worth_until_s(visits, one) for one in house.of(name).credentials} == {0}  # type: ignore[arg-type]
    assert of_type(VisitorGiven, house.given(name, "e" * 16)) == []


def test_what_was_given_for_a_visit_is_given_for_no_other_before_the_file_is_without_it() -> None:
    house = House()
    first, second = house.expected(), house.expected()
    house.signed_in(first)
    house.signed_out(first)
    assert of_type(VisitorSignedIn, house.signed_in(second)) == []
    house.badge_gone(first)
    assert of_type(VisitorSignedIn, house.signed_in(second))


def test_badges_that_were_given_for_no_visit_are_as_they_were() -> None:
    house, _ = there()
    house.rig.later(2 * HOUR_S)
    assert verdict(house.rig.badge("gate", "ann", ENTRY, ()))[0]


# --- time -------------------------------------------------------------------------------------


def test_past_the_expected_time_host_and_visitor_are_named_once_and_again_as_the_day_ends() -> None:
    house, name = there()
    outcome = house.rig.later(HOUR_S)
    (overdue,) = of_type(VisitOverdue, outcome)
    assert (overdue.visit, overdue.holder, overdue.host) == (name, VIC, BOB)
    assert overdue.until_s == house.began_s + HOUR_S
    midnight_s = 15 * HOUR_S  # it is nine in the morning
    assert of_type(VisitorUnaccounted, house.rig.later(midnight_s - HOUR_S - 1)) == []
    outcome = house.rig.later(1)
    (lost,) = of_type(VisitorUnaccounted, outcome)
    assert (lost.visit, lost.holder, lost.host) == (name, VIC, BOB)
    assert (lost.zone, lost.signed_out) == ("court", False)
    assert of_type(VisitOverdue, outcome) == []
    later = house.rig.later(3 * DAY_S)
    assert not [event for event in later.events if event.header.kind in ALARMS]
    assert {kind_of(VisitOverdue), kind_of(VisitorUnaccounted)} <= ALARMS.keys()


def test_who_signed_out_and_was_not_seen_leaving_is_looked_for_as_the_day_ends() -> None:
    house, name = there()
    house.signed_out(name)
    outcome = house.rig.later(15 * HOUR_S)
    assert of_type(VisitOverdue, outcome) == []
    (lost,) = of_type(VisitorUnaccounted, outcome)
    assert (lost.visit, lost.signed_out, lost.zone) == (name, True, "court")


def test_who_was_seen_leaving_is_no_alarm_when_time_is_over() -> None:
    house, name = there()
    assert of_type(VisitEnded, house.walks(VIC, LEAVES)) == [], "he may come back until then"
    outcome = house.rig.later(HOUR_S)
    assert of_type(VisitOverdue, outcome) == []
    (ended,) = of_type(VisitEnded, outcome)
    assert (ended.visit, ended.cause) == (name, VisitEnd.LEFT)


def test_who_came_back_is_an_alarm_again() -> None:
    house, _ = there()
    house.walks(VIC, LEAVES)
    house.walks(VIC)
    assert of_type(VisitOverdue, house.rig.later(HOUR_S))


def test_a_late_visitor_who_is_seen_leaving_is_out() -> None:
    house, name = there()
    house.rig.later(2 * HOUR_S)
    (ended,) = of_type(VisitEnded, house.walks(VIC, LEAVES))
    assert (ended.visit, ended.cause) == (name, VisitEnd.LEFT)


def test_a_longer_visit_is_told_of_anew_and_its_badge_opens_again() -> None:
    house, name = there()
    house.rig.later(HOUR_S)
    assert refused_for(house.walks(VIC)) >= {Code.EXPIRED}
    (extended,) = of_type(VisitExtended, house.extended(name, 3 * HOUR_S))
    assert extended.closes_s == house.began_s + 15 * HOUR_S
    assert house.of(name).state is State.SIGNED_IN
    assert verdict(house.walks(VIC))[0]
    (overdue,) = of_type(VisitOverdue, house.rig.later(2 * HOUR_S))
    assert overdue.until_s == house.began_s + 3 * HOUR_S


@pytest.mark.parametrize("until_s", [HOUR_S, HOUR_S - 1, VISIT_S_MAX + 1])
def test_a_visit_is_not_made_shorter_or_longer_than_visits_are(until_s: int) -> None:
    house, name = there()
    assert of_type(VisitExtended, house.extended(name, until_s)) == []


def test_by_a_clock_that_nobody_vouches_for_nothing_falls_due_and_then_all_of_it_does() -> None:
    house, name = there()
    house.rig.feed(ClockChecked(id=InputId("c1"), trusted=False, stepped_ms=0))
    house.rig.trusted = False
    outcome = house.rig.later(20 * HOUR_S)
    assert of_type(VisitOverdue, outcome) == of_type(VisitorUnaccounted, outcome) == []
    assert house.of(name).state is State.SIGNED_IN
    house.rig.trusted = True
    house.rig.feed(ClockChecked(id=InputId("c2"), trusted=True, stepped_ms=0))
    outcome = house.rig.later(1)
    assert house.of(name).state is State.UNACCOUNTED
    told = [event.body for event in house.rig.events if event.header.kind in ALARMS]
    assert [type(body) for body in told] == [VisitOverdue, VisitorUnaccounted]


def test_a_restart_forgets_no_visit_and_tells_what_fell_due_meanwhile() -> None:
    house, name = there()
    house.rig.site.state = restore(snapshot(house.rig.site.state))
    house.rig.skip(2 * HOUR_S)
    house.rig.start()
    assert house.of(name).state is State.SIGNED_IN
    assert of_type(VisitOverdue, house.rig.later(1))


@pytest.mark.parametrize(
    ("moment", "midnight"),
    [
        ("2026-11-20T09:00:00+01:00", "2026-11-21T00:00:00+01:00"),
        ("2026-11-20T00:00:00+01:00", "2026-11-21T00:00:00+01:00"),
        ("2026-11-20T23:59:59+01:00", "2026-11-21T00:00:00+01:00"),
        ("2026-03-28T12:00:00+01:00", "2026-03-29T00:00:00+01:00"),
        ("2026-03-29T12:00:00+02:00", "2026-03-30T00:00:00+02:00"),
        ("2026-10-25T00:30:00+02:00", "2026-10-26T00:00:00+01:00"),
    ],
)
def test_the_day_ends_at_the_sites_midnight_whatever_clocks_do(moment: str, midnight: str) -> None:
    at_s, ends_s = (int(datetime.fromisoformat(one).timestamp()) for one in (moment, midnight))
    assert day_end_s(ZoneInfo("Europe/Vienna"), at_s) == ends_s


def test_a_night_without_midnight_begins_where_the_clock_goes_on() -> None:
    """Santiago, 2026-09-06: the clock goes from 23:59:59 to 01:00."""
    at_s, ends_s = (
        int(datetime.fromisoformat(one).timestamp())
        for one in ("2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00")
    )
    assert day_end_s(ZoneInfo("America/Santiago"), at_s) == ends_s


# --- doors, guards, people --------------------------------------------------------------------


def test_a_guards_word_takes_somebody_off_the_roll_and_ends_what_waits_for_it() -> None:
    house, name = there()
    house.signed_out(name)
    assert VIC in {one.holder for one in roll(house.rig.site.state, None).people}
    outcome = house.told(VIC, "garage", inside=False)
    (corrected,) = of_type(PresenceCorrected, outcome)
    assert (corrected.holder, corrected.where, corrected.inside) == (VIC, "garage", False)
    (ended,) = of_type(VisitEnded, outcome)
    assert ended.cause is VisitEnd.LEFT
    assert [one.holder for one in roll(house.rig.site.state, None).people] == [BOB]


def test_a_guards_word_that_somebody_is_there_puts_him_on_the_roll() -> None:
    house = House()
    house.told(ANN, "office", inside=True)
    (listed,) = roll(house.rig.site.state, None).people
    assert (listed.holder, listed.zone) == (ANN, "office")
    assert house.rig.site.state.people.sightings[ANN].how is How.PERSON
    house.told(ANN, "street", inside=True)
    assert roll(house.rig.site.state, None).people == (), "the street is outside"


def test_a_guards_word_changes_nothing_that_decisions_read() -> None:
    house, _ = there()
    before = house.rig.site.state.people
    outcome = house.told(VIC, "garage", inside=False)
    after = house.rig.site.state.people
    assert replace(after, sightings=before.sightings) == before
    assert outcome.effects == ()


def test_who_signed_out_and_is_found_outside_by_a_muster_has_left() -> None:
    house, name = there()
    house.signed_out(name)
    house.feed(MusterBeginAsked, operator=said("operator"))
    house.feed(CheckOffAsked, holder=VIC, where="car-park", operator=said("operator"))
    assert house.of(name).state is State.LEAVING
    (ended,) = of_type(VisitEnded, house.feed(MusterEndAsked, operator=said("operator")))
    assert (ended.visit, ended.cause) == (name, VisitEnd.LEFT)


def test_a_word_about_one_leaves_those_listed_who_came_with_him() -> None:
    led = Sighting(zone="lobby", how=How.PASSAGE, party=2)
    after = after_word({VIC: led}, VIC, None, Evidence(7, "", None))
    assert (after[VIC].people, after[VIC].led) == (2, False)
    assert after_word(after, VIC, None, Evidence(8, "", None)) == after
    alone = {VIC: replace(led, party=0)}
    assert after_word(alone, VIC, None, Evidence(7, "", None)) == {}


def test_nobodys_word_counts_about_strangers_or_places_without_a_name() -> None:
    house = House()
    assert house.told(HolderId("h-nobody"), "garage", inside=False).events == ()
    assert house.told(ANN, "Garage!", inside=False).events == ()


def test_a_visit_ends_with_a_visitor_whom_nobody_knows_any_more() -> None:
    house, name = there()
    other = house.expected(WIM)
    outcome = house.without("h-vic")
    (ended,) = of_type(VisitEnded, outcome)
    assert (ended.visit, ended.cause) == (name, VisitEnd.VISITOR_GONE)
    kinds = [event.header.kind for event in outcome.events]
    assert kinds.index(kind_of(VisitEnded)) < kinds.index(kind_of(HoldersReplaced))
    assert house.of(other).state is State.EXPECTED


def test_of_who_is_erased_no_visit_is_remembered() -> None:
    house = House()
    old = house.expected()
    house.cancelled(old)
    house.expected()
    keeps = house.expected(WIM)
    outcome = house.feed(
        PersonEraseAsked,
        holder=VIC,
        reason="asked for",
        operator=said("operator"),
        searched=1,
        values=(),
        even_inside=False,
    )
    (ended,) = of_type(VisitEnded, outcome)
    assert ended.cause is VisitEnd.VISITOR_GONE
    assert set(house.rig.site.state.visits) == {keeps}


def test_what_is_over_is_listed_for_a_while_and_then_forgotten_unless_its_badge_is_on_file() -> (
    None
):
    house = House()
    cancelled, badge = house.expected(), house.expected(WIM)
    house.cancelled(cancelled)
    house.signed_in(badge)
    house.signed_out(badge)
    closes_s = house.of(cancelled).closes_s - house.began_s
    house.rig.later(closes_s + ENDED_KEPT_S - 1)
    house.expected(from_s=closes_s + ENDED_KEPT_S, until_s=closes_s + ENDED_KEPT_S + HOUR_S)
    assert cancelled in house.rig.site.state.visits
    house.rig.later(1)
    house.expected(WIM, closes_s + ENDED_KEPT_S, closes_s + ENDED_KEPT_S + HOUR_S)
    assert cancelled not in house.rig.site.state.visits
    assert badge in house.rig.site.state.visits


# --- any order of all of it -------------------------------------------------------------------

SEEDS = (1, 2, 3, int(os.environ["SENTRYPOST_SEED"]))
STEPS = 250


class Book:
    """What must hold of two visitors, by the facts that were fed: kept without the core's own."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.until_s: dict[str, int] = {}
        self.who: dict[str, HolderId] = {}
        self.worth: dict[HolderId, str] = {}
        """By visitor the visit for which his badge counts; `""`: one that is over."""

    def note(self, outcome: Outcome) -> None:
        for event in outcome.events:
            body = event.body
            match body:
                case VisitExpected():
                    self.until_s[body.visit] = body.until_s
                    self.who[body.visit] = body.holder
                case VisitExtended():
                    self.until_s[body.visit] = body.until_s
                case VisitorSignedIn() if body.credential:
                    self.worth[body.holder] = body.visit
                case VisitorSignedOut() | VisitEnded():
                    if self.worth.get(body.holder) == body.visit:
                        self.worth[body.holder] = ""
                case VisitBadgeReturned():
                    self.worth.pop(body.holder, None)
                case VisitOverdue() | VisitorUnaccounted():
                    assert event.header.clock_trusted, "nothing falls due by an untrusted clock"
                    assert event.header.utc_us >= self.until_s[body.visit] * SECOND_US

    def lets_in(self, who: HolderId) -> bool:
        if who not in self.worth:
            return True
        visit = self.worth[who]
        rig = self.house.rig
        return bool(visit) and rig.trusted and rig.utc_us < self.until_s[visit] * SECOND_US


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_order_of_events_a_visit_opens_only_its_own_time_and_never_keeps_anybody_in(
    seed: int,
) -> None:
    drawn, house = random.Random(seed), House()
    book, names = Book(house), [f"{0:016x}"]
    overdue: list[tuple[str, int]] = []
    for _ in range(STEPS):
        who, name = drawn.choice((VIC, WIM)), drawn.choice(names[-6:])
        now_s = house.now_s
        match drawn.randrange(12):
            case 0 | 1:
                before = len(house.rig.events)
                from_s = now_s + drawn.randrange(-HOUR_S, HOUR_S)
                names.append(house.expected(who, from_s, from_s + drawn.randrange(1, 3 * HOUR_S)))
                outcome = Outcome(tuple(house.rig.events[before:]), ())
            case 2 | 3:
                outcome = house.signed_in(name)
            case 4:
                outcome = house.signed_out(name)
            case 5:
                outcome = house.extended(name, now_s + drawn.randrange(2 * HOUR_S))
            case 6:
                outcome = house.cancelled(name)
            case 7:
                outcome = house.badge_gone(name)
            case 8:
                outcome = house.told(who, drawn.choice(("garage", "lobby")), inside=True)
            case 9:
                trusted = house.rig.trusted = drawn.random() < 0.7
                outcome = house.rig.feed(
                    ClockChecked(id=InputId(house.rig.new_id()), trusted=trusted, stepped_ms=0)
                )
            case 10:
                outcome = house.rig.later(drawn.choice((1, 60, HOUR_S, 9 * HOUR_S)))
            case _:
                # What is due by now is dealt with before the badge is judged.
                book.note(house.rig.feed(TimePassed(id=InputId(house.rig.new_id()))))
                direction = drawn.choice((ENTRY, LEAVES))
                may = direction is LEAVES or book.lets_in(who)
                outcome = house.walks(who, direction)
                assert verdict(outcome)[0] is may, (who, direction, book.worth)
        if not of_type(DecisionMade, outcome):
            assert of_type(ReleasePortal, outcome) == []
        book.note(outcome)
        overdue += [(one.visit, one.until_s) for one in of_type(VisitOverdue, outcome)]
    assert len(set(overdue)) == len(overdue), "told once for each end"
    state = SiteState()
    for event in house.rig.events:
        state = apply(state, event)
    assert snapshot(state) == snapshot(house.rig.site.state)
    assert snapshot(restore(snapshot(state))) == snapshot(state)
