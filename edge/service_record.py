"""What somebody does to a device, or what came of it, on record."""

from controller.events_devices import ServiceStep
from controller.inputs_devices import DeviceServiceHeard
from edge.daemon import Daemon


def note_service(
    daemon: Daemon, device: str, step: ServiceStep, detail: str, operator: str | None = None
) -> None:
    """Have it recorded. `operator`: who did it, where somebody did."""
    who = None if operator is None else daemon.personal("operator", operator)
    daemon.judge(
        DeviceServiceHeard(
            id=daemon.new_id(), device=device, step=step, detail=detail, operator=who
        )
    )


async def service_on_record(
    daemon: Daemon, device: str, step: ServiceStep, detail: str, operator: str | None = None
) -> bool:
    """Have it recorded, and wait; whether it is on the disk."""
    note_service(daemon, device, step, detail, operator)
    await daemon.recorder.drained()
    return not daemon.recorder.down
