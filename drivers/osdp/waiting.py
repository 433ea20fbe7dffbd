"""What one reader is told: the message on the wire, commands by priority, questions that wait."""

import heapq
from collections import deque
from itertools import count

import msgspec

from drivers.api import Command, Priority
from drivers.osdp.config import ReaderConfig
from drivers.osdp.messages import (
    InputStatusRequest,
    LocalStatusRequest,
    Message,
    OutputStatusRequest,
)

COMMANDS_MAX = 64  # more waiting commands than this were given up on by whoever sent them
RECHECKS_MAX = 64  # as many pulses can be followed to their end


class Pending(msgspec.Struct):
    """The message on the wire, as long as its answer is owed."""

    raw: bytes
    sequence: int
    message: Message
    command: Command | None
    sent_ns: int
    tries: int = 0
    busy: int = 0
    doubted: bool = False


class CommandQueue:
    """Commands, smaller priority first, then in the order in which they came. Bounded."""

    def __init__(self) -> None:
        self._heap: list[tuple[Priority, int, Command]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def head(self) -> Command | None:
        return self._heap[0][2] if self._heap else None

    def push(self, command: Command) -> Command | None:
        """Add one; returns the least urgent, latest one when there is no room for all."""
        heapq.heappush(self._heap, (command.priority, next(self._numbers), command))
        if len(self._heap) <= COMMANDS_MAX:
            return None
        worst = max(self._heap)
        self._heap.remove(worst)
        heapq.heapify(self._heap)
        return worst[2]

    def pop(self) -> Command:
        """Take the head. Raises IndexError when nothing waits."""
        return heapq.heappop(self._heap)[2]

    def drain(self) -> list[Command]:
        """Take all of them, in order."""
        return [self.pop() for _ in range(len(self._heap))]


class Survey:
    """Questions about the reader's state, each waiting at most once.

    `answers_inputs`: it has told its inputs when it was asked, in this session or an earlier one.
    """

    def __init__(self, config: ReaderConfig) -> None:
        self._config = config
        self._questions: deque[Message] = deque()
        self._rechecks: list[int] = []
        self._answers_outputs = False
        self.answers_inputs = False

    def __bool__(self) -> bool:
        return bool(self._questions)

    def begin(self) -> None:
        """A session stands: everything is to be learnt anew."""
        self._questions = deque([LocalStatusRequest()])
        if self._config.inputs:
            self._questions.append(InputStatusRequest())
        self._answers_outputs = self._config.outputs > 0
        self.ask_outputs()

    def ask_outputs(self) -> None:
        """Read the outputs soon, if the reader can tell."""
        if self._answers_outputs and OutputStatusRequest() not in self._questions:
            self._questions.append(OutputStatusRequest())

    def ask_outputs_at(self, at_ns: int) -> None:
        """Read the outputs then."""
        if len(self._rechecks) < RECHECKS_MAX:
            heapq.heappush(self._rechecks, at_ns)

    def refused(self, question: Message) -> None:
        """The reader does not know the answer: it is not asked again in this session."""
        if isinstance(question, OutputStatusRequest):
            self._answers_outputs = False

    def next(self, now_ns: int) -> Message | None:
        """The question to ask now."""
        while self._rechecks and self._rechecks[0] <= now_ns:
            heapq.heappop(self._rechecks)
            self.ask_outputs()
        return self._questions.popleft() if self._questions else None

    def suspend(self) -> None:
        """The session is over; a new one asks everything. Running pulses are still followed."""
        self._questions.clear()

    def forget(self) -> None:
        """The reader is gone."""
        self._questions.clear()
        self._rechecks.clear()
