"""Whether one device is there: by its own word, by its answers, by how long it is silent."""

from drivers.mqtt_devices.mapping import AvailabilityEntry
from drivers.mqtt_devices.plan import Plan

SECOND = 1_000_000_000
OPEN_MAX = 8
"""So many questions are remembered that a device has not answered."""

UNHEARD = "it has not been heard since we are connected to the broker"
UNAVAILABLE = "it has not said that it is online"
SAID_OFFLINE = "it said that it is offline, or its last will did"
UNANSWERED = "it does not answer"


class Presence:
    """Of one device, on one connection to the broker at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._topics = {one.topic for one in plan.rules if isinstance(one, AvailabilityEntry)}
        self._silent_ns = None if plan.silent_after_s is None else plan.silent_after_s * SECOND
        ask = plan.ask
        self._every_ns = 0 if ask is None else ask.every_s * SECOND
        self._within_ns = 0 if ask is None else ask.within_s * SECOND
        self.connected(0)

    def connected(self, now_ns: int) -> None:
        """A new connection: everything has to be said anew."""
        self._said: dict[str, bool] = {}
        self._heard_ns: int | None = None
        self._asked_ns: int | None = None
        self._open: dict[int, int] = {}
        self._answered = False
        self._ask_ns = now_ns

    def available(self, topic: str, online: bool, now_ns: int, *, retained: bool) -> bool:
        """The device, its last will, or the broker in its place has said so. Returns whether it was
        away without a word of it: nobody comes twice without having gone. A session that another
        connection takes over has no last will.
        """
        again = online and not retained and self._said.get(topic) is True
        if again or (online and self._said.get(topic) is not True):
            self._answered, self._asked_ns, self._ask_ns = False, None, now_ns
            self._open.clear()
        self._said[topic] = online
        return again

    def heard(self, now_ns: int) -> None:
        """It said something now."""
        self._heard_ns = now_ns

    def asked(self, number: int, now_ns: int) -> None:
        """The question of this number was sent."""
        self._open[number] = now_ns
        if len(self._open) > OPEN_MAX:
            del self._open[next(iter(self._open))]
        if self._asked_ns is None:
            self._asked_ns = now_ns
        self._ask_ns = now_ns + min(self._every_ns, self._within_ns)

    def answered(self, number: int | None, now_ns: int) -> int | None:
        """The answer came; when the question was sent, if it was. `number` is what it repeats, if
        it does: to a question that is not open there is no answer.
        """
        asked_ns = self._asked_ns
        if number is not None:
            if number not in self._open:
                return None
            asked_ns = self._open[number]
        self._asked_ns = None
        self._open.clear()
        self._answered, self._ask_ns = True, now_ns + self._every_ns
        return asked_ns

    @property
    def is_asked(self) -> bool:
        """A question waits for its answer."""
        return self._asked_ns is not None

    def is_to_ask(self, now_ns: int) -> bool:
        """It is time to ask. A device that is not there is not asked: the question might wait."""
        return self._plan.ask is not None and self._may_answer() and now_ns >= self._ask_ns

    def why_away(self, now_ns: int) -> str | None:
        """Why it cannot be counted on now, for people; None where it can."""
        if False in self._said.values():
            return SAID_OFFLINE
        if self._said.keys() != self._topics:
            return UNAVAILABLE
        if self._plan.ask is not None:
            late = self._asked_ns is not None and now_ns - self._asked_ns >= self._within_ns
            if late or not self._answered:
                return UNANSWERED
        if self._silent_ns is not None:
            if self._heard_ns is None:
                return UNHEARD
            if now_ns - self._heard_ns >= self._silent_ns:
                return f"it is silent for {self._plan.silent_after_s} s"
        return None

    def deadline(self, *, there: bool) -> int | None:
        """When `is_to_ask` or `why_away` may come to say something else by time alone; `there`: it
        is counted on until then.
        """
        due = []
        if self._plan.ask is not None and self._may_answer():
            due.append(self._ask_ns)
        if there and self._asked_ns is not None:
            due.append(self._asked_ns + self._within_ns)
        if there and self._silent_ns is not None and self._heard_ns is not None:
            due.append(self._heard_ns + self._silent_ns)
        return min(due, default=None)

    def _may_answer(self) -> bool:
        return self._said.keys() == self._topics and all(self._said.values())
