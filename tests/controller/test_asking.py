"""A face and a guard's look as factors: what is asked for, and what takes the place of what cannot
be had here and now."""

import pytest
from msgspec import UNSET

from controller import events as ev
from controller.attempt import GUARD_US
from controller.effects import AskFace, AskGuard, AskPin, ReleasePortal, ShowAtReader, Sign
from controller.ids import AttemptId, HolderId, InputId, QuestionId
from controller.inputs import (
    Answer,
    FaceChecked,
    FaceOutcome,
    GuardAnswered,
    PinChecked,
    PinOutcome,
    RefusalAsked,
)
from controller.inputs_faces import FaceEnrolAsked
from controller.ledger import Personal
from controller.moment import SECOND_US
from controller.site import Outcome
from policies.codes import Code
from policies.facts import Assurance, Factor, HolderFacts
from tests.controller.support import ENTRY, EXIT, POLICY, Rig, calm, reader_of

FACES = POLICY.replace('high = { 1 = "badge+pin" }', 'high = { 1 = "badge+face" }').replace(
    "[factors]", '[alternative]\nface = "pin+guard"\n\n[factors]'
)
"""The archive asks for a face, and where none can be had for a PIN and a guard."""

NEAR = FACES.replace(
    "[zone.archive]\n",
    "[zone.archive]\nface-distance-max = { 1 = 0.5, 3 = 0.4 }\nface-turns = { 1 = 1, 3 = 3 }\n",
)
ALL = (Factor.PIN, Factor.FACE, Factor.GUARD)
PERSON = Personal("person", "Surname-of-ann", "ef" * 16)


def site(policy: str = FACES, *enrolled: str) -> Rig:
    rig = calm(policy)
    for number, who in enumerate(enrolled or ("ann", "cora", "dan"), start=1):
        rig.feed(
            FaceEnrolAsked(
                id=InputId(rig.new_id()),
                holder=HolderId(f"h-{who}"),
                version=number,
                model="m",
                views=3,
                consent=Personal("consent", "signed", "aa" * 16),
                operator=Personal("operator", "Officer Smith", "ab" * 16),
            )
        )
    return rig


def asked(outcome: Outcome, kind: type) -> AskPin | AskFace | AskGuard:
    (found,) = [effect for effect in outcome.effects if isinstance(effect, kind)]
    assert isinstance(found, AskPin | AskFace | AskGuard)
    return found


def signs(outcome: Outcome) -> list[Sign]:
    return [effect.sign for effect in outcome.effects if isinstance(effect, ShowAtReader)]


def verdict(outcome: Outcome) -> ev.DecisionMade:
    (found,) = [e.body for e in outcome.events if isinstance(e.body, ev.DecisionMade)]
    return found


def answer(rig: Rig, kind: type[Answer], question: str, **more: object) -> Outcome:
    return rig.feed(
        kind(
            id=InputId(rig.new_id()),
            question=QuestionId(question),
            further=QuestionId(rig.new_id()),
            offers=ALL,
            person=PERSON,
            **more,  # type: ignore[arg-type]
        )
    )


def face(rig: Rig, question: str, outcome: FaceOutcome) -> Outcome:
    return answer(
        rig, FaceChecked, question, outcome=outcome, reason="why", assurance=Assurance.INSIDE
    )


def pin(rig: Rig, question: str, outcome: PinOutcome = PinOutcome.MATCHED) -> Outcome:
    return answer(rig, PinChecked, question, outcome=outcome, assurance=Assurance.SECURE)


def guard(rig: Rig, question: str, *, accepted: bool) -> Outcome:
    return answer(
        rig,
        GuardAnswered,
        question,
        accepted=accepted,
        reason=Personal("reason", "the same scar", "1c" * 16),
        operator=Personal("operator", "Officer Smith", "ab" * 16),
    )


def test_where_a_face_is_wanted_the_holders_own_is_asked_for() -> None:
    rig = site()
    shown = rig.badge("archive", offers=ALL)
    question = asked(shown, AskFace)
    assert isinstance(question, AskFace)
    assert (question.holder, question.portal, question.direction) == ("h-ann", "archive", ENTRY)
    assert (question.distance_max, question.turns) == (0.5, 2)
    assert signs(shown) == [Sign.LOOK_AT_CAMERA]
    assert rig.stands(question)


def test_her_face_opens_and_the_door_waits_for_nothing_more() -> None:
    rig = site()
    question = asked(rig.badge("archive", offers=ALL), AskFace)
    passed = face(rig, question.question, FaceOutcome.MATCHED)
    assert verdict(passed).decision.granted
    assert [type(e) for e in passed.effects if isinstance(e, ReleasePortal)] == [ReleasePortal]
    assert not rig.stands(question)


def test_another_face_refuses_and_nobody_is_asked_for_anything_else() -> None:
    rig = site()
    question = asked(rig.badge("archive", offers=ALL), AskFace)
    refused = face(rig, question.question, FaceOutcome.WRONG)
    assert verdict(refused).decision.code is Code.FACTOR_FAILED
    assert signs(refused) == [Sign.DENIED]
    assert not [e for e in refused.effects if isinstance(e, ReleasePortal)]


