"""Who is where, as people really move: what a grant, a passage, a button and a fire tell of it."""

import pytest
from msgspec.structs import replace

from controller.effects import ReleasePortal
from controller.events import DecisionMade, PassageMade, SecondAsked
from controller.holders import NOBODY, Provenance
from controller.ids import HolderId, InputId
from controller.inputs import DirectoryReplaced
from controller.portal import Contact
from controller.site import Outcome
from policies.codes import Code
from policies.facts import Mode, ScreeningResult
from tests.controller.support import EXIT, POLICY, SECOND_US, Rig, calm, directory, of_type
from tests.controller.test_company import codes, outcome_question, passes, screened, vault
from tests.policies.support import vienna

DAY_S = 86_400


def enter(rig: Rig, first: str, second: str) -> Outcome:
    """Both badge at the vault and go in."""
    rig.badge("vault", first)
    rig.later(1)
    outcome = rig.badge("vault", second)
    passes(rig, "vault")
    return outcome


def leave(rig: Rig, who: str) -> Outcome:
    outcome = rig.badge("vault", who, EXIT)
    passes(rig, "vault")
    return outcome


def test_a_grant_alone_moves_nobody_and_gives_its_place_back() -> None:
    """P29."""
    rig = vault("ann", "cora", "dan")
    rig.badge("vault", "ann")
    assert of_type(ReleasePortal, rig.badge("vault", "bob"))
    rig.later(30)
    assert rig.site.state.people.presences == {}
    assert rig.site.state.people.inside == {}
    assert of_type(ReleasePortal, enter(rig, "ann", "bob"))


def test_who_went_in_and_was_not_seen_coming_out_does_not_go_in_again() -> None:
    rig = vault("ann", "dan")
    enter(rig, "ann", "bob")
    outcome = rig.badge("vault", "ann")
    assert not of_type(SecondAsked, outcome), "nobody else is called for who may not enter"
    assert Code.PASSBACK in {c for found in codes(outcome) for c in found}


def test_who_came_out_goes_in_again() -> None:
    rig = vault("ann", "dan")
    enter(rig, "ann", "bob")
    assert of_type(ReleasePortal, leave(rig, "ann"))
    assert rig.site.state.people.presences[HolderId("h-ann")].zone == "office"
    leave(rig, "bob")
    assert of_type(ReleasePortal, enter(rig, "bob", "ann"))


def test_nobody_is_kept_in_by_anything_of_this() -> None:
    rig = vault("ann")
    enter(rig, "ann", "bob")
    leave(rig, "ann")
    assert of_type(ReleasePortal, rig.badge("vault", "ann", EXIT)), "seen outside, stands inside"
    rig.later(30)
    assert of_type(ReleasePortal, rig.badge("vault", "cora", EXIT)), "never seen going in"


def test_who_badges_at_an_open_leaf_counts_and_is_known_nowhere() -> None:
    rig = vault("ann", "dan", "cora")
    rig.badge("vault", "ann")
    rig.badge("vault", "bob")
    rig.later(1)
    rig.opens("vault")
    rig.badge("vault", "dan")
    refused = rig.badge("vault", "cora")
    assert not of_type(ReleasePortal, refused), "two of three places are taken by who is passing"
    rig.closes("vault")
    rig.later(30)
    assert rig.site.state.people.inside["vault"] == 2


def test_a_leaf_that_cannot_be_seen_hides_nobody_from_the_count() -> None:
    rig = vault("ann", "dan", "cora")
    rig.contact("vault", Contact.FAULTED)
    assert of_type(ReleasePortal, enter_unseen(rig, "ann", "bob"))
    assert rig.site.state.people.inside["vault"] == 2
    assert not of_type(ReleasePortal, enter_unseen(rig, "dan", "cora"))


def enter_unseen(rig: Rig, first: str, second: str) -> Outcome:
    rig.badge("vault", first)
    rig.later(1)
    outcome = rig.badge("vault", second)
    rig.later(30)
    return outcome


def test_a_button_inside_uses_up_nobody_s_way_in() -> None:
    rig = calm()
    rig.badge("gate", "ann")
    rig.rex("gate")
    rig.later(1)
    rig.opens("gate")
    assert HolderId("h-ann") not in rig.site.state.people.presences


