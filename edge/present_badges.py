"""What entries about badges that are put on file say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_badges as eb
from controller.body import Body
from edge.tone import Names, Said, Tone, operator

_STEPS = {
    eb.SeekStep.BEGAN: "a badge for {holder} is waited for: the next new one there is no attempt",
    eb.SeekStep.ENROLLED: "the badge that was waited for is there, for {holder}",
    eb.SeekStep.REFUSED: "the badge that was shown is not put on file for {holder}",
    eb.SeekStep.LATE: "no badge came for {holder}: it is waited for no more",
    eb.SeekStep.GIVEN_UP: "a badge for {holder} is waited for no more",
}


def _sought(body: eb.BadgeSought, names: Names) -> Said:
    said = _STEPS[body.step].format(holder=body.holder)
    return Tone.NOTICE, f"{body.reader}: {said}; by {operator(names)}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {eb.BadgeSought: _sought}
