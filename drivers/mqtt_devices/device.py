"""One device at the broker, sans-I/O: messages and time in, facts and messages out.

Never acted on: what the broker had kept (retained), what came twice, what was overtaken, what is
late, and what a device says in the first second after it came back, when it empties its queues. A
release that has an end is sent right after the device has answered, to none that is away, and never
again.
"""

from collections.abc import Callable

from drivers.api import (
    BadgeUnread,
    CardRead,
    Command,
    Fact,
    Hold,
    KeysPressed,
    Outcome,
    Pulse,
    Stands,
)
from drivers.badges import Badge
from drivers.mqtt_devices.freshness import Age, Freshness
from drivers.mqtt_devices.orders import (
    Outgoing,
    RefusedError,
    Sent,
    entry_for,
    filled,
    outgoing,
)
from drivers.mqtt_devices.payload import (
    Answered,
    Asked,
    Availability,
    BadgeMisread,
    BadgeShown,
    InputRead,
    KeysTyped,
    Misbehaved,
    OutputRead,
    Refused,
    Said,
    TamperRead,
    Violation,
    readings,
)
from drivers.mqtt_devices.plan import Plan
from drivers.mqtt_devices.points import Points
from drivers.mqtt_devices.presence import Presence
from drivers.mqtt_devices.resting import Resting
from drivers.queueing import CommandQueue
from drivers.telling import MS, STORED, Teller

SETTLED_NS = 1_000 * MS
"""A device that came back says first what it had kept; later than that it speaks of now."""

COMPLETE_NS = 1_500 * MS
"""By then a device that came back has said how its inputs are."""

HELLO_NS = 3_000 * MS
"""A device that was not heard by then, after we have connected, is told to be away."""

SAME_BADGE_NS = 1_500 * MS
"""A reader says the same badge again while it lies there: one presentation."""

ASKED_NS = 1_000 * MS
"""An answer to an older question does not say that the way is free now."""

PROOF_NS = 5 * MS
"""So long after its answer a device counts as one that has just answered: a turn of the loop."""

MISREAD = "it could not be read"
LATE = "shown earlier, or the clock of the reader is wrong"
OVERTAKEN = "it came behind a later message of the reader"
UNCONFIRMED = "the device did not say that it obeyed"
UNNOTICED = "it was away without a word of it: it said once more that it is online"
UNTOLD = "an output is not what it was told to be: it restarted, or somebody else works it"