def test_a_policy_that_comes_between_badge_and_pin_opens_nothing_that_its_own_forbids() -> None:
    rig = calm(POLICY.replace("[zone.archive]\n", "[zone.archive]\nknowledge-max-s = 3600\n"))
    question = outcome_question(rig.badge("archive", "cora"))
    made = Provenance(made_utc_us=rig.utc_us - 7_200 * SECOND_US, change_set="ab" * 32)
    known = replace(directory(2), provenance=made)
    rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=known))
    rig.policy(POLICY.replace("version = 1", "version = 2"))
    refused = rig.pin(question)
    assert not of_type(ReleasePortal, refused)
    assert Code.KNOWLEDGE_TOO_OLD in {c for found in codes(refused) for c in found}


def test_nothing_is_remembered_of_who_is_known_no_more() -> None:
    rig = vault("ann", "vic")
    nobody = replace(NOBODY, version=2)
    rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=nobody))
    people = rig.site.state.people
    assert (people.screened, people.presences, people.escorts) == ({}, {}, {})


def test_after_a_fire_nobody_knows_who_is_inside_which_is_not_wrong() -> None:
    """P29."""
    rig = vault("ann")
    enter(rig, "ann", "bob")
    rig.fire("alarm")
    assert rig.site.state.people.inside.get("vault", 0) == 0
    assert HolderId("h-ann") not in rig.site.state.people.presences
    rig.fire("normal")
    rig.reset()
    rig.later(10)
    rig.closes("vault")
    screened(rig, "ann")
    assert of_type(ReleasePortal, enter(rig, "ann", "bob"))


def test_whoever_leaves_unasked_might_be_any_of_those_who_stood_there() -> None:
    """P29."""
    rig = calm()
    for who in ("ann", "bob"):
        rig.badge("gate", who)
        passes(rig, "gate")
    assert {"h-ann", "h-bob"} == set(rig.site.state.people.presences)
    rig.rex("gate")
    rig.later(1)
    rig.opens("gate")
    assert rig.site.state.people.presences == {}


def test_two_people_do_not_share_the_last_place() -> None:
    """P30."""
    rig = vault("ann", "dan", "cora")
    enter(rig, "ann", "bob")
    asked = rig.badge("vault", "dan")
    assert not of_type(SecondAsked, asked), "no second person would help"
    assert not of_type(ReleasePortal, rig.badge("vault", "cora"))
    leave(rig, "ann")
    rig.badge("vault", "dan")
    assert of_type(ReleasePortal, rig.badge("vault", "cora"))
    passes(rig, "vault")
    assert rig.site.state.people.inside["vault"] == 3


TWO_DOORS = POLICY.replace(
    "# The safe room:",
    """[portal.vault-too]
from = "lobby"
to = "vault"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
# The safe room:""",
).replace("occupancy-max = 3", "occupancy-max = 2")


def test_a_grant_at_one_door_reserves_the_place_at_the_other() -> None:
    rig = calm(TWO_DOORS)
    for who in ("ann", "cora"):
        screened(rig, who)
    rig.badge("vault", "ann")
    assert of_type(ReleasePortal, rig.badge("vault", "bob"))
    rig.later(1)
    refused = rig.badge("vault-too", "cora")
    assert Code.OCCUPANCY_FULL in {c for found in codes(refused) for c in found}
    rig.later(30)
    rig.badge("vault-too", "cora")
    assert of_type(ReleasePortal, rig.badge("vault-too", "bob")), "nobody used the first grant"


GUARDS_FIRST = (
    POLICY.replace("[zone.court]\n", "[zone.court]\nfirst-person = true\n")
    + '[[grant]]\nid = "opens"\nroles = ["guard"]\nzones = ["court"]\nfirst-person = true\n'
)
"""The court waits every day for a guard."""


def opened(text: str) -> Rig:
    """A guard was in the court before anybody else, at this time on the wall."""
    rig = calm(GUARDS_FIRST, utc_us=vienna(text) * SECOND_US)
    assert codes(rig.badge("gate", "ann")) == [{Code.FIRST_PERSON_OUT}]
    assert of_type(ReleasePortal, rig.badge("gate", "bob"))
    assert of_type(PassageMade, passes(rig, "gate", 0))
    return rig


def is_open_to_staff(rig: Rig) -> bool:
    outcome = rig.badge("gate", "ann")
    rig.later(30)
    found = codes(outcome)
    assert found in ([set()], [{Code.FIRST_PERSON_OUT}])
    return found == [set()]


