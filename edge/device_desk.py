"""What people ask of the running daemon about its devices: `edge.control.desk_devices.Devices`."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from drivers.api import InputState
from edge.config import Config
from edge.control.messages_devices import (
    DEVICES_MAX,
    SPOKEN_MAX,
    DeviceShown,
    DevicesReply,
    InputShown,
    OutputShown,
    SpokenShown,
    TraceReply,
    WorkedShown,
)
from edge.daemon import Daemon
from edge.device_taps import Listening, Taps
from edge.device_words import Driven, Wired, inputs_of, outputs_of, readers_of
from edge.option_words import place_of, way_of
from policies.problems import did_you_mean

log = logging.getLogger(__name__)


class DeviceDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, config: Config) -> None:
        self._daemon = daemon
        self._config = config
        self._specs = {
            device.name: (driver, line, device)
            for driver, line in config.lines.values()
            for device in line.devices
        }
        self._taps = Taps(daemon.drivers)
        self._wired = {device: inputs_of(config, device) for device in self._specs}

    def read(self, begin: int) -> DevicesReply:
        """As `edge.control.desk_devices.Devices` has it."""
        names = list(self._specs)[begin:]
        return self._reply(names[:DEVICES_MAX], more=len(names) > DEVICES_MAX)

    async def follow(self) -> AsyncIterator[DevicesReply]:
        """As `edge.control.desk_devices.Devices` has it."""
        book, told = self._daemon.devices, -1
        while True:
            newest = book.changes
            names = [name for name in self._specs if told < 0 or book.of(name).change > told]
            told = newest
            for at in range(0, len(names), DEVICES_MAX):
                more = at + DEVICES_MAX < len(names)
                yield self._reply(names[at : at + DEVICES_MAX], more=more)
            await book.wait_beyond(told)

    async def trace(self, name: str, operator: str) -> AsyncGenerator[TraceReply, None]:
        """As `edge.control.desk_devices.Devices` has it."""
        line, device = name, ""
        if name not in self._config.lines and name in self._specs:
            line, device = self._specs[name][1].name, name
        if line not in self._config.lines:
            known = [*self._config.lines, *self._specs]
            hint = did_you_mean(name, known) or "`sentrypost device list` names them"
            yield TraceReply(reason=f"no line and no device '{name}'", remedy=hint)
            return
        log.info("%s watches what passes on line %s", operator, line)
        driver = self._config.lines[line][0]
        with self._taps.listening(line, device) as heard:
            yield TraceReply(line=line, driver=driver)
            while True:
                await heard.some()
                yield self._spoken(heard, line, driver)

    def _spoken(self, heard: Listening, line: str, driver: str) -> TraceReply:
        now = self._daemon.now()
        offset_us = now.utc_us - now.mono_us
        spoken, missed = heard.take(SPOKEN_MAX)
        return TraceReply(
            line=line,
            driver=driver,
            spoken=tuple(
                SpokenShown(
                    utc_us=offset_us + one.at_ns // 1_000,
                    device=one.device,
                    outgoing=one.outgoing,
                    text=one.text,
                    frame=one.frame,
                )
                for one in spoken
            ),
            missed=missed,
        )

    def _reply(self, names: Sequence[str], *, more: bool) -> DevicesReply:
        return DevicesReply(
            timezone=self._daemon.site.policy.timezone,
            utc_us=self._daemon.now().utc_us,
            devices=tuple(self._shown(name) for name in names),
            more=more,
        )

    def _shown(self, name: str) -> DeviceShown:
        driver, line, spec = self._specs[name]
        known = self._daemon.devices.of(name)
        outputs = outputs_of(self._config, self._daemon.site.policy, name)
        return DeviceShown(
            id=name,
            line=line.name,
            driver=driver,
            way=way_of(line.options),
            place=place_of(spec.options),
            serves=readers_of(self._config, name),
            online=known.online,
            since_utc_us=known.since_utc_us,
            heard_utc_us=known.heard_utc_us,
            secure=known.secure,
            identity=known.identity,
            reason=known.reason,
            tampered=known.tampered,
            power_failing=known.power_failing,
            doubt=known.doubt,
            doubt_utc_us=known.doubt_utc_us,
            cards=known.cards,
            card_bits=known.card_bits,
            unread=known.unread,
            keys=known.keys,
            inputs=tuple(
                _input(number, known.inputs, self._wired[name].get(number))
                for number in range(_count(spec.options.inputs, known.inputs))
            ),
            outputs=tuple(
                _output(number, known.outputs, outputs.get(number))
                for number in range(_count(spec.options.outputs, known.outputs))
            ),
            worked=tuple(
                WorkedShown(part=part, outcome=one.outcome, utc_us=one.utc_us, reason=one.reason)
                for part, one in sorted(known.worked.items())
            ),
        )


POINTS_SHOWN_MAX = 64


def _count(configured: int, told: Sequence[object] | None) -> int:
    """A device may have more than are wired; it cannot fill a frame with them."""
    return min(POINTS_SHOWN_MAX, max(configured, len(told or ())))


def _input(number: int, states: tuple[InputState, ...] | None, wired: Wired | None) -> InputShown:
    state = None if states is None or number >= len(states) else states[number]
    if wired is None:
        return InputShown(number=number, state=state, wired="", word="")
    word = "unknown" if states is None else wired.word(states)
    return InputShown(number=number, state=state, wired=wired.what, word=word)


def _output(number: int, states: tuple[bool, ...] | None, driven: Driven | None) -> OutputShown:
    on = None if states is None or number >= len(states) else states[number]
    if driven is None:
        return OutputShown(number=number, on=on, wired="", word="")
    word = "unknown" if on is None else driven.on if on else driven.off
    return OutputShown(number=number, on=on, wired=driven.what, word=word)