class Device:
    """`emit` hears its facts, in order. `numbers` makes the ids of messages that are answered."""

    def __init__(
        self, plan: Plan, emit: Callable[[Fact], None], numbers: Callable[[], int]
    ) -> None:
        self._plan, self._emit, self._numbers = plan, emit, numbers
        self._teller = Teller(plan.device, emit)
        self._presence = Presence(plan)
        self._freshness = Freshness()
        self._points = Points(plan, emit)
        self._resting = Resting(plan)
        self._at_once, self._awaiting_proof = CommandQueue(), CommandQueue()
        self._sent: list[Sent] = []
        self._connected_ns: int | None = None
        self._back_ns: int | None = None
        self._proven_ns: int | None = None
        self._badge: tuple[Badge, int] | None = None

    @property
    def plan(self) -> Plan:
        return self._plan

    # --- the line ---------------------------------------------------------------------------

    def connected(self, now_ns: int) -> None:
        """The subscriptions stand."""
        self._teller.forget()
        self._connected_ns = now_ns
        self._presence.connected(now_ns)
        self._points.forget()
        self._freshness.came_back()

    def disconnected(self, now_ns: int, reason: str) -> None:
        """The broker is gone, or we go."""
        self._connected_ns = None
        self._go_away(now_ns, reason)

    # --- in ---------------------------------------------------------------------------------

    def receive(
        self, topic: str, payload: bytes, *, retained: bool, now_ns: int, wall_s: float
    ) -> None:
        """A message of any topic; most are of other devices."""
        found = readings(self._plan, topic, payload)
        if not found:
            return
        age = Age.PLAIN
        if not retained:
            stamps = {reading.stamp for reading in found if reading.stamp is not None}
            age = self._freshness.judge(topic, hash((topic, payload)), stamps, wall_s)
            if any(_is_life(reading.said) for reading in found):
                self._presence.heard(now_ns)
        for reading in found:
            self._attend(reading.said, now_ns, retained=retained)
        self._settle(now_ns)
        for reading in found:
            if retained:
                self._recall(reading.said, now_ns)
            elif age is not Age.DOUBLED:
                self._hear(reading.said, age, now_ns)
        self._settle(now_ns)

    def _attend(self, said: Said, now_ns: int, *, retained: bool) -> None:
        """What a message says of whether the device is there."""
        if isinstance(said, Availability):
            missed = self._presence.available(said.topic, said.online, now_ns, retained=retained)
            if missed:
                self._begin_anew(UNNOTICED, now_ns)
            if said.online and not retained:
                self._freshness.came_back()  # it may have restarted so fast that nobody missed it
        elif isinstance(said, Asked) and not retained:
            asked_ns = self._presence.answered(said.id, now_ns)
            if asked_ns is not None and now_ns - asked_ns <= ASKED_NS:
                self._proven_ns = now_ns

    def _recall(self, said: Said, now_ns: int) -> None:
        """What the broker had kept: how things stood, and never that something happens."""
        match said:
            case InputRead():
                self._points.read_input(said, now_ns, fresh=False)
            case OutputRead():
                self._points.read_output(said)
            case TamperRead(tampered=tampered):
                self._points.read_tamper(tampered)
            case BadgeShown() | KeysTyped() | Answered():
                self._teller.violated(Violation.KEPT, now_ns)
            case _:
                pass

    def _hear(self, said: Said, age: Age, now_ns: int) -> None:
        """What the device says now, or says that it said."""
        match said:
            case BadgeShown(badge=badge):
                self._shown(badge, age, now_ns)
            case BadgeMisread():
                self._unread(MISREAD, now_ns)
            case KeysTyped(keys=keys):
                self._typed(keys, age, now_ns)
            case Misbehaved(says=says):
                self._teller.misbehaved(says, now_ns)
            case Violation():
                self._teller.violated(said, now_ns)
            case InputRead() | OutputRead() | TamperRead() if age in _LATE:
                self._teller.violated(_LATE[age], now_ns)
            case InputRead():
                self._points.read_input(said, now_ns, fresh=self._is_of_now(age, now_ns))
            case OutputRead():
                self._points.read_output(said)
                self._obeyed(said, now_ns)
                if self._resting.is_broken(said, now_ns):
                    self._begin_anew(UNTOLD, now_ns)
            case TamperRead(tampered=tampered):
                self._points.read_tamper(tampered)
            case Answered(id=number, done=done):
                self._answered(number, now_ns, done=done)
            case Refused():
                self._refused(now_ns)
            case _:
                pass

    def _is_of_now(self, age: Age, now_ns: int) -> bool:
        """Nobody who comes back is believed to speak of now, but by a clock that is trusted."""
        if age is Age.PROVEN:
            return self._back_ns is not None
        settled = self._back_ns is not None and now_ns - self._back_ns >= SETTLED_NS
        return settled and age is Age.PLAIN

    def _shown(self, badge: Badge, age: Age, now_ns: int) -> None:
        before, self._badge = self._badge, (badge, now_ns)
        if age in _LATE:
            self._unread(OVERTAKEN if age is Age.OVERTAKEN else LATE, now_ns)
        elif not self._is_of_now(age, now_ns):
            self._unread(STORED, now_ns)
        elif before is None or before[0] != badge or now_ns - before[1] >= SAME_BADGE_NS:
            self._emit(
                CardRead(
                    device=self._plan.device,
                    at_ns=now_ns,
                    reader=0,
                    bits=badge.bits,
                    data=badge.data,
                )
            )

    def _unread(self, reason: str, now_ns: int) -> None:
        self._emit(BadgeUnread(device=self._plan.device, at_ns=now_ns, reader=0, reason=reason))

    def _typed(self, keys: str, age: Age, now_ns: int) -> None:
        if age in _LATE:
            self._teller.violated(_LATE[age], now_ns)
        elif not self._is_of_now(age, now_ns):
            self._teller.violated(Violation.AWAY, now_ns)
        else:
            self._emit(KeysPressed(device=self._plan.device, at_ns=now_ns, reader=0, keys=keys))

    # --- there or away ----------------------------------------------------------------------

    def _settle(self, now_ns: int) -> None:
        """Bring what is told into line with what is known."""
        if self._connected_ns is None:
            return
        reason = self._presence.why_away(now_ns)
        if reason is None and self._back_ns is None:
            self._back_ns = now_ns
            self._freshness.came_back()
            self._teller.online(f"{self._plan.what}, by MQTT", now_ns)
        elif reason is not None and (
            self._back_ns is not None or now_ns - self._connected_ns >= HELLO_NS
        ):
            self._go_away(now_ns, reason)
        if self._back_ns is not None:
            self._points.report(now_ns, complete=now_ns - self._back_ns >= COMPLETE_NS)

    def _go_away(self, now_ns: int, reason: str) -> None:
        if self._back_ns is not None:
            self._points.forget()
        self._leave(now_ns, reason)

    def _begin_anew(self, reason: str, now_ns: int) -> None:
        """It was not there all the time: what it has said is how things stood, and the edge is to
        tell it again what is in force.
        """
        if self._back_ns is not None:
            self._points.remember()
            self._leave(now_ns, reason)

    def _leave(self, now_ns: int, reason: str) -> None:
        self._resting.forget()
        self._back_ns = self._proven_ns = None
        for sent in self._sent:
            self._teller.ended(sent.command, Outcome.LOST, now_ns, sent.sent_ns)
        self._sent.clear()
        for command in self._at_once.drain() + self._awaiting_proof.drain():
            self._teller.ended(command, Outcome.LOST, now_ns, None)
        self._teller.offline(reason, now_ns)

    # --- commands ---------------------------------------------------------------------------

    def submit(self, command: Command, now_ns: int) -> None:
        """Queue one, or end it where it cannot be sent."""
        try:
            entry_for(command.action, self._plan)
        except RefusedError as error:
            self._teller.ended(command, Outcome.REFUSED, now_ns, None, str(error))
            return
        if self._back_ns is None:
            self._teller.ended(command, Outcome.LOST, now_ns, None)
            return
        queue = self._awaiting_proof if self._must_wait(command) else self._at_once
        dropped = queue.push(command)
        if dropped is not None:
            self._teller.ended(dropped, Outcome.LOST, now_ns, None)

    def next_to_send(self, now_ns: int, wall_s: float, stands: Stands) -> Outgoing | None:
        """What goes out now. Commands are looked at here for the last time."""
        if self._connected_ns is None:
            return None
        found = self._next_of(self._at_once, now_ns, wall_s, stands, may_go=True)
        if found is None:
            proven = self._is_proven(now_ns)
            found = self._next_of(self._awaiting_proof, now_ns, wall_s, stands, may_go=proven)
        if found is not None:
            return found
        knocks = self._awaiting_proof.head is not None and not self._presence.is_asked
        if knocks or self._presence.is_to_ask(now_ns):
            return self._ask(now_ns)
        return None

    def _next_of(
        self, queue: CommandQueue, now_ns: int, wall_s: float, stands: Stands, *, may_go: bool
    ) -> Outgoing | None:
        while (command := queue.head) is not None:
            if command.not_after_ns is not None and now_ns > command.not_after_ns:
                self._teller.ended(queue.pop(), Outcome.EXPIRED, now_ns, None)
            elif not may_go:
                break
            elif not stands(command):
                self._teller.ended(queue.pop(), Outcome.WITHDRAWN, now_ns, None)
            else:
                return self._send(queue.pop(), now_ns, wall_s)
        return None

    def _must_wait(self, command: Command) -> bool:
        """What has an end goes out right behind an answer, however urgent it is: neither broker nor
        device holds anything up then. What holds for good, locked or free, waits for nothing.
        """
        is_for_good = isinstance(command.action, Hold) and command.not_after_ns is None
        return self._plan.ask is not None and not is_for_good

    def _is_proven(self, now_ns: int) -> bool:
        return self._proven_ns is not None and now_ns - self._proven_ns <= PROOF_NS

    def _ask(self, now_ns: int) -> Outgoing:
        ask = self._plan.ask
        assert ask is not None, "only who can answer is asked"
        number = self._numbers()
        self._presence.asked(number, now_ns)
        payload = filled(ask.payload, {"id": str(number)})
        return Outgoing(ask.topic, payload, ask.within_s)

    def _send(self, command: Command, now_ns: int, wall_s: float) -> Outgoing:
        entry, number = entry_for(command.action, self._plan), self._numbers()
        assert isinstance(command.action, (Pulse, Hold)), "others were refused"
        on = command.action.on
        self._sent.append(Sent(command, entry, number, on, now_ns))
        self._resting.sent(self._sent[-1])
        return outgoing(command, entry, number, now_ns, wall_s)

    def _obeyed(self, read: OutputRead, now_ns: int) -> None:
        for sent in list(self._sent):
            plain = sent.entry.answer is None
            if plain and sent.entry.number == read.number and sent.on is read.on:
                self._end(sent, Outcome.CONFIRMED, now_ns)

    def _answered(self, number: int, now_ns: int, *, done: bool) -> None:
        for sent in list(self._sent):
            if sent.entry.answer is not None and sent.id == number:
                self._end(sent, Outcome.CONFIRMED if done else Outcome.REFUSED, now_ns)

    def _refused(self, now_ns: int) -> None:
        if self._sent:
            self._end(self._sent[0], Outcome.REFUSED, now_ns)

    def _end(self, sent: Sent, outcome: Outcome, now_ns: int, reason: str = "") -> None:
        self._sent.remove(sent)
        if outcome is Outcome.CONFIRMED:
            self._resting.obeyed(sent)
        self._teller.ended(sent.command, outcome, now_ns, sent.sent_ns, reason)

    # --- time -------------------------------------------------------------------------------

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed. Harmless at any time."""
        due = self.deadline()
        if due is None or now_ns < due:
            return
        for sent in [one for one in self._sent if one.until_ns <= now_ns]:
            self._end(sent, Outcome.LOST, now_ns, UNCONFIRMED)
        self._points.handle_deadline(now_ns)
        self._settle(now_ns)

    def deadline(self) -> int | None:
        """When `handle_deadline` and `next_to_send` are due at the latest."""
        if self._connected_ns is None:
            return None
        is_back = self._back_ns is not None
        due = [self._presence.deadline(there=is_back), self._points.deadline()]
        due += [one.until_ns for one in self._sent]
        for head in (self._at_once.head, self._awaiting_proof.head):
            if head is not None and head.not_after_ns is not None:
                due.append(head.not_after_ns + 1)
        if self._back_ns is not None and not self._points.is_told:
            due.append(self._back_ns + COMPLETE_NS)
        if self._teller.told_online is None:
            due.append(self._connected_ns + HELLO_NS)
        return min((one for one in due if one is not None), default=None)


_LATE = {Age.OVERTAKEN: Violation.OUT_OF_ORDER, Age.STALE: Violation.STALE}


def _is_life(said: Said) -> bool:
    """Whether it is sense: noise keeps nobody alive."""
    return not isinstance(said, Violation)
