"""Templates of faces in the core: who has one, by which entry, and until when."""

from collections.abc import Callable

from controller.body import clipped
from controller.events_faces import (
    VIEWS_MAX,
    FaceEnd,
    FaceEnrolled,
    FaceErased,
    FaceUnsound,
    TemplatesResealed,
)
from controller.holders import Directory
from controller.inputs import Input
from controller.inputs_faces import (
    FaceEnrolAsked,
    FaceEraseAsked,
    FaceUnsoundFound,
    TemplatesResealedHeard,
)
from controller.ledger import commitment
from controller.state import SiteState
from controller.turn import Turn


def why_not_enrolled(state: SiteState, directory: Directory, asked: FaceEnrolAsked) -> str | None:
    """Why a template is not put on file; None where it may be."""
    if not state.recorded:
        return "the journal cannot be written; a template that is not on record is none"
    known = directory.holders.get(asked.holder)
    if known is None:
        return "nobody knows the person"
    if not known.facts.biometrics:
        return "the person gives no face and no finger"
    if asked.version <= state.faces_version:
        return "another template was put on file meanwhile"
    if not 1 <= asked.views <= VIEWS_MAX:
        return f"a template has {VIEWS_MAX} views at most"
    return None


def on_enrol_asked(turn: Turn, asked: FaceEnrolAsked) -> None:
    """Record that it is on file; or nothing."""
    if why_not_enrolled(turn.state, turn.directory, asked) is not None:
        return
    enrolled = FaceEnrolled(
        holder=asked.holder,
        version=asked.version,
        model=clipped(asked.model),
        views=asked.views,
        compared=asked.compared,
        alike=asked.alike,
        note=clipped(asked.note),
        consent=commitment(asked.consent),
        operator=commitment(asked.operator),
    )
    turn.record(enrolled, asked.consent, asked.operator)


def on_erase_asked(turn: Turn, asked: FaceEraseAsked) -> None:
    """Record that it goes, while that can be recorded."""
    version = turn.state.faces.get(asked.holder)
    if version is None or not turn.state.recorded:
        return
    erased = FaceErased(
        holder=asked.holder,
        version=version,
        cause=FaceEnd.ASKED,
        operator=commitment(asked.operator),
    )
    turn.record(erased, asked.operator)


def settle_faces(turn: Turn) -> None:
    """Whoever is known no more has no template, and neither has who does not give her face."""
    for holder, version in sorted(turn.state.faces.items()):
        known = turn.directory.holders.get(holder)
        if known is None or not known.facts.biometrics:
            cause = FaceEnd.HOLDER_GONE if known is None else FaceEnd.DECLINED
            turn.record(FaceErased(holder=holder, version=version, cause=cause))


def _on_unsound(turn: Turn, fact: FaceUnsoundFound) -> None:
    """Of the one in force alone."""
    if turn.state.faces.get(fact.holder) == fact.version:
        unsound = FaceUnsound(holder=fact.holder, version=fact.version, reason=clipped(fact.reason))
        turn.record(unsound)


def on_resealed(turn: Turn, fact: TemplatesResealedHeard) -> None:
    """Put it on record."""
    resealed = TemplatesResealed(
        key=fact.key,
        former=fact.former,
        templates=fact.templates,
    )
    turn.record(resealed)


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    FaceEnrolAsked: on_enrol_asked,
    FaceEraseAsked: on_erase_asked,
    FaceUnsoundFound: _on_unsound,
    TemplatesResealedHeard: on_resealed,
}
