"""Templates of faces in the core: numbered, on record, and gone with the person."""

import pytest
from msgspec.structs import replace

from controller import events as ev
from controller import events_faces as ef
from controller.body import Body
from controller.erasures import subjects
from controller.events import decode_entry, encode
from controller.ids import HolderId, InputId
from controller.inputs import DirectoryReplaced, JournalFailed, PersonEraseAsked
from controller.inputs_faces import (
    FaceEnrolAsked,
    FaceEraseAsked,
    FaceUnsoundFound,
    TemplatesResealedHeard,
)
from controller.ledger import Personal, commitment
from controller.site import Outcome
from controller.state import digest, restore, snapshot
from tests.controller.support import Rig, calm, directory

ANN, BOB = HolderId("h-ann"), HolderId("h-bob")
OPERATOR = Personal("operator", "Officer", "ab" * 16)
CONSENT = Personal("consent", "2026-11-22: signed form 7", "cd" * 16)
ENROL = FaceEnrolAsked(
    id=InputId("1"),
    holder=ANN,
    version=1,
    model="model-1",
    views=4,
    compared=3,
    alike=1,
    note="note-1",
    consent=CONSENT,
    operator=OPERATOR,
)
ERASE = FaceEraseAsked(id=InputId("2"), holder=ANN, operator=OPERATOR)


def bodies(outcome: Outcome) -> list[Body]:
    return [event.body for event in outcome.events]


def test_an_enrolment_is_on_record_with_its_consent_beside_it() -> None:
    rig = calm()
    (event,) = rig.feed(ENROL).events
    assert event.body == ef.FaceEnrolled(
        holder=ANN,
        version=1,
        model="model-1",
        views=4,
        compared=3,
        alike=1,
        note="note-1",
        consent=commitment(CONSENT),
        operator=commitment(OPERATOR),
    )
    assert event.personal == (CONSENT, OPERATOR)
    assert b"signed form" not in encode(event)
    whose = subjects(decode_entry(encode(event)))
    assert whose == {"consent": ANN}, "an erasure takes the consent's words"
    assert rig.site.state.faces == {ANN: 1}
    assert digest(restore(snapshot(rig.site.state))) == digest(rig.site.state)


@pytest.mark.parametrize(
    "change",
    [{"version": 5}, {"version": 4}, {"holder": HolderId("h-nobody")}, {"views": 0}, {"views": 65}],
)
def test_no_number_comes_twice_and_nobody_unknown_is_enrolled(change: dict[str, object]) -> None:
    rig = calm()
    rig.feed(replace(ENROL, version=5))
    before = rig.site.state
    assert rig.feed(replace(ENROL, version=6, holder=BOB)).events
    rig.site.state = before
    assert rig.feed(replace(ENROL, **{"version": 6} | change)).events == ()
    assert rig.site.state == before


def test_a_number_that_was_erased_is_never_given_again() -> None:
    rig = calm()
    rig.feed(ENROL)
    (erased,) = bodies(rig.feed(ERASE))
    assert erased == ef.FaceErased(
        holder=ANN, version=1, cause=ef.FaceEnd.ASKED, operator=commitment(OPERATOR)
    )
    assert rig.site.state.faces == {}
    assert rig.feed(ERASE).events == (), "there is nothing to erase any more"
    assert rig.feed(ENROL).events == ()
    assert rig.feed(replace(ENROL, version=2)).events


def test_what_cannot_be_recorded_changes_nothing() -> None:
    rig = calm()
    rig.feed(ENROL)
    rig.feed(JournalFailed(id=InputId("3"), reason="no space"))
    assert rig.feed(replace(ENROL, version=2, holder=BOB)).events == ()
    assert rig.feed(ERASE).events == ()
    assert rig.site.state.faces == {ANN: 1}


def test_whoever_is_known_no_more_has_no_template() -> None:
    rig = calm()
    rig.feed(ENROL)
    rig.feed(replace(ENROL, version=2, holder=BOB))
    without = directory(9).after(version=10, holders_gone=[ANN])
    told = bodies(rig.feed(DirectoryReplaced(id=InputId("4"), directory=without)))
    gone = ef.FaceErased(holder=ANN, version=1, cause=ef.FaceEnd.HOLDER_GONE)
    assert [body for body in told if isinstance(body, ef.FaceErased)] == [gone]
    assert rig.site.state.faces == {BOB: 2}


def test_who_is_erased_has_no_template() -> None:
    rig = calm()
    rig.feed(ENROL)
    rig.feed(
        PersonEraseAsked(
            id=InputId("5"),
            holder=ANN,
            reason="asked for",
            operator=OPERATOR,
            searched=1,
            values=(),
            even_inside=True,
        )
    )
    assert rig.site.state.faces == {}


def unsound(rig: Rig, version: int) -> list[Body]:
    found = FaceUnsoundFound(id=InputId("6"), holder=ANN, version=version, reason="é" * 900)
    return bodies(rig.feed(found))


def test_an_unsound_template_is_told_of_where_it_is_the_one_in_force() -> None:
    rig = calm()
    rig.feed(replace(ENROL, version=7))
    assert unsound(rig, 6) == []
    (told,) = unsound(rig, 7)
    assert isinstance(told, ef.FaceUnsound)
    assert rig.site.state.faces == {ANN: 7}
    assert ev.KINDS["face-unsound"] is ef.FaceUnsound


def test_who_gives_her_face_no_more_has_no_template_and_gets_none() -> None:
    rig = calm()
    rig.feed(ENROL)
    ann = directory(9).holders[ANN]
    declines = replace(ann, facts=replace(ann.facts, biometrics=False))
    people = directory(9).after(version=10, holders=[declines])
    told = bodies(rig.feed(DirectoryReplaced(id=InputId("4"), directory=people)))
    declined = ef.FaceErased(holder=ANN, version=1, cause=ef.FaceEnd.DECLINED)
    assert [body for body in told if isinstance(body, ef.FaceErased)] == [declined]
    assert rig.feed(replace(ENROL, version=2)).events == ()


def test_another_key_is_on_record() -> None:
    rig = calm()
    (told,) = bodies(
        rig.feed(TemplatesResealedHeard(id=InputId("7"), key="ab", former="cd", templates=2))
    )
    assert told == ef.TemplatesResealed(key="ab", former="cd", templates=2)
