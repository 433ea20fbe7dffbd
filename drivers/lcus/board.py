"""One LCUS board on its own port: it is told, looked at if it answers, and never believed blindly.

Sans-I/O, `drivers.serial_driver.Machine`. The board has no timer of its own, so that no lock hangs
on it. Its power comes through the same plug: unplugged, all its relays fall off.
"""

from collections import deque

import msgspec

from drivers.api import (
    Command,
    Fact,
    Hold,
    Outcome,
    OutputsReported,
    Pulse,
    Spoken,
    Stands,
    Tap,
)
from drivers.lcus.frames import HEARD_MAX, QUERY, states_in, switch
from drivers.queueing import CommandQueue, unwanted
from drivers.telling import MS, Teller

ASK_EVERY_NS = 500 * MS
REPLY_WITHIN_NS = 300 * MS  # eight lines take 90 ms at 9600 baud
OFFLINE_AFTER_NS = 2_500 * MS  # the edge is promised 3 s; half a second is the host's to lose
GAP_NS = 50 * MS  # between two messages: a board's processor reads one at a time
IDENTITY = "LCUS relay board"
MUTE_IDENTITY = "LCUS relay board that never answers"

SIGNLESS = "a relay board has no light, no sounder and no display"
UNTIMED = "an LCUS board has no timer of its own: nothing on it can be opened for a time"
UNMOVED = "it was told, and says that its relay did not move"
UNSEEN = "it was told; this board never says whether it obeyed"
SILENT = "it does not answer: say `answers = false` if it is a board that never does"


class BoardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`answers`: it has the newer firmware, which says how its relays are."""

    name: str
    outputs: int
    answers: bool = True


class Board:
    """The panel's end of one board. Nothing is sent before `start`."""

    def __init__(self, config: BoardConfig) -> None:
        self._config = config
        self._facts: deque[Fact] = deque()
        self._tell = Teller(config.name, self._facts.append)
        self._queue = CommandQueue()
        self._told: Command | None = None
        self._sent_ns: int | None = None
        self._stands: Stands | None = None
        self._states: tuple[bool, ...] | None = None
        self._heard = b""
        self._reply_by_ns: int | None = None
        self._ask_ns = self._free_ns = self._heard_ns = 0
        self.unanswered = 0
        self.tap: Tap | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The one board."""
        return (self._config.name,)

    def start(self, now_ns: int, stands: Stands) -> None:
        """See `Machine.start`. A board that never answers counts as there with its port."""
        self._stands = stands
        self._tell.forget()
        self._ask_ns = self._free_ns = now_ns
        if not self._config.answers:
            self._tell.online(MUTE_IDENTITY, now_ns)

    def stop(self, now_ns: int, reason: str) -> None:
        """See `Machine.stop`."""
        self._stands = None
        self._shut(now_ns, reason)

    def _shut(self, now_ns: int, reason: str) -> None:
        if self._told is not None:
            self._end(Outcome.LOST, now_ns, reason)
        for command in self._queue.drain():
            self._tell.ended(command, Outcome.LOST, now_ns, None, reason)
        self._states = self._reply_by_ns = None
        self._heard = b""
        self._tell.offline(reason, now_ns)

    def submit(self, command: Command, now_ns: int) -> None:
        """See `Machine.submit`. Signs are refused; on an absent board a command is LOST at once."""
        if command.device != self._config.name:
            raise ValueError(f"no board {command.device!r} on this line")
        match command.action:
            case Pulse():
                raise ValueError(UNTIMED)
            case Hold(output=output):
                if not 0 <= output < self._config.outputs:
                    raise ValueError(f"output {output}: this board has {self._config.outputs}")
                if not self._tell.told_online:
                    self._tell.ended(command, Outcome.LOST, now_ns, None)
                elif (evicted := self._queue.push(command)) is not None:
                    self._tell.ended(evicted, Outcome.LOST, now_ns, None)
            case _:
                self._tell.ended(command, Outcome.REFUSED, now_ns, None, SIGNLESS)

    def receive(self, data: bytes, now_ns: int) -> None:
        """See `Machine.receive`."""
        if self._reply_by_ns is None:
            return  # it was not asked
        self._heard = (self._heard + data)[-HEARD_MAX:]
        states = states_in(self._heard, self._config.outputs)
        if states is None:
            return
        self._reply_by_ns = None
        self._heard_ns = now_ns
        self._free_ns = now_ns + GAP_NS
        self._ask_ns = now_ns + ASK_EVERY_NS
        self._spoken(now_ns, _described(states), self._heard, outgoing=False)
        self._hear(states, now_ns)

    def _hear(self, states: tuple[bool, ...], now_ns: int) -> None:
        is_news, self._states = states != self._states, states
        self._tell.online(IDENTITY, now_ns)
        if is_news:
            name = self._config.name
            self._facts.append(OutputsReported(device=name, at_ns=now_ns, states=states))
        if self._told is not None:
            assert isinstance(self._told.action, Hold), "no other action is queued"
            moved = states[self._told.action.output] is self._told.action.on
            if moved:
                self._end(Outcome.CONFIRMED, now_ns)
            else:
                self._end(Outcome.REFUSED, now_ns, UNMOVED)

    def handle_deadline(self, now_ns: int) -> None:
        """See `Machine.handle_deadline`."""
        if self._reply_by_ns is not None and now_ns >= self._reply_by_ns:
            self._reply_by_ns = None
            self.unanswered += 1
            self._ask_ns = self._free_ns = now_ns
            self._spoken(now_ns, "no answer", self._heard, outgoing=False)
            is_gone = now_ns - self._heard_ns >= OFFLINE_AFTER_NS - REPLY_WITHIN_NS
            if is_gone or not self._tell.told_online:
                self._shut(now_ns, SILENT)
                self._ask_ns = now_ns + ASK_EVERY_NS

    def bytes_to_send(self, now_ns: int) -> bytes:
        """See `Machine.bytes_to_send`: a command that is still wanted, or the question."""
        if self._stands is None or self._reply_by_ns is not None or now_ns < self._free_ns:
            return b""
        while self._told is None and len(self._queue):
            command = self._queue.pop()
            refusal = unwanted(command, now_ns, self._stands)
            if refusal is None:
                return self._switch(command, now_ns)
            self._tell.ended(command, refusal, now_ns, None)
        if self._config.answers and (self._told is not None or now_ns >= self._ask_ns):
            self._heard = b""
            self._reply_by_ns = now_ns + REPLY_WITHIN_NS
            self._spoken(now_ns, "how are the relays", QUERY, outgoing=True)
            return QUERY
        return b""

    def _switch(self, command: Command, now_ns: int) -> bytes:
        action = command.action
        assert isinstance(action, Hold), "no other action is queued"
        frame = switch(action.output, on=action.on)
        self._told, self._sent_ns = command, now_ns
        self._free_ns = now_ns + GAP_NS
        text = f"relay {action.output} {'on' if action.on else 'off'}"
        self._spoken(now_ns, text, frame, outgoing=True)
        if not self._config.answers:
            self._end(Outcome.LOST, now_ns, UNSEEN)
        return frame

    def next_fact(self) -> Fact | None:
        """See `Machine.next_fact`."""
        return self._facts.popleft() if self._facts else None

    def deadline(self) -> int | None:
        """See `Machine.deadline`."""
        if self._stands is None:
            return None
        if self._reply_by_ns is not None:
            return self._reply_by_ns
        if self._told is not None or len(self._queue):
            return self._free_ns
        return max(self._ask_ns, self._free_ns) if self._config.answers else None

    def _end(self, outcome: Outcome, now_ns: int, reason: str = "") -> None:
        told, self._told = self._told, None
        assert told is not None, "only what was told ends"
        self._tell.ended(told, outcome, now_ns, self._sent_ns, reason)

    def _spoken(self, now_ns: int, text: str, frame: bytes, *, outgoing: bool) -> None:
        if self.tap is not None:
            name = self._config.name
            self.tap(Spoken(at_ns=now_ns, device=name, outgoing=outgoing, text=text, frame=frame))


def _described(states: tuple[bool, ...]) -> str:
    on = ", ".join(str(number) for number, state in enumerate(states) if state)
    return f"on: {on or 'none'}"
