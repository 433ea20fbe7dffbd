"""What is kept of cameras changes nothing that decisions rest on: it is put on record."""

from collections.abc import Callable

from controller.body import clipped
from controller.events_pictures import ERASED_MAX, PicturesErased, PictureShown
from controller.inputs import Input
from controller.inputs_pictures import PictureAsked, PictureLacking, PicturesEnding, PictureStored
from controller.ledger import commitment
from controller.turn import Turn


def _on_stored(turn: Turn, fact: PictureStored) -> None:
    turn.record(fact.kept)


def _on_lacking(turn: Turn, fact: PictureLacking) -> None:
    turn.record(fact.missed)


def on_ending(turn: Turn, fact: PicturesEnding) -> None:
    """As many entries as it takes."""
    for at in range(0, len(fact.pictures), ERASED_MAX):
        part = fact.pictures[at : at + ERASED_MAX]
        turn.record(PicturesErased(pictures=part, why=fact.why, holder=fact.holder))


def on_asked(turn: Turn, fact: PictureAsked) -> None:
    shown = PictureShown(
        picture=fact.picture, operator=commitment(fact.operator), reason=clipped(fact.reason)
    )
    turn.record(shown, fact.operator)


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    PictureStored: _on_stored,
    PictureLacking: _on_lacking,
    PicturesEnding: on_ending,
    PictureAsked: on_asked,
}
