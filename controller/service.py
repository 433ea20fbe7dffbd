"""What is done to devices by hand changes nothing that decisions rest on: it is put on record."""

from collections.abc import Callable

from controller.body import clipped
from controller.events_devices import DeviceChanged, DeviceServiced
from controller.inputs import Input
from controller.inputs_devices import DeviceChangeHeard, DeviceServiceHeard
from controller.ledger import commitment
from controller.turn import Turn


def _on_service(turn: Turn, fact: DeviceServiceHeard) -> None:
    who = None if fact.operator is None else commitment(fact.operator)
    body = DeviceServiced(
        device=fact.device, step=fact.step, detail=clipped(fact.detail), operator=who
    )
    turn.record(body, fact.operator)


def _on_change(turn: Turn, fact: DeviceChangeHeard) -> None:
    turn.record(DeviceChanged(device=fact.device, reason=clipped(fact.reason)))


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    DeviceServiceHeard: _on_service,
    DeviceChangeHeard: _on_change,
}
