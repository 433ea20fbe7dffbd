"""What entries about cameras say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_cameras as ec
from controller.body import Body
from edge.tone import Names, Said, Tone, always


def _faulted(body: ec.CameraFaulted, _: Names) -> Said:
    what = ", ".join(body.faults)
    about = f": {body.about}" if body.about else ""
    return Tone.ALARM, f"camera {body.camera} at {body.portal} is {what}{about}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    ec.CameraFaulted: _faulted,
    ec.CameraRestored: always(Tone.NOTICE, "camera {body.camera} at {body.portal} sees again"),
}