def test_a_face_that_does_not_fit_locks_nobody_out_and_forgives_no_wrong_pin() -> None:
    rig = site()
    for _ in range(2):
        asking = rig.badge("archive", "ann", EXIT, offers=(Factor.PIN,))
        assert not [e for e in asking.effects if isinstance(e, AskPin)]  # level 1: badge alone
    for _ in range(12):
        question = asked(rig.badge("archive", offers=ALL), AskFace)
        face(rig, question.question, FaceOutcome.WRONG)
    assert not rig.site.state.people.locked_out
    assert not rig.site.state.people.wrong_pins


@pytest.mark.parametrize(
    "missed", sorted(set(FaceOutcome) - {FaceOutcome.MATCHED, FaceOutcome.WRONG})
)
def test_where_nothing_was_compared_the_alternative_is_asked_for_as_a_whole(
    missed: FaceOutcome,
) -> None:
    rig = site()
    question = asked(rig.badge("archive", offers=ALL), AskFace)
    after = face(rig, question.question, missed)
    assert not [e for e in after.effects if isinstance(e, ReleasePortal)]
    (told,) = [e.body for e in after.events if isinstance(e.body, ev.FactorMissed)]
    assert (told.factor, told.reason) == (Factor.FACE, f"{missed}: why")
    looked = pin(rig, asked(after, AskPin).question)
    assert not [e for e in looked.effects if isinstance(e, ReleasePortal)]
    assert signs(looked) == [Sign.WAIT_FOR_GUARD]
    passed = guard(rig, asked(looked, AskGuard).question, accepted=True)
    made = verdict(passed)
    assert made.decision.granted
    assert made.request.without == (Factor.FACE,)
    assert [p.factor for p in made.request.presented] == [Factor.BADGE, Factor.PIN, Factor.GUARD]


def refusal(rig: Rig, attempt: str) -> Outcome:
    return rig.feed(
        RefusalAsked(
            id=InputId(rig.new_id()),
            attempt=AttemptId(attempt),
            person=PERSON,
            reason=Personal("reason", "somebody else", "1c" * 16),
            operator=Personal("operator", "Officer Smith", "ab" * 16),
        )
    )


@pytest.mark.parametrize("kind", [AskPin, AskFace])
def test_a_guard_refuses_whatever_is_waited_for(kind: type) -> None:
    rig = site()
    who = "bob" if kind is AskPin else "ann"
    question = asked(rig.badge("archive", who, offers=ALL), kind)
    refused = refusal(rig, question.attempt)
    assert verdict(refused).decision.code is Code.FACTOR_FAILED
    assert signs(refused) == [Sign.DENIED]
    (event,) = [e for e in refused.events if isinstance(e.body, ev.FactorAnswered)]
    assert (event.body.factor, event.body.passed) == (Factor.GUARD, False)
    assert [one.field for one in event.personal] == ["reason", "operator"]
    assert not rig.site.state.attempts
    assert not rig.site.state.people.wrong_pins
    late = answer(
        rig, PinChecked, question.question, outcome=PinOutcome.MATCHED, assurance=Assurance.SECURE
    )
    assert not [e for e in late.effects if isinstance(e, ReleasePortal)]
    again = refusal(rig, question.attempt)
    assert [type(e.body) for e in again.events] == [ev.AnswerIgnored]


def test_a_guard_refuses_nobody_who_leaves() -> None:
    rig = site(
        FACES.replace('exit-factors = "standard"', 'exit-factors = "careful"').replace(
            "[factors]", '[factors]\ncareful = { 1 = "badge+pin" }'
        )
    )
    question = asked(rig.badge("archive", "ann", EXIT, offers=(Factor.PIN,)), AskPin)
    kept = refusal(rig, question.attempt)
    assert [type(e.body) for e in kept.events] == [ev.AnswerIgnored]
    assert rig.stands(question)


def test_a_guard_who_refuses_keeps_the_door_shut_with_his_reason_on_record() -> None:
    rig = site()
    question = asked(rig.badge("archive", "bob", offers=ALL), AskPin)  # he has no template
    looked = pin(rig, question.question)
    refused = guard(rig, asked(looked, AskGuard).question, accepted=False)
    assert verdict(refused).decision.code is Code.FACTOR_FAILED
    (event,) = [e for e in refused.events if isinstance(e.body, ev.FactorAnswered)]
    assert {value.field: value.value for value in event.personal} == {
        "reason": "the same scar",
        "operator": "Officer Smith",
    }


def test_a_guard_has_a_minute_and_then_nothing_opens() -> None:
    rig = site()
    question = asked(rig.badge("archive", "bob", offers=ALL), AskPin)  # he has no template
    looked = asked(pin(rig, question.question), AskGuard)
    assert looked.not_after_us == rig.now_us + GUARD_US == rig.now_us + 60 * SECOND_US
    ended = rig.later(60)
    assert [type(e.body) for e in ended.events] == [ev.AttemptAbandoned]
    late = guard(rig, looked.question, accepted=True)
    assert [type(e.body) for e in late.events] == [ev.AnswerIgnored]
    assert not late.effects


