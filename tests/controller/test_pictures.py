"""What is kept of cameras is recorded, and nothing that decides anything changes by it."""

from msgspec.structs import replace

from controller import events_pictures as epi
from controller.body import TEXT_CHARS_MAX
from controller.events import decode_body, decode_entry, encode
from controller.events_pictures import ERASED_MAX, PictureEnd, PicturesErased, PictureShown
from controller.ids import HolderId, InputId
from controller.inputs_pictures import PictureAsked, PictureLacking, PicturesEnding, PictureStored
from controller.ledger import Personal
from tests.controller.support import calm
from tests.golden.examples_pictures import PICTURES

KEPT, MISSED = PICTURES[0], PICTURES[1]
assert isinstance(KEPT, epi.PictureKept)
assert isinstance(MISSED, epi.PictureMissed)
OPERATOR = Personal("operator", "Officer", "ab" * 16)


def test_pictures_are_recorded_as_they_are_and_wish_for_nothing() -> None:
    rig = calm()
    before = rig.site.state
    facts = (
        PictureStored(id=InputId("1"), kept=KEPT),
        PictureLacking(id=InputId("2"), missed=MISSED),
        PicturesEnding(id=InputId("3"), pictures=("aa" * 16,), why=PictureEnd.TIME_OVER),
        PictureAsked(id=InputId("4"), picture=KEPT.picture, operator=OPERATOR, reason="x" * 9_999),
    )
    for fact in facts:
        outcome = rig.feed(fact)
        assert not outcome.effects
        for event in outcome.events:
            assert decode_body(decode_entry(encode(event))) == event.body
    bodies = [event.body for event in rig.events[-4:]]
    assert bodies[:2] == [KEPT, MISSED]
    assert isinstance(bodies[3], PictureShown)
    assert len(bodies[3].reason) == TEXT_CHARS_MAX
    assert OPERATOR in rig.events[-1].personal
    assert replace(rig.site.state, seq=before.seq) == before


def test_however_many_are_erased_each_entry_is_one_that_can_be_read_back() -> None:
    rig = calm()
    many = tuple(f"{number:032x}" for number in range(2 * ERASED_MAX + 1))
    outcome = rig.feed(
        PicturesEnding(
            id=InputId("1"), pictures=many, why=PictureEnd.PERSON_ERASED, holder=HolderId("h1")
        )
    )
    bodies = [decode_body(decode_entry(encode(event))) for event in outcome.events]
    parts = [body.pictures for body in bodies if isinstance(body, PicturesErased)]
    assert [len(part) for part in parts] == [ERASED_MAX, ERASED_MAX, 1]
    assert sum(parts, ()) == many
