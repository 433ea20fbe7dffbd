"""A badge that says itself when it is valid, as a visitor's code does."""

import pytest
from msgspec.structs import replace

from controller.effects import AskPin, ReleasePortal
from controller.events import DecisionMade
from controller.questions import ALWAYS, Window, within
from controller.site import Outcome
from policies.codes import Code
from policies.facts import CredentialStatus, Direction, Factor, HolderFacts, Request
from tests.controller.support import ENTRY, FRIDAY_NIGHT_UTC_US, Rig, calm, of_type, way_out

NOW_S = FRIDAY_NIGHT_UTC_US // 1_000_000
EARLIER, LATER = NOW_S - 3600, NOW_S + 3600


def shows(
    rig: Rig, portal: str, from_s: int | None, until_s: int | None, direction: Direction = ENTRY
) -> Outcome:
    """Ann shows a badge that is valid by its own word from then until then."""
    fact = rig.badge_fact(portal, "ann", direction, ())
    return rig.feed(replace(fact, valid_from_s=from_s, valid_until_s=until_s))


def verdict(outcome: Outcome) -> tuple[bool, set[Code]]:
    (made,) = of_type(DecisionMade, outcome)
    return made.decision.granted, {objection.code for objection in made.decision.objections}


@pytest.mark.parametrize(
    ("from_s", "until_s", "objection"),
    [
        (EARLIER, LATER, None),
        (NOW_S, NOW_S + 1, None),
        (EARLIER, NOW_S, Code.EXPIRED),
        (NOW_S + 1, LATER, Code.NOT_YET_VALID),
    ],
)
def test_it_opens_from_its_first_second_and_no_longer_in_its_last(
    from_s: int, until_s: int, objection: Code | None
) -> None:
    outcome = shows(calm(), "gate", from_s, until_s)
    assert verdict(outcome) == (objection is None, set() if objection is None else {objection})
    assert bool(of_type(ReleasePortal, outcome)) is (objection is None)


@pytest.mark.parametrize(("from_s", "until_s"), [(EARLIER, NOW_S), (LATER, LATER + 1)])
def test_its_time_keeps_nobody_in(from_s: int, until_s: int) -> None:
    rig = calm()
    granted, _ = verdict(shows(rig, "back", from_s, until_s, way_out("back")))
    assert granted


def test_without_a_trusted_clock_it_opens_nothing_inwards_and_everything_outwards() -> None:
    rig = calm()
    rig.trusted = False
    assert verdict(shows(rig, "gate", EARLIER, LATER)) == (False, {Code.CLOCK_UNTRUSTED})
    assert verdict(shows(rig, "back", EARLIER, LATER, way_out("back")))[0]
    assert verdict(rig.badge("gate", offers=()))[0]


def test_what_is_recorded_is_what_was_judged() -> None:
    (made,) = of_type(DecisionMade, shows(calm(), "gate", EARLIER, NOW_S))
    assert made.request.holder is not None
    assert (made.request.holder.valid_from_s, made.request.holder.valid_until_s) == (EARLIER, NOW_S)


def test_a_badge_is_judged_as_it_is_shown_and_not_when_its_pin_came() -> None:
    rig = calm()
    fact = rig.badge_fact("archive", "ann", ENTRY, (Factor.PIN,))
    asked = rig.feed(replace(fact, valid_until_s=NOW_S + 5))
    (question,) = of_type(AskPin, asked)
    rig.skip(8)
    assert verdict(rig.pin(question.question)) == (True, set())
    late = rig.feed(
        replace(rig.badge_fact("archive", "ann", ENTRY, (Factor.PIN,)), valid_until_s=1)
    )
    assert of_type(AskPin, late) == []


@pytest.mark.parametrize(
    ("own", "badge", "both"),
    [
        ((None, None), (5, 9), (5, 9)),
        ((5, 9), (None, None), (5, 9)),
        ((5, 9), (1, 99), (5, 9)),
        ((1, 99), (5, 9), (5, 9)),
        ((5, None), (None, 9), (5, 9)),
        ((1, 7), (5, 99), (5, 7)),
    ],
)
def test_a_badge_can_only_narrow_what_its_holder_may(
    own: tuple[int | None, int | None],
    badge: tuple[int | None, int | None],
    both: tuple[int | None, int | None],
) -> None:
    holder = HolderFacts("h", 1, ("staff",), valid_from_s=own[0], valid_until_s=own[1])
    request = Request(
        portal="gate",
        direction=ENTRY,
        utc_s=0,
        clock_trusted=True,
        credential=CredentialStatus.ACTIVE,
        holder=holder,
    )
    narrowed = within(request, Window(*badge)).holder
    assert narrowed is not None
    assert (narrowed.valid_from_s, narrowed.valid_until_s) == both
    assert within(request, ALWAYS) == request
    nobody = replace(request, holder=None)
    assert within(nobody, Window(*badge)) == nobody
