"""A Modbus line and who is asked next: one question at a time, urgent commands first.

Sans-I/O, `drivers.serial_driver.Machine`.
"""

from collections import deque

from drivers.api import Command, Fact, Outcome, Priority, Spoken, Stands, Tap
from drivers.modbus.config import LineConfig
from drivers.modbus.messages import (
    Ask,
    describe,
    describe_reply,
    frame_of,
    reply_in,
    reply_length,
)
from drivers.modbus.module import Module
from drivers.queueing import unwanted
from drivers.telling import MS

REPLY_WITHIN_NS = 200 * MS  # modules answer within 20 ms; the rest is for USB adapters
PROBE_PAUSE_NS = 100 * MS  # after a question in vain: the others are read in between
PATIENCE_NS = 150 * MS  # how far a reading may fall behind before it goes first
JAM_NS = 50 * MS  # a line on which somebody never ceases to talk is spoken on all the same
BITS_PER_BYTE = 10  # 8N1, as modules come
QUIET_BITS = 35  # 3.5 characters between two frames (serial line 1.02 clause 2.5.1.1)
QUIET_NS_MIN = 1_750_000  # above 19200 baud (ibid.)
HEARD_MAX = 512  # bytes kept while an answer is owed; the longest has 13
NO_ANSWER = "no answer"


class Bus:
    """The panel's end of one line. Nothing is sent before `start`."""

    def __init__(self, config: LineConfig) -> None:
        self._facts: deque[Fact] = deque()
        self._modules = [
            Module(module, config.poll_ms * MS, self._still_wanted, self._facts.append)
            for module in config.modules
        ]
        self._bit_ns = 1_000_000_000 // config.baud
        self._quiet_ns = max(QUIET_NS_MIN, QUIET_BITS * self._bit_ns)
        self._stands: Stands | None = None
        self._speaking: tuple[Module, Ask] | None = None
        self._heard = b""
        self._reply_by_ns = self._free_ns = self._jammed_ns = self._probe_from_ns = 0
        self.unanswered = 0
        self.tap: Tap | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the modules."""
        return tuple(module.config.name for module in self._modules)

    def start(self, now_ns: int, stands: Stands) -> None:
        """See `Machine.start`."""
        self._stands = stands
        self._free_ns = self._jammed_ns = self._probe_from_ns = now_ns
        for module in self._modules:
            module.start(now_ns)

    def stop(self, now_ns: int, reason: str) -> None:
        """See `Machine.stop`."""
        self._stands = self._speaking = None
        self._heard = b""
        for module in self._modules:
            module.shut(now_ns, reason)

    def submit(self, command: Command, now_ns: int) -> None:
        """See `Machine.submit`."""
        for module in self._modules:
            if module.config.name == command.device:
                module.submit(command, now_ns)
                return
        raise ValueError(f"no module {command.device!r} on this line")

    def _still_wanted(self, command: Command, now_ns: int) -> Outcome | None:
        """None when the command's bytes may go out at this moment, otherwise how it ends."""
        return unwanted(command, now_ns, self._stands)

    def receive(self, data: bytes, now_ns: int) -> None:
        """See `Machine.receive`."""
        self._free_ns = min(now_ns + self._quiet_ns, self._jammed_ns)
        if self._speaking is None:
            return  # nobody was asked
        module, ask = self._speaking
        self._heard = (self._heard + data)[-HEARD_MAX:]
        reply = reply_in(self._heard, module.config.address, ask)
        if reply is not None:
            self._spoken(module, now_ns, describe_reply(reply), outgoing=False, frame=self._heard)
            self._end_exchange(now_ns)
            module.hear(reply, now_ns)

    def _end_exchange(self, now_ns: int) -> None:
        self._speaking = None
        self._free_ns = now_ns + self._quiet_ns
        self._jammed_ns = now_ns + JAM_NS

    def handle_deadline(self, now_ns: int) -> None:
        """See `Machine.handle_deadline`."""
        if self._speaking is not None and now_ns >= self._reply_by_ns:
            module, _ = self._speaking
            self._end_exchange(now_ns)
            self.unanswered += 1
            self._probe_from_ns = now_ns + PROBE_PAUSE_NS
            self._spoken(module, now_ns, NO_ANSWER, outgoing=False, frame=self._heard)
            module.missed(now_ns)
        for module in self._modules:
            module.check_silence(now_ns)

    def bytes_to_send(self, now_ns: int) -> bytes:
        """See `Machine.bytes_to_send`: never more than one question."""
        while self._speaking is None and self._stands is not None and now_ns >= self._free_ns:
            due = self._candidates(now_ns)
            if not due:
                break
            _, _, place, is_command = min(due)
            module = self._modules[place]
            ask = module.command(now_ns) if is_command else module.reading(now_ns)
            if ask is not None:
                return self._ask(module, ask, now_ns)
        return b""

    def _ask(self, module: Module, ask: Ask, now_ns: int) -> bytes:
        frame = frame_of(module.config.address, ask)
        self._speaking = module, ask
        self._heard = b""  # older bytes answer nothing that is asked now
        wire_ns = (len(frame) + reply_length(ask)) * BITS_PER_BYTE * self._bit_ns
        self._reply_by_ns = now_ns + wire_ns + REPLY_WITHIN_NS
        self._spoken(module, now_ns, describe(ask), outgoing=True, frame=frame)
        return frame

    def next_fact(self) -> Fact | None:
        """See `Machine.next_fact`."""
        return self._facts.popleft() if self._facts else None

    def deadline(self) -> int | None:
        """See `Machine.deadline`."""
        if self._stands is None:
            return None
        if self._speaking is not None:
            return self._reply_by_ns
        times = [max(self._reading_due_ns(module), self._free_ns) for module in self._modules]
        times += [at_ns for module in self._modules if (at_ns := module.silence_ns) is not None]
        if any(module.urgency is not None for module in self._modules):
            times.append(self._free_ns)
        return min(times)

    def _reading_due_ns(self, module: Module) -> int:
        if module.is_doubtful:
            return max(module.read_due_ns, self._probe_from_ns)
        return module.read_due_ns

    def _candidates(self, now_ns: int) -> list[tuple[int, int, int, bool]]:
        """Whatever may be asked now: rank, since when it is due, which module, for a command?

        Life safety, what secures, readings that are long overdue, passages, signs, readings.
        """
        overdue = Priority.PASSAGE * 2 - 1
        found = []
        for place, module in enumerate(self._modules):
            if module.urgency is not None:
                found.append((module.urgency * 2, 0, place, True))
            due_ns = self._reading_due_ns(module)
            if due_ns <= now_ns:
                is_late = not module.is_doubtful and due_ns + PATIENCE_NS <= now_ns
                rank = overdue if is_late else Priority.SIGNAL * 2 + 1
                found.append((rank, due_ns, place, False))
        return found

    def _spoken(
        self, module: Module, now_ns: int, text: str, *, outgoing: bool, frame: bytes
    ) -> None:
        if self.tap is not None:
            name = module.config.name
            self.tap(Spoken(at_ns=now_ns, device=name, outgoing=outgoing, text=text, frame=frame))