@pytest.mark.parametrize("offers", [(Factor.PIN, Factor.GUARD), ALL])
def test_who_has_no_template_or_stands_where_no_camera_sees_is_asked_for_the_alternative(
    offers: tuple[Factor, ...],
) -> None:
    who = "ann" if Factor.FACE not in offers else "bob"  # bob was never enrolled
    shown = site().badge("archive", who, offers=offers)
    assert [type(e) for e in shown.effects] == [AskPin, ShowAtReader]


def test_who_does_not_give_a_face_is_not_asked_for_one_although_it_is_on_file() -> None:
    rig = site()
    people = rig.site.directory
    facts = HolderFacts("h-ann", 2, ("staff",), biometrics=False)
    rig.site.directory = people.after(
        version=2,
        holders=(
            type(one)(facts=facts, knows_pin=True) if name == "h-ann" else one
            for name, one in people.holders.items()
        ),
        credentials=people.by_ref.items(),
    )
    shown = rig.badge("archive", offers=ALL)
    assert [type(e) for e in shown.effects] == [AskPin, ShowAtReader]


def test_where_the_alternative_cannot_be_had_whole_nothing_of_it_is_asked_for() -> None:
    shown = site().badge("archive", offers=(Factor.PIN,))
    made = verdict(shown)
    assert made.decision.code is Code.FACTORS_MISSING
    assert made.request.without is UNSET
    assert signs(shown) == [Sign.DENIED]


def test_who_has_no_pin_is_not_asked_for_one() -> None:
    shown = site(FACES, "ann").badge("archive", "dan", offers=ALL)
    assert verdict(shown).decision.code is Code.FACTORS_MISSING
    assert signs(shown) == [Sign.DENIED]


def test_without_an_alternative_nobody_gets_past_a_blind_camera() -> None:
    rig = site(FACES.replace('[alternative]\nface = "pin+guard"\n', ""))
    question = asked(rig.badge("archive", offers=ALL), AskFace)
    refused = face(rig, question.question, FaceOutcome.UNAVAILABLE)
    assert verdict(refused).decision.code is Code.FACTORS_MISSING
    assert not [e for e in refused.effects if not isinstance(e, ShowAtReader)]


def test_how_near_and_how_often_is_the_zones_word_at_the_threat_level_in_force() -> None:
    rig = site(NEAR)
    calm_times = asked(rig.badge("archive", offers=ALL), AskFace)
    assert isinstance(calm_times, AskFace)
    assert (calm_times.distance_max, calm_times.turns) == (0.5, 1)
    rig.later(30)
    rig.posture(rig.site.state.mode, 3)
    raised = asked(rig.badge("archive", offers=ALL), AskFace)
    assert isinstance(raised, AskFace)
    assert (raised.distance_max, raised.turns) == (0.4, 3)


def test_an_answer_of_another_kind_is_no_answer() -> None:
    rig = site()
    question = asked(rig.badge("archive", offers=ALL), AskFace)
    for wrong in (
        pin(rig, question.question),
        guard(rig, question.question, accepted=True),
        face(rig, "nobody-asked", FaceOutcome.MATCHED),
    ):
        assert [type(e.body) for e in wrong.events] == [ev.AnswerIgnored]
        assert not wrong.effects
    assert verdict(face(rig, question.question, FaceOutcome.MATCHED)).decision.granted
    twice = face(rig, question.question, FaceOutcome.MATCHED)
    assert [type(e.body) for e in twice.events] == [ev.AnswerIgnored]


def test_what_came_over_a_line_that_the_zone_does_not_believe_is_not_asked_for_again() -> None:
    secure = ("[zone.archive]\n", '[zone.archive]\nassurance = "secure"\n')
    rig = site(FACES.replace(*secure))
    question = asked(rig.badge("archive", offers=ALL), AskFace)
    weak = {"reason": "", "assurance": Assurance.WEAK}
    seen = answer(rig, FaceChecked, question.question, outcome=FaceOutcome.MATCHED, **weak)
    assert verdict(seen).decision.code is Code.ASSURANCE_TOO_LOW

    rig = site(POLICY.replace(*secure))
    question = asked(rig.badge("archive", offers=ALL), AskPin)
    matched = PinOutcome.MATCHED
    typed = answer(rig, PinChecked, question.question, outcome=matched, assurance=Assurance.WEAK)
    assert verdict(typed).decision.code is Code.ASSURANCE_TOO_LOW
    assert signs(typed) == [Sign.DENIED]


def test_a_newer_badge_ends_the_question_before_it() -> None:
    rig = site()
    first = asked(rig.badge("archive", offers=ALL), AskFace)
    rig.badge("archive", "cora", offers=ALL)
    late = face(rig, first.question, FaceOutcome.MATCHED)
    assert [type(e.body) for e in late.events] == [ev.AnswerIgnored]
    pending = rig.site.state.attempts[reader_of("archive", ENTRY)]
    assert pending.holder == "h-cora"
