"""All devices of one broker, sans-I/O: what comes in is given to each, what goes out is asked of
each in turn.
"""

from collections import deque
from collections.abc import Sequence
from itertools import count

from drivers.api import Command, Fact, Spoken, Stands, Tap
from drivers.mqtt_devices.device import Device
from drivers.mqtt_devices.masking import masked
from drivers.mqtt_devices.orders import Outgoing
from drivers.mqtt_devices.plan import Plan
from drivers.mqtt_topics import matches

TOPICS_MAX = 4096
"""So many topics are remembered with whose they are; a site's devices have a few each."""


class Field:
    """`first_number`: where the ids of messages begin; drawn at random, so that an answer to an
    earlier run answers nothing of this one. Times are monotonic nanoseconds and Unix seconds.
    `tap` hears every message.
    """

    def __init__(self, plans: Sequence[Plan], first_number: int) -> None:
        self._facts: deque[Fact] = deque()
        numbers = count(first_number)
        self._devices = {
            plan.device: Device(plan, self._facts.append, lambda: next(numbers)) for plan in plans
        }
        self._by_topic: dict[str, tuple[Device, ...]] = {}
        self._stands: Stands | None = None
        self.tap: Tap | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(self._devices)

    @property
    def filters(self) -> tuple[str, ...]:
        """What has to be subscribed."""
        plans = (device.plan for device in self._devices.values())
        return tuple(sorted(frozenset().union(*(plan.filters for plan in plans))))

    def start(self, now_ns: int, stands: Stands) -> None:
        """The subscriptions stand. `stands` is asked for every command when it is due."""
        self._stands = stands
        for device in self._devices.values():
            device.connected(now_ns)

    def stop(self, now_ns: int, reason: str) -> None:
        """The broker is gone: every device is reported offline and every command ends."""
        for device in self._devices.values():
            device.disconnected(now_ns, reason)

    def submit(self, command: Command, now_ns: int) -> None:
        """Queue a command. Raises ValueError for a device that is not here."""
        if command.device not in self._devices:
            raise ValueError(f"no device '{command.device}' on this line")
        self._devices[command.device].submit(command, now_ns)

    def receive(
        self, topic: str, payload: bytes, *, retained: bool, now_ns: int, wall_s: float
    ) -> None:
        """A message came. Anything may come."""
        for device in self._listeners(topic):
            if self.tap is not None:
                self._watch_incoming(device.plan, topic, payload, now_ns, retained=retained)
            device.receive(topic, payload, retained=retained, now_ns=now_ns, wall_s=wall_s)

    def next_to_send(self, now_ns: int, wall_s: float) -> Outgoing | None:
        """What goes out now; asked until there is nothing more."""
        if self._stands is None:
            return None
        for name, device in self._devices.items():
            message = device.next_to_send(now_ns, wall_s, self._stands)
            if message is not None:
                if self.tap is not None:
                    text = f"{message.topic} {message.payload.decode()}"
                    self.tap(Spoken(at_ns=now_ns, device=name, outgoing=True, text=text))
                return message
        return None

    def next_fact(self) -> Fact | None:
        """The next fact in the order in which they came to be."""
        return self._facts.popleft() if self._facts else None

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed. Harmless at any time."""
        for device in self._devices.values():
            device.handle_deadline(now_ns)

    def deadline(self) -> int | None:
        """When `handle_deadline` and `next_to_send` are to be called at the latest."""
        due = (device.deadline() for device in self._devices.values())
        return min((one for one in due if one is not None), default=None)

    def _listeners(self, topic: str) -> tuple[Device, ...]:
        """The devices that a message of this topic may be about."""
        found = self._by_topic.get(topic)
        if found is None:
            if len(self._by_topic) >= TOPICS_MAX:
                self._by_topic.clear()  # a wildcard lets devices make up as many as they like
            found = tuple(
                device
                for device in self._devices.values()
                if any(matches(one, topic) for one in device.plan.filters)
            )
            self._by_topic[topic] = found
        return found

    def _watch_incoming(
        self, plan: Plan, topic: str, payload: bytes, now_ns: int, *, retained: bool
    ) -> None:
        """By the filter and not by the topic, where a wildcard may stand for a badge."""
        found = [one for one in sorted(plan.filters) if matches(one, topic)]
        if found and self.tap is not None:
            kept = "retained " if retained else ""
            text = f"{found[0]} {kept}{masked(plan, topic, payload)}"
            self.tap(Spoken(at_ns=now_ns, device=plan.device, outgoing=False, text=text))
