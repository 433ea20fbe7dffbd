"""Musters: who is listed, how well that is known, and what checking off does and does not do."""

import msgspec
import pytest

from controller import events_muster as em
from controller.erasures import why_not
from controller.events_muster import MusterRefusal
from controller.ids import HolderId, InputId
from controller.inputs import DirectoryReplaced
from controller.inputs_muster import (
    CheckOffAsked,
    CheckUndoAsked,
    MusterBeginAsked,
    MusterEndAsked,
)
from controller.ledger import Personal
from controller.muster import Confidence, Listed, Roll, begin_for, is_inside, roll
from controller.portal import Contact
from controller.sightings import Doubt
from controller.site import Outcome
from controller.state import restore, snapshot
from controller.turn import Turn
from tests.controller.support import ENTRY, EXIT, SECOND_US, Rig, bodies, calm, of_type
from tests.controller.test_company import passes

OPERATOR = Personal("operator", "Officer Smith", "0f" * 16)
ANN, VIC = HolderId("h-ann"), HolderId("h-vic")


def now(rig: Rig) -> Roll:
    return roll(rig.site.state, rig.utc_us // SECOND_US)


def listed(rig: Rig, who: HolderId = ANN) -> Listed:
    (one,) = [one for one in now(rig).people if one.holder == who]
    return one


def begins(rig: Rig) -> Outcome:
    return rig.feed(MusterBeginAsked(id=InputId(rig.new_id()), operator=OPERATOR))


def checks(rig: Rig, who: str = ANN, where: str = "oak") -> Outcome:
    fact = CheckOffAsked(
        id=InputId(rig.new_id()), holder=HolderId(who), where=where, operator=OPERATOR
    )
    return rig.feed(fact)


def undoes(rig: Rig, who: str = ANN) -> Outcome:
    fact = CheckUndoAsked(id=InputId(rig.new_id()), holder=HolderId(who), operator=OPERATOR)
    return rig.feed(fact)


def ends(rig: Rig) -> Outcome:
    return rig.feed(MusterEndAsked(id=InputId(rig.new_id()), operator=OPERATOR))


def with_ann() -> Rig:
    rig = calm()
    rig.badge("gate", "ann")
    passes(rig, "gate")
    return rig


def test_a_passage_is_listed_with_its_evidence_and_its_age() -> None:
    rig = with_ann()
    rig.later(90)
    one = listed(rig)
    assert (one.zone, one.portal, one.confidence) == ("court", "gate", Confidence.PASSAGE)
    assert one.at_s is not None
    assert one.age_s == rig.utc_us // SECOND_US - one.at_s
    assert one.age_s >= 90
    assert rig.site.state.people.sightings[ANN].entry == one.entry > 0


def test_by_a_clock_that_nobody_vouches_for_there_is_no_age() -> None:
    rig = with_ann()
    assert roll(rig.site.state, None).people[0].age_s is None


def test_a_visitor_is_known_by_the_host_who_came_with_him() -> None:
    rig = calm()
    rig.badge("gate", "vic")
    rig.later(1)
    rig.badge("gate", "bob")
    passes(rig, "gate")
    one = listed(rig, VIC)
    assert (one.confidence, one.host) == (Confidence.WITH_HOST, HolderId("h-bob"))
    assert listed(rig, HolderId("h-bob")).confidence is Confidence.PASSAGE


def test_a_grant_that_nobody_could_see_used_is_a_grant_only() -> None:
    rig = with_ann()
    rig.contact("panic", Contact.FAULTED)
    rig.badge("panic", "ann")
    rig.later(30)
    one = listed(rig)
    assert (one.zone, one.perhaps, one.confidence) == ("lobby", "court", Confidence.GRANT)


@pytest.mark.parametrize("by", ["exit", "fire", "restart"])
def test_who_may_have_left_unseen_is_listed_as_unknown_and_where_he_was_last(by: str) -> None:
    rig = with_ann()
    rig.later(60)
    if by == "exit":
        rig.rex("gate")
        passes(rig, "gate")
    elif by == "fire":
        rig = calm()
        rig.badge("gate", "ann")
        passes(rig, "gate")
        rig.badge("hall", "ann")
        passes(rig, "hall")
        rig.fire("alarm")
    else:
        rig.start()
    one = listed(rig)
    why = {"exit": Doubt.EXIT, "fire": Doubt.RELEASE, "restart": Doubt.RESTART}[by]
    assert (one.confidence, one.doubt) == (Confidence.UNKNOWN, why)
    assert one.zone == ("lobby" if by == "fire" else "court")
    assert one.entry < one.doubt_entry <= rig.site.state.seq
    assert one.doubt_since_s is not None
    assert now(rig).unknown == now(rig).missing == 1


def test_unknown_since_is_the_first_doubt_and_the_next_door_ends_it() -> None:
    rig = with_ann()
    for _ in range(2):
        rig.rex("gate")
        passes(rig, "gate")
        rig.rex("gate", active=False)
        rig.later(60)
    first = listed(rig).doubt_entry
    rig.start()
    assert listed(rig).doubt_entry == first
    rig.people()
    rig.fire("normal")
    rig.link("gate")
    rig.closes("gate")
    rig.later(12)
    rig.badge("gate", "ann", EXIT)
    passes(rig, "gate")
    assert now(rig).people == ()


def test_a_button_at_a_door_that_cannot_be_seen_leaves_nobody_certain() -> None:
    rig = with_ann()
    for portal in ("hall", "mag"):
        rig.badge(portal, "ann")
        passes(rig, portal)
    rig.contact("mag", Contact.FAULTED)
    rig.rex("mag")
    rig.later(60)
    assert listed(rig).zone == "office"
    assert listed(rig).confidence is Confidence.UNKNOWN


def test_who_was_seen_leaving_is_not_looked_for() -> None:
    rig = with_ann()
    rig.badge("gate", "ann", EXIT)
    passes(rig, "gate")
    assert now(rig).people == ()


def test_checking_off_and_taking_it_back() -> None:
    rig = with_ann()
    begins(rig)
    assert bodies(checks(rig)) == [em.PersonCheckedOff]
    one = listed(rig)
    assert one.check is not None
    assert (one.check.where, one.check.inside) == ("oak", False)
    assert (now(rig).missing, now(rig).checked) == (0, 1)
    assert bodies(undoes(rig)) == [em.CheckUndone]
    assert (now(rig).missing, now(rig).checked) == (1, 0)


def test_once_more_is_somewhere_else() -> None:
    rig = with_ann()
    begins(rig)
    checks(rig)
    checks(rig, where="court")
    check = listed(rig).check
    assert check is not None
    assert (check.where, check.inside) == ("court", True)


def test_who_goes_in_again_is_missing_again() -> None:
    rig = with_ann()
    begins(rig)
    checks(rig)
    rig.badge("panic", "ann")
    passes(rig, "panic")
    one = listed(rig)
    assert one.missing
    assert one.again
    ends(rig)
    assert listed(rig).zone == "lobby"


def test_who_was_found_outside_is_looked_for_no_more_and_who_was_found_inside_is_there() -> None:
    rig = with_ann()
    rig.badge("gate", "cora")
    passes(rig, "gate")
    begins(rig)
    checks(rig)
    checks(rig, "h-cora", "refuge")
    checks(rig, "h-dan", "street")
    assert [one.holder for one in now(rig).extra] == ["h-dan"]
    (ended,) = of_type(em.MusterEnded, ends(rig))
    assert (ended.checked, ended.missing) == (3, 0)
    (one,) = now(rig).people
    assert (one.holder, one.zone, one.confidence) == ("h-cora", "refuge", Confidence.PERSON)
    assert now(rig).muster is None


def test_nothing_of_it_changes_what_a_door_decides() -> None:
    rig = with_ann()
    before = rig.site.state.people.presences
    begins(rig)
    for outcome in (checks(rig), undoes(rig), checks(rig), ends(rig)):
        assert outcome.effects == ()
    assert rig.site.state.people.presences == before


@pytest.mark.parametrize("asks", [checks, undoes, ends])
def test_without_a_muster_nothing_is_done(asks: object) -> None:
    rig = with_ann()
    (refused,) = of_type(em.MusterRefused, asks(rig))  # type: ignore[operator]
    assert refused.why is MusterRefusal.NONE


def test_refusals_say_why_and_change_nothing() -> None:
    rig = with_ann()
    begins(rig)
    before = rig.site.state.people
    for outcome, why in (
        (begins(rig), MusterRefusal.RUNS),
        (checks(rig, "h-nobody"), MusterRefusal.UNKNOWN),
        (checks(rig, where="The Oak"), MusterRefusal.PLACE),
        (undoes(rig), MusterRefusal.NOT_CHECKED),
    ):
        assert [body.why for body in of_type(em.MusterRefused, outcome)] == [why]
    assert rig.site.state.people == before


def evacuates(rig: Rig, order: str, *, drill: bool) -> list[type]:
    site = rig.site
    turn = Turn(
        site.origin, site.state, site.policy, site.directory, rig.moment(), "evacuation", drill
    )
    begin_for(turn, order)
    site.state = turn.state
    return [type(event.body) for event in turn.events]


def test_an_evacuation_begins_a_muster_and_a_real_one_ends_that_of_a_drill() -> None:
    rig = with_ann()
    assert evacuates(rig, "ab" * 32, drill=True) == [em.MusterBegun]
    checks(rig)
    assert evacuates(rig, "cd" * 32, drill=True) == []
    assert evacuates(rig, "ef" * 32, drill=False) == [em.MusterBegun]
    going = now(rig).muster
    assert going is not None
    assert (going.order, going.drill, now(rig).missing) == ("ef" * 32, False, 1)
    checks(rig)
    assert evacuates(rig, "01" * 32, drill=False) == [], "who was found stays found"
    assert now(rig).checked == 1


def test_zones_are_counted_with_who_may_be_gone_and_what_doors_count() -> None:
    rig = with_ann()
    rig.badge("gate", "cora")
    passes(rig, "gate")
    begins(rig)
    checks(rig)
    (court,) = now(rig).zones
    assert (court.zone, court.listed, court.checked, court.unknown) == ("court", 2, 1, 0)
    assert court.counted == 2
    rig.rex("gate")
    passes(rig, "gate")
    (court,) = now(rig).zones
    assert (court.unknown, court.counted) == (1, 1)


def test_who_is_known_no_more_is_on_no_roll_and_who_is_missing_is_not_erased() -> None:
    rig = with_ann()
    rig.rex("gate")
    passes(rig, "gate")
    assert why_not(rig.site.state, ANN, even_inside=False) is None
    begins(rig)
    assert "muster" in (why_not(rig.site.state, ANN, even_inside=False) or "")
    assert why_not(rig.site.state, ANN, even_inside=True) is None
    checks(rig)
    assert why_not(rig.site.state, ANN, even_inside=False) is None
    nobody = msgspec.structs.replace(rig.site.directory.after(version=9, holders_gone=[ANN]))
    rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=nobody))
    people = rig.site.state.people
    assert ANN not in people.sightings
    assert people.muster is not None
    assert ANN not in people.muster.checks


def test_what_an_earlier_version_kept_is_listed_too() -> None:
    """A snapshot of a state that knew of no sightings."""
    rig = with_ann()
    kept = msgspec.json.decode(snapshot(rig.site.state))
    del kept["people"]["sightings"], kept["people"]["muster"]
    rig.site.state = restore(msgspec.json.encode(kept))
    one = listed(rig)
    assert (one.zone, one.confidence, one.entry) == ("court", Confidence.PASSAGE, 0)
    begins(rig)
    checks(rig)
    ends(rig)
    assert restore(snapshot(rig.site.state)) == rig.site.state, "who was found is found"


def test_a_public_zone_is_outside() -> None:
    policy = calm().site.policy
    assert [is_inside(policy, zone) for zone in ("street", "court", "oak")] == [False, True, False]


def test_a_passage_after_the_doubt_is_certain_again() -> None:
    rig = with_ann()
    rig.rex("gate")
    passes(rig, "gate")
    rig.badge("panic", "ann", ENTRY)
    passes(rig, "panic")
    assert listed(rig).confidence is Confidence.PASSAGE
