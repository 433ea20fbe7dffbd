"""Cameras in the core: what is wrong with them is on record, once for each change."""

from collections.abc import Callable

from controller.body import clipped
from controller.events_cameras import CameraFaulted, CameraRestored
from controller.inputs import Input
from controller.inputs_devices import CameraHeard
from controller.turn import Turn


def _on_heard(turn: Turn, fact: CameraHeard) -> None:
    before = turn.state.cameras.get(fact.camera, ())
    about = clipped(fact.about)
    if fact.faults and fact.faults != before:
        turn.record(
            CameraFaulted(camera=fact.camera, portal=fact.portal, faults=fact.faults, about=about)
        )
    elif before and not fact.faults:
        turn.record(CameraRestored(camera=fact.camera, portal=fact.portal, about=about))


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    CameraHeard: _on_heard,
}
