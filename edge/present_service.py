"""What entries about work on devices say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_devices as ed
from controller.body import Body
from controller.events_devices import ServiceStep
from edge.tone import Names, Said, Tone, always, operator

_STEPS: Mapping[ServiceStep, tuple[Tone, str]] = {
    ServiceStep.PAIRING_OPENED: (Tone.NOTICE, "may be paired"),
    ServiceStep.PAIRED: (Tone.NOTICE, "is paired: it has proved its new key"),
    ServiceStep.PAIRING_ENDED: (Tone.NOTICE, "was not paired"),
    ServiceStep.REKEY_BEGUN: (Tone.NOTICE, "is given a new key"),
    ServiceStep.REKEYED: (Tone.NOTICE, "has proved its new key"),
    ServiceStep.KEY_KEPT: (Tone.NOTICE, "has proved its former key, and keeps it"),
    ServiceStep.ACCEPTED: (Tone.NOTICE, "is accepted as it is now"),
    ServiceStep.SPEED_BEGUN: (Tone.NOTICE, "is brought to another speed"),
    ServiceStep.SPEED_CHANGED: (Tone.NOTICE, "has another speed"),
    ServiceStep.SPEED_KEPT: (Tone.FAULT, "stays at its speed"),
    ServiceStep.SPEED_HEARD: (Tone.FAULT, "is at another speed than the edge"),
    ServiceStep.FILE_BEGUN: (Tone.NOTICE, "is sent a file"),
    ServiceStep.FILE_SENT: (Tone.NOTICE, "has the whole file and took it"),
    ServiceStep.FILE_ENDED: (Tone.FAULT, "did not get the file"),
}


def _serviced(body: ed.DeviceServiced, names: Names) -> Said:
    tone, text = _STEPS[body.step]
    detail = f": {body.detail}" if body.detail else ""
    by = "" if body.operator is None else f" by {operator(names)}"
    return tone, f"{body.device} {text}{by}{detail}"


def _power(body: ed.ReaderPowerFailed, _: Names) -> Said:
    if body.failing:
        return Tone.ALARM, f"reader {body.reader}: its power is failing"
    return Tone.NOTICE, f"reader {body.reader}: its power is good again"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    ed.DeviceServiced: _serviced,
    ed.ReaderPowerFailed: _power,
    ed.DeviceChanged: always(
        Tone.ALARM, "device {body.device} is not the one that it was: {body.reason}"
    ),
}
