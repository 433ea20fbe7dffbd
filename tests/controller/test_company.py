"""Two people at one door: escorts and visitors, and zones that nobody enters alone."""

import pytest
from msgspec.structs import replace

from controller.effects import ReleasePortal, ShowAtReader, Sign
from controller.events import (
    AttemptAbandoned,
    DecisionMade,
    HolderLockedOut,
    LockoutEnded,
    PassageMade,
    SecondAsked,
    VisitorUnescorted,
)
from controller.ids import HolderId, InputId
from controller.inputs import DirectoryReplaced, PinOutcome, ScreeningHeard
from controller.site import Outcome
from controller.whereabouts import LOCKOUT_US, WRONG_PINS_MAX
from policies.codes import Code
from policies.facts import Mode, ScreeningResult
from tests.controller.support import EXIT, POLICY, SECOND_US, Rig, calm, directory, of_type


def screened(rig: Rig, who: str, result: ScreeningResult = ScreeningResult.CLEARED) -> Outcome:
    return rig.feed(
        ScreeningHeard(
            id=InputId(rig.new_id()),
            station="gate-house",
            holder=HolderId(f"h-{who}"),
            result=result,
        )
    )


def passes(rig: Rig, portal: str, seconds: float = 1) -> Outcome:
    rig.later(seconds)
    outcome = rig.opens(portal)
    rig.later(1)
    rig.closes(portal)
    rig.later(8)
    return outcome


def codes(outcome: Outcome) -> list[set[Code]]:
    return [
        {objection.code for objection in made.decision.objections}
        for made in of_type(DecisionMade, outcome)
    ]


def vault(*people: str) -> Rig:
    """A site where these have been screened."""
    rig = calm()
    for who in people:
        screened(rig, who)
    return rig


def test_who_comes_alone_is_asked_for_a_second_person() -> None:
    rig = vault("ann")
    outcome = rig.badge("vault", "ann")
    assert of_type(SecondAsked, outcome)
    assert not of_type(DecisionMade, outcome)
    assert not of_type(ReleasePortal, outcome)
    assert [effect.sign for effect in of_type(ShowAtReader, outcome)] == [Sign.PRESENT_SECOND]


def test_two_entitled_people_enter_together_and_both_are_then_inside() -> None:
    rig = vault("ann", "cora")
    rig.badge("vault", "ann")
    rig.later(3)
    outcome = rig.badge("vault", "bob")
    assert len(of_type(DecisionMade, outcome)) == 2
    assert len(of_type(ReleasePortal, outcome)) == 1
    (made,) = of_type(PassageMade, passes(rig, "vault"))
    assert made.moved is not None
    assert set(made.moved.holders) == {"h-ann", "h-bob"}
    people = rig.site.state.people
    assert people.inside["vault"] == 2
    assert {people.presences[HolderId(h)].zone for h in ("h-ann", "h-bob")} == {"vault"}


@pytest.mark.parametrize("second", ["ann", "vic", "eve", "stranger", "fay"])
def test_one_person_twice_a_visitor_or_who_may_not_enter_is_no_second_person(second: str) -> None:
    """P31."""
    rig = vault("ann", "vic", "eve", "fay")
    rig.badge("vault", "ann")
    rig.later(2)
    assert not of_type(ReleasePortal, rig.badge("vault", second))


def test_the_second_person_has_twenty_seconds() -> None:
    """P31."""
    rig = vault("ann")
    rig.badge("vault", "ann")
    (abandoned,) = of_type(AttemptAbandoned, rig.later(21))
    assert abandoned.reason == "no answer in time"
    again = rig.badge("vault", "bob")
    assert of_type(SecondAsked, again), "he is the first one now"
    assert not of_type(ReleasePortal, again)


def test_a_lockdown_sends_both_away() -> None:
    rig = vault("ann")
    rig.badge("vault", "ann")
    assert of_type(AttemptAbandoned, rig.posture(Mode.LOCKDOWN))
    assert not of_type(ReleasePortal, rig.badge("vault", "dan"))


def test_a_visitor_enters_with_his_host_and_not_without() -> None:
    """P32."""
    rig = calm()
    assert of_type(SecondAsked, rig.badge("gate", "vic"))
    rig.later(2)
    assert of_type(ReleasePortal, rig.badge("gate", "bob"))
    passes(rig, "gate")
    assert rig.site.state.people.escorts == {"h-vic": "h-bob"}
    assert of_type(SecondAsked, rig.badge("gate", "vic"))
    rig.later(2)
    refused = rig.badge("gate", "ann")
    assert not of_type(ReleasePortal, refused), "she is no escort"
    assert {Code.NOT_ESCORTED} in codes(refused)


def test_a_visitor_who_lost_his_host_flees_into_the_refuge_alone() -> None:
    visitors = 'zones = ["court", "lobby"]\nescorted'
    assert POLICY.count(visitors) == 1
    rig = calm(POLICY.replace(visitors, 'zones = ["court", "lobby", "refuge"]\nescorted'))
    assert not of_type(ReleasePortal, rig.badge("refuge", "vic"))
    rig.later(25)
    rig.posture(Mode.LOCKDOWN)
    assert of_type(ReleasePortal, rig.badge("refuge", "vic"))
    assert not of_type(ReleasePortal, rig.badge("hall", "vic")), "and nowhere else"


