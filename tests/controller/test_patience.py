"""How long a leaf may stand open, who is asked to close it before, and who has more time."""

import pytest

from controller.effects import AskToClose, ReleasePortal
from controller.events import CloseAsked, GrantUnused, PassageMade, PortalHeld
from controller.portal import Contact, State
from controller.site import Outcome
from tests.controller.support import EXIT, POLICY, Rig, bodies, calm, of_type

# At `mag`: three seconds to open, ten to close, reminded six before; who needs more has 8 and 25.


def passes(rig: Rig, who: str = "ann") -> None:
    rig.badge("mag", who)
    assert PassageMade in bodies(rig.opens("mag"))


def released_ms(outcome: Outcome) -> list[int]:
    return [effect.for_ms for effect in of_type(ReleasePortal, outcome)]


def test_who_holds_a_leaf_open_is_asked_to_close_it_before_the_alarm() -> None:
    rig = calm()
    passes(rig)
    assert bodies(rig.later(3.9)) == []
    asked = rig.later(0.1)
    assert bodies(asked) == [CloseAsked]
    (effect,) = of_type(AskToClose, asked)
    assert effect.portal == "mag"
    assert rig.stands(effect)
    assert bodies(rig.later(5.9)) == [], "once"
    assert bodies(rig.later(0.1)) == [PortalHeld]
    assert not rig.stands(effect)
    assert CloseAsked not in bodies(rig.later(1_000))


def test_a_reminder_that_nobody_needs_any_more_is_not_shown() -> None:
    rig = calm()
    passes(rig)
    (effect,) = of_type(AskToClose, rig.later(4))
    rig.closes("mag")
    assert not rig.stands(effect)


@pytest.mark.parametrize("end", ["closed", "released", "lost"])
def test_nobody_is_reminded_of_a_leaf_that_does_not_stand_open(end: str) -> None:
    rig = calm()
    passes(rig)
    if end == "closed":
        rig.closes("mag")
    elif end == "released":
        rig.fire("alarm")
    else:
        rig.link("mag", up=False)
    assert rig.portal("mag").close_due_us is None
    assert CloseAsked not in bodies(rig.later(20))


def test_the_next_one_through_an_open_leaf_begins_the_time_anew() -> None:
    rig = calm()
    passes(rig)
    assert bodies(rig.later(4)) == [CloseAsked]
    rig.badge("mag", "dan")
    assert CloseAsked not in bodies(rig.later(3.9))
    assert CloseAsked in bodies(rig.later(0.1))


def test_an_edge_that_slept_through_both_gives_the_alarm_alone() -> None:
    rig = calm()
    passes(rig)
    rig.skip(11)
    assert bodies(rig.contact("gate", Contact.CLOSED))[:1] == [PortalHeld]


def test_a_portal_without_a_pre_alarm_reminds_nobody() -> None:
    rig = calm()
    rig.badge("gate")
    rig.opens("gate")
    assert bodies(rig.later(20)) == [PortalHeld]


# --- more time ----------------------------------------------------------------------------------


def test_who_needs_it_has_more_time_to_open_and_to_pass() -> None:
    rig = calm()
    assert released_ms(rig.badge("mag", "ann")) == [3_000]
    rig.later(30)
    assert released_ms(rig.badge("mag", "cora")) == [8_000]
    assert GrantUnused not in bodies(rig.later(9.9)), "eight, and two for the wire"
    assert PassageMade in bodies(rig.opens("mag"))
    assert bodies(rig.later(18.9)) == []
    assert bodies(rig.later(0.1)) == [CloseAsked], "as long before the alarm as for everybody"
    assert bodies(rig.later(5.9)) == []
    assert bodies(rig.later(0.1)) == [PortalHeld]


def test_the_next_person_has_as_much_time_as_everybody() -> None:
    rig = calm()
    passes(rig, "cora")
    rig.closes("mag")
    assert not rig.portal("mag").extended
    assert released_ms(rig.badge("mag", "ann")) == [3_000]
    rig.opens("mag")
    rig.later(4)
    assert PortalHeld in bodies(rig.later(6))


def test_a_time_that_nobody_used_is_nobodys_later() -> None:
    rig = calm()
    rig.badge("mag", "cora")
    assert GrantUnused in bodies(rig.later(10))
    rig.rex("mag")
    rig.opens("mag")
    assert PortalHeld in bodies(rig.later(10))


def test_whoever_badges_meanwhile_cuts_nobodys_time_short() -> None:
    """A device knows one time: the later one replaces the earlier one."""
    rig = calm()
    rig.badge("mag", "cora")
    rig.later(1)
    assert released_ms(rig.badge("mag", "ann")) == [8_000]
    rig.opens("mag")
    rig.later(1)
    assert released_ms(rig.badge("mag", "ann")) == [8_000]
    assert PortalHeld not in bodies(rig.later(24))
    assert PortalHeld in bodies(rig.later(1))


def test_a_badge_shown_while_the_leaf_closes_behind_another_keeps_its_time() -> None:
    rig = calm()
    passes(rig, "ann")
    rig.badge("mag", "cora")
    rig.closes("mag")
    assert rig.portal("mag").state is State.GRANTED
    assert rig.portal("mag").extended
    rig.opens("mag")
    assert PortalHeld not in bodies(rig.later(24))


def test_one_of_two_who_needs_more_time_has_it_for_both() -> None:
    slow = POLICY.replace("held-s = 8\n", "held-s = 8\nopen-extended-s = 7\n")
    slow = slow.replace('screening = ["gate-house"]\n', "")
    for first, second in (("cora", "bob"), ("bob", "cora"), ("ann", "bob")):
        rig = calm(slow)
        rig.badge("vault", first)
        expected = 7_000 if "cora" in (first, second) else 5_000
        assert released_ms(rig.badge("vault", second)) == [expected]


def test_more_time_is_had_on_the_way_out_too() -> None:
    rig = calm(POLICY.replace("bolt = true", "bolt = true\nopen-extended-s = 9"))
    assert released_ms(rig.badge("archive", "cora", EXIT)) == [9_000]
    rig.later(20)
    assert released_ms(rig.badge("archive", "ann", EXIT)) == [5_000]