@pytest.mark.parametrize(
    ("came", "asked", "is_open"),
    [
        ("2026-11-20 00:00", "2026-11-20 23:59", True),
        ("2026-11-20 00:30", "2026-11-20 01:30", True),  # UTC has another date in between
        ("2026-11-20 23:58", "2026-11-21 00:00", False),
        ("2026-11-20 22:00", "2026-11-21 08:00", False),
        ("2026-11-20 08:00", "2026-11-21 08:00", False),
        ("2026-11-20 08:00", "2026-12-20 08:00", False),
        ("2026-11-20 08:00", "2026-11-27 08:00", False),
    ],
)
def test_the_first_person_counts_until_midnight_on_the_wall(
    came: str, asked: str, is_open: bool
) -> None:
    """P33."""
    rig = opened(came)
    assert is_open_to_staff(rig)
    rig.skip(vienna(asked) - rig.utc_us / SECOND_US)
    assert is_open_to_staff(rig) is is_open
    assert of_type(ReleasePortal, rig.badge("gate", "bob")), "a guard opens it on any day"


@pytest.mark.parametrize("mode", [Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE])
def test_the_first_person_counts_until_the_house_is_shut_or_left(mode: Mode) -> None:
    """P33."""
    rig = opened("2026-11-20 08:00")
    rig.posture(Mode.NORMAL, threat=2)
    assert is_open_to_staff(rig), "a higher level does not shut it"
    rig.posture(mode)
    rig.posture(Mode.NORMAL)
    assert not is_open_to_staff(rig)
    assert of_type(ReleasePortal, rig.badge("gate", "bob"))
    passes(rig, "gate")
    assert is_open_to_staff(rig)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (ScreeningResult.REFUSED, Code.SCREENING_REFUSED),
        (ScreeningResult.DECLINED, Code.SCREENING_DECLINED),
        (None, Code.NOT_SCREENED),
    ],
)
def test_a_zone_that_screens_lets_nobody_in_unscreened(
    result: ScreeningResult | None, code: Code
) -> None:
    rig = calm()
    if result is not None:
        screened(rig, "ann", result)
    outcome = rig.badge("vault", "ann")
    assert code in {c for found in codes(outcome) for c in found}


def test_a_clearance_ends_and_who_is_exempt_is_never_searched() -> None:
    rig = vault("ann")
    rig.later(8 * 3600 + 1)
    assert Code.NOT_SCREENED in {c for found in codes(rig.badge("vault", "ann")) for c in found}
    rig.badge("vault", "cora")
    outcome = rig.badge("vault", "bob")
    assert of_type(ReleasePortal, outcome)
    notes = {n.code for made in of_type(DecisionMade, outcome) for n in made.decision.notes}
    assert Code.NOTE_NOT_SEARCHED in notes


def test_the_record_of_a_passage_says_who_went_where() -> None:
    rig = calm()
    rig.badge("gate", "ann")
    (made,) = of_type(PassageMade, passes(rig, "gate"))
    assert made.moved is not None
    assert made.moved.holders == ("h-ann",)
    assert (made.moved.source, made.moved.zone, made.moved.people) == ("street", "court", 1)
    assert rig.site.state.people.presences[HolderId("h-ann")].since_s == pytest.approx(
        rig.utc_us // SECOND_US, abs=20
    )


def test_who_knows_holders_from_old_news_lets_nobody_into_a_zone_that_asks_for_fresh_ones() -> None:
    fresh = POLICY.replace("[zone.store]\n", "[zone.store]\nknowledge-max-s = 3600\n")

    def asked(age_s: int, *, trusted: bool = True, change_set: str = "ab" * 32) -> bool:
        rig = calm(fresh)
        made = Provenance(made_utc_us=rig.utc_us - age_s * SECOND_US, change_set=change_set)
        known = replace(directory(2), provenance=made)
        rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=known))
        rig.trusted = trusted
        (made_out,) = of_type(DecisionMade, rig.badge("blind", "ann"))
        return made_out.decision.granted

    assert asked(3_600)
    assert not asked(3_601)
    assert not asked(60, trusted=False), "nobody says how old it is"
    assert asked(10**6, change_set=""), "changed here, known here"


def test_a_restart_forgets_who_may_have_left_unseen_and_keeps_posture_and_vault() -> None:
    """P41. A free exit is left unseen while the edge is away; the vault's exit has a reader, and
    who was inside it still is: he is kept from going in twice and never from coming out.
    """
    rig = vault("ann", "bob", "dan")
    enter(rig, "ann", "bob")
    rig.badge("front", "dan")
    passes(rig, "front")
    assert HolderId("h-dan") in rig.site.state.people.presences
    rig.posture(Mode.LOCKDOWN)
    rig.start()
    state = rig.site.state
    assert state.mode is Mode.LOCKDOWN
    assert set(state.people.presences) == {"h-ann", "h-bob"}
    assert of_type(ReleasePortal, rig.badge("vault", "ann", EXIT))
