"""A device of the site file with what is known of it, as it goes over the control socket."""

from collections.abc import Sequence

from drivers.api import InputState
from edge.config import Config
from edge.control.messages_devices import DeviceShown, InputShown, OutputShown, WorkedShown
from edge.device_book import Known
from edge.device_words import Driven, Wired, inputs_of, outputs_of, readers_of
from edge.option_words import place_of, way_of
from policies.compiled import CompiledPolicy

POINTS_SHOWN_MAX = 64


class Showing:
    """The devices of one site file."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._specs = {
            device.name: (driver, line, device)
            for driver, line in config.lines.values()
            for device in line.devices
        }
        self._wired = {device: inputs_of(config, device) for device in self._specs}
        self.names = tuple(self._specs)

    def line_of(self, device: str) -> str:
        """The name of the line that it hangs on."""
        return self._specs[device][1].name

    def shown(self, name: str, known: Known, policy: CompiledPolicy) -> DeviceShown:
        """One of them, with what is known of it."""
        driver, line, spec = self._specs[name]
        outputs = outputs_of(self._config, policy, name)
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
