"""What one device is told: an action as a payload, and whether the device says that it obeyed."""

import math
import re
from collections.abc import Mapping

import msgspec

from drivers.api import Action, Command, Hold, Pulse
from drivers.mqtt_devices.mapping import CommandEntry
from drivers.mqtt_devices.plan import Plan, timer_of
from drivers.telling import MS

PASSAGE_S = 2
"""A release that names no end of its own."""

_PLACEHOLDER = re.compile(r"\{(id|ms|tenths|s|until)\}")


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish: QoS 0, never retained. `expires_s`: nobody needs it after that."""

    topic: str
    payload: bytes
    expires_s: int


class Sent(msgspec.Struct):
    """A command that is on its way, until the device says what it made of it."""

    command: Command
    entry: CommandEntry
    id: int
    on: bool
    sent_ns: int

    @property
    def until_ns(self) -> int:
        """When it counts as lost."""
        return self.sent_ns + self.entry.confirm_s * 1_000 * MS


class RefusedError(ValueError):
    """The device cannot be told that; the message says why."""


def entry_for(action: Action, plan: Plan) -> CommandEntry:
    """How the device is told. Raises RefusedError."""
    if not isinstance(action, (Pulse, Hold)):
        raise RefusedError("its mapping says nothing of lights, sounds or texts")
    entry = plan.commands.get(action.output)
    if entry is None:
        raise RefusedError(f"it has no output {action.output}")
    if isinstance(action, Pulse):
        timer = timer_of([entry])
        assert timer is not None, "a plan times every output"
        if entry.relock_ms is not None and action.for_ms != entry.relock_ms:
            raise RefusedError(f"it is open for {entry.relock_ms} ms each time, and no other time")
        if not timer.step_ms <= action.for_ms <= timer.ms_max or action.for_ms % timer.step_ms:
            raise RefusedError(f"it times {timer.step_ms} to {timer.ms_max} ms, in such steps")
        if not action.on and entry.pulse_off is None:
            raise RefusedError("its mapping has no `pulse-off`: its current cannot be cut for long")
    return entry


def outgoing(
    command: Command, entry: CommandEntry, number: int, now_ns: int, wall_s: float
) -> Outgoing:
    """The message for a command that is due now."""
    action = command.action
    assert isinstance(action, (Pulse, Hold)), "what `entry_for` let pass"
    left_s: float = PASSAGE_S
    if command.not_after_ns is not None:
        left_s = (command.not_after_ns - now_ns) / 1e9
    known = {"id": str(number)}
    if isinstance(action, Pulse):
        template = entry.pulse if action.on else entry.pulse_off
        assert template is not None, "what `entry_for` let pass"
        known |= _lengths(action.for_ms) | {"until": str(math.ceil(wall_s + left_s))}
    else:
        template = entry.on if action.on else entry.off
    return Outgoing(entry.topic, filled(template, known), max(1, math.ceil(left_s)))


def filled(template: str, known: Mapping[str, str]) -> bytes:
    """The payload, its placeholders replaced."""
    return _PLACEHOLDER.sub(lambda found: known[found[1]], template).encode()


def _lengths(for_ms: int) -> dict[str, str]:
    seconds = f"{for_ms / 1000:.3f}".rstrip("0").rstrip(".")
    return {"ms": str(for_ms), "tenths": str(for_ms // 100), "s": seconds}
