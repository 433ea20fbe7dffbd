"""What is known of one device's inputs, outputs and housing, and what of it is news."""

from collections.abc import Callable

from drivers.api import Fact, InputsReported, InputState, OutputsReported, TamperReported
from drivers.mqtt_devices.mapping import InputEntry
from drivers.mqtt_devices.payload import InputRead, OutputRead
from drivers.mqtt_devices.plan import Plan
from drivers.telling import MS


class Points:
    """From one coming back to the next; `emit` hears of changes once `report` was called."""

    def __init__(self, plan: Plan, emit: Callable[[Fact], None]) -> None:
        self._plan, self._emit = plan, emit
        lasting = {
            rule.number
            for rule in plan.rules
            if isinstance(rule, InputEntry) and rule.falls_after_ms is None
        }
        self._buttons = set(range(plan.inputs)) - lasting
        self.forget()

    def forget(self) -> None:
        """The device is away: whatever it says next is news."""
        self._inputs = dict.fromkeys(self._buttons, InputState.INACTIVE)
        self._remembered: set[int] = set()
        self._falls: dict[int, int] = {}
        self._outputs: dict[int, bool] = {}
        self._tampered: bool | None = None
        self._is_news()

    def remember(self) -> None:
        """The device was away for a moment and nobody noticed: what it has said is how things
        stood, and nobody asks for anything by it.
        """
        self._inputs |= dict.fromkeys(self._buttons, InputState.INACTIVE)
        self._remembered |= self._inputs.keys() - self._buttons
        self._falls.clear()
        self._is_news()

    def _is_news(self) -> None:
        self._told_inputs: tuple[object, ...] | None = None
        self._told_outputs: tuple[bool, ...] | None = None
        self._told_tampered: bool | None = None

    def read_input(self, read: InputRead, now_ns: int, *, fresh: bool) -> None:
        """Without `fresh` it is how things stand, and a button was not pressed now."""
        if read.falls_after_ms is not None:
            if fresh:
                self._inputs[read.number] = InputState.ACTIVE
                self._falls[read.number] = now_ns + read.falls_after_ms * MS
            return
        if read.active is None:
            self._inputs[read.number] = InputState.CUT
        else:
            self._inputs[read.number] = InputState.ACTIVE if read.active else InputState.INACTIVE
        self._falls.pop(read.number, None)
        (self._remembered.discard if fresh else self._remembered.add)(read.number)

    def read_output(self, read: OutputRead) -> None:
        self._outputs[read.number] = read.on

    def read_tamper(self, tampered: bool) -> None:
        self._tampered = tampered

    def handle_deadline(self, now_ns: int) -> None:
        """Buttons are let go of."""
        for number in [one for one, at_ns in self._falls.items() if at_ns <= now_ns]:
            del self._falls[number]
            self._inputs[number] = InputState.INACTIVE

    @property
    def is_told(self) -> bool:
        """The inputs were told since the device came back, or there are none."""
        return self._told_inputs is not None or not self._plan.inputs

    def deadline(self) -> int | None:
        return min(self._falls.values(), default=None)

    def report(self, now_ns: int, *, complete: bool) -> None:
        """Tell what changed. An input that said nothing counts as cut once `complete` is due."""
        device, numbers = self._plan.device, range(self._plan.inputs)
        if numbers and (complete or len(self._inputs) == len(numbers)):
            states = tuple(self._inputs.get(one, InputState.CUT) for one in numbers)
            remembered = tuple(sorted(self._remembered))
            if (states, remembered) != self._told_inputs:
                self._told_inputs = states, remembered
                self._emit(
                    InputsReported(
                        device=device, at_ns=now_ns, states=states, remembered=remembered
                    )
                )
        if self._outputs and len(self._outputs) == self._plan.outputs:
            outputs = tuple(self._outputs[one] for one in range(self._plan.outputs))
            if outputs != self._told_outputs:
                self._told_outputs = outputs
                self._emit(OutputsReported(device=device, at_ns=now_ns, states=outputs))
        if self._tampered is not None and self._tampered is not self._told_tampered:
            self._told_tampered = self._tampered
            self._emit(
                TamperReported(
                    device=device, at_ns=now_ns, tampered=self._tampered, power_failing=False
                )
            )
