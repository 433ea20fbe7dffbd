"""Of which entries something is kept, at which doors, and that duress changes nothing of it."""

import pytest
from msgspec.structs import replace

from controller import events as ev
from controller import events_points as ep
from controller.alarms import ALARMS
from controller.body import NOTE_CHARS
from controller.events import KINDS, Body, decode_entry, encode, kind_of
from controller.events_cameras import CameraFaulted
from controller.events_pictures import PictureKind
from controller.ids import HolderId, PortalId
from edge.pictures.choosing import CLIPS, NOWHERE, Chosen, Layout, Place, chosen
from policies.codes import Code
from policies.compiled import Pictures
from tests.controller.support import POLICY, compiled
from tests.golden.examples import EXAMPLES, READER, example

POINTS = """
[point.fence]
kind = "fence"
zone = "lobby"
"""
LAYOUT = Layout(compiled(POLICY), {str(READER): PortalId("gate")})


def kept(body: Body, word: Pictures, layout: Layout = LAYOUT) -> tuple[Chosen, ...]:
    event = replace(example(kind_of(type(body))), body=body)
    return chosen(decode_entry(encode(event)), layout, lambda _: word)


def decision(code: Code = Code.NO_GRANT, *, granted: bool = False) -> ev.DecisionMade:
    made = EXAMPLES[kind_of(ev.DecisionMade)]
    assert isinstance(made, ev.DecisionMade)
    return replace(made, decision=replace(made.decision, code=code, granted=granted))


def test_every_alarm_has_a_place_or_is_known_to_have_none() -> None:
    assert set(ALARMS) <= set(CLIPS) | NOWHERE
    assert not NOWHERE & set(CLIPS)
    assert set(CLIPS) | NOWHERE <= set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_where_the_policy_wants_nothing_nothing_is_kept(kind: str) -> None:
    assert kept(EXAMPLES[kind], Pictures.NONE) == ()


def test_a_decision_has_a_picture_of_the_side_from_which_he_came() -> None:
    made = decision()
    assert made.request.holder is not None
    (one,) = kept(made, Pictures.DECISIONS)
    place = Place(made.portal, made.direction)
    assert one == Chosen(PictureKind.PICTURE, place, HolderId(made.request.holder.id))
    assert kept(made, Pictures.ALARMS) == ()
    (one,) = kept(decision(granted=True), Pictures.DECISIONS)
    assert one.what is PictureKind.PICTURE


@pytest.mark.parametrize("code", [Code.CREDENTIAL_LOST, Code.CREDENTIAL_REVOKED])
def test_a_badge_that_is_lost_or_revoked_is_worth_a_clip(code: Code) -> None:
    found = kept(decision(code), Pictures.DECISIONS)
    assert [one.what for one in found] == [PictureKind.CLIP, PictureKind.PICTURE]
    (clip,) = kept(decision(code), Pictures.ALARMS)
    assert clip.what is PictureKind.CLIP


def test_forced_held_and_stuck_doors_and_readers_have_clips_at_their_door() -> None:
    for kind in (ev.PortalForced, ev.PortalHeld, ev.ExitStuck, ev.ReaderTampered, CameraFaulted):
        (one,) = kept(EXAMPLES[kind_of(kind)], Pictures.ALARMS)
        assert (one.what, one.place) == (PictureKind.CLIP, Place(PortalId("gate"))), kind
    quiet = ev.ReaderTampered(reader=READER, tampered=False)
    assert kept(quiet, Pictures.ALARMS) == ()
    nowhere = Layout(LAYOUT.policy, {})
    assert kept(EXAMPLES["reader-tampered"], Pictures.ALARMS, nowhere) == ()


def test_a_point_has_clips_at_the_doors_of_its_zone() -> None:
    policy = compiled(POLICY + POINTS)
    alarmed = EXAMPLES[kind_of(ep.PointAlarmed)]
    assert isinstance(alarmed, ep.PointAlarmed)
    found = kept(replace(alarmed, point="fence"), Pictures.ALARMS, Layout(policy, {}))
    doors = {one.id for one in policy.portals if "lobby" in (one.outer, one.inner)}
    assert {str(one.place.portal) for one in found} == doors != set()
    assert kept(alarmed, Pictures.ALARMS, Layout(policy, {})) == (), "a point of another policy"


def test_what_is_sealed_for_those_who_are_told_of_duress_changes_nothing() -> None:
    """The notes of an answer are all that differs, if anything does."""
    for kind, body in EXAMPLES.items():
        if "note" in body.__struct_fields__:
            for note in ("", "A" * NOTE_CHARS, "B" * NOTE_CHARS):
                assert kept(replace(body, note=note), Pictures.DECISIONS) == (), kind
    assert "note" not in ev.DecisionMade.__struct_fields__
    assert not any("duress" in kind for kind in {*CLIPS, *KINDS})
    assert kept(decision(), Pictures.DECISIONS)