def test_a_host_takes_no_more_visitors_along_than_the_role_allows() -> None:
    """P32."""
    rig = calm()
    rig.badge("gate", "vic")
    rig.badge("gate", "bob")
    passes(rig, "gate")
    rig.badge("gate", "wim")
    outcome = rig.badge("gate", "bob")
    assert not of_type(ReleasePortal, outcome)
    assert {Code.NOT_ESCORTED} in codes(outcome)
    rig.badge("gate", "vic")
    assert of_type(ReleasePortal, rig.badge("gate", "bob")), "the same visitor is no second one"


def test_a_host_who_walks_away_leaves_an_alarm_behind() -> None:
    """P32."""
    rig = calm()
    rig.badge("gate", "vic")
    rig.badge("gate", "bob")
    passes(rig, "gate")
    rig.badge("panic", "bob")
    (alone,) = of_type(VisitorUnescorted, passes(rig, "panic"))
    assert (alone.visitor, alone.host) == ("h-vic", "h-bob")


def test_a_host_who_is_known_no_more_leaves_an_alarm_behind() -> None:
    rig = calm()
    rig.badge("gate", "vic")
    rig.badge("gate", "bob")
    passes(rig, "gate")
    without = directory().after(version=2, holders_gone=[HolderId("h-bob")])
    outcome = rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=without))
    assert of_type(VisitorUnescorted, outcome)


def test_a_host_whose_time_is_over_leaves_an_alarm_behind_when_people_change() -> None:
    rig = calm()
    rig.badge("gate", "vic")
    rig.badge("gate", "bob")
    passes(rig, "gate")
    bob = directory().holders[HolderId("h-bob")]
    over = replace(bob, facts=replace(bob.facts, valid_until_s=rig.utc_us // SECOND_US))
    ended = directory().after(version=2, holders=[over])
    outcome = rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=ended))
    assert of_type(VisitorUnescorted, outcome)


def test_a_host_takes_one_visitor_at_one_door_and_not_another_at_the_next() -> None:
    rig = calm()
    rig.badge("gate", "vic")
    assert of_type(ReleasePortal, rig.badge("gate", "bob"))
    rig.badge("panic", "wim")
    assert not of_type(ReleasePortal, rig.badge("panic", "bob")), "the first grant is in force"


def test_whom_a_visitor_brings_along_is_not_two_people_for_a_rule_that_wants_two() -> None:
    text = POLICY.replace(
        'id = "all"\nroles = ["staff", "guard", "diplomat"]',
        'id = "all"\nroles = ["staff", "guard", "diplomat"]\ntwo-person = true',
    )
    rig = calm(text)
    rig.badge("panic", "vic")
    assert not of_type(ReleasePortal, rig.badge("panic", "bob"))


def test_five_wrong_pins_one_after_the_other_lock_out_for_a_quarter_of_an_hour() -> None:
    rig = calm()
    for _ in range(WRONG_PINS_MAX):
        outcome = rig.badge("archive", "ann")
        rig.later(1)
        outcome = rig.pin(outcome_question(outcome), PinOutcome.WRONG)
        rig.later(5)
    assert of_type(HolderLockedOut, outcome)
    assert {Code.LOCKED_OUT} <= codes(rig.badge("archive", "ann"))[0]
    assert of_type(LockoutEnded, rig.later(LOCKOUT_US / SECOND_US))
    assert Code.LOCKED_OUT not in codes_or_none(rig.badge("gate", "ann"))


def test_a_right_pin_begins_the_count_anew() -> None:
    rig = calm()
    for number in range(2 * WRONG_PINS_MAX):
        outcome = PinOutcome.MATCHED if number % 4 == 3 else PinOutcome.WRONG
        asked = rig.badge("archive", "ann")
        rig.later(1)
        assert not of_type(HolderLockedOut, rig.pin(outcome_question(asked), outcome))
        rig.later(20)


def test_a_restart_does_not_shorten_a_lock_out_and_no_lock_out_keeps_anybody_in() -> None:
    rig = calm()
    for _ in range(WRONG_PINS_MAX):
        asked = rig.badge("archive", "ann")
        rig.pin(outcome_question(asked), PinOutcome.WRONG)
        rig.later(5)
    rig.later(600)
    rig.now_us = 5 * SECOND_US
    rig.start()
    until = rig.site.state.people.locked_out[HolderId("h-ann")]
    assert until == 5 * SECOND_US + LOCKOUT_US
    rig.people()
    for fire in ("lobby-panel", "archive-panel"):
        rig.fire("normal", fire)
    rig.link("archive")
    rig.closes("archive")
    assert of_type(ReleasePortal, rig.badge("archive", "ann", EXIT))


def outcome_question(outcome: Outcome) -> str:
    from controller.effects import AskPin

    (asked,) = of_type(AskPin, outcome)
    return asked.question


def codes_or_none(outcome: Outcome) -> set[Code]:
    return {code for found in codes(outcome) for code in found}
