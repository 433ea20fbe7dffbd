"""What the outputs of one device were told to be for good, to notice one that is something else."""

from drivers.api import Hold, Pulse
from drivers.mqtt_devices.orders import Sent
from drivers.mqtt_devices.payload import OutputRead
from drivers.mqtt_devices.plan import Plan
from drivers.telling import MS


class Resting:
    """From one coming back to the next. A lock that turns back by itself rests nowhere else."""

    def __init__(self, plan: Plan) -> None:
        self._stays = {number for number, one in plan.commands.items() if one.relock_ms is None}
        self.forget()

    def forget(self) -> None:
        """The device is away: whatever is in force is said to it again."""
        self._told: dict[int, bool] = {}
        self._latest: dict[int, int] = {}
        self._moves_until_ns: dict[int, int] = {}

    def sent(self, sent: Sent) -> None:
        """An order is on its way: until it is through, its output may be either."""
        match sent.command.action:
            case Hold(output=output):
                self._told.pop(output, None)
                self._latest[output] = sent.id
                self._moves_until_ns.pop(output, None)
            case Pulse(output=output, for_ms=for_ms):
                self._moves_until_ns[output] = sent.until_ns + for_ms * MS
            case _:
                pass

    def obeyed(self, sent: Sent) -> None:
        """The device has said so."""
        action = sent.command.action
        if not isinstance(action, Hold) or action.output not in self._stays:
            return
        if self._latest.get(action.output) == sent.id:
            self._told[action.output] = action.on

    def is_broken(self, read: OutputRead, now_ns: int) -> bool:
        """Whether an output is not what it was told, and no pulse of ours explains it."""
        told = self._told.get(read.number, read.on)
        return told is not read.on and now_ns >= self._moves_until_ns.get(read.number, 0)
