"""What one reader is told: the message on the wire and questions that wait."""

import heapq
from collections import deque
from enum import Enum

import msgspec

from drivers.api import Command
from drivers.osdp.config import ReaderConfig
from drivers.osdp.messages import (
    Communication,
    CommunicationSet,
    InputStatusRequest,
    LocalStatusRequest,
    Message,
    OutputStatusRequest,
)
from drivers.osdp.rules import Trouble

RECHECKS_MAX = 64  # as many pulses can be followed to their end


class Heard(Enum):
    """What a frame did to the message that awaits its answer."""

    ANSWERED = "the line is free"
    BUSY = "the reader needs a moment; its answer may still come"
    NOT_BELIEVED = "the true answer may still come"


class Pending(msgspec.Struct):
    """The message on the wire, as long as its answer is owed.

    `tries`: how often its bytes went out, `busy`: after how many of them the reader asked for a
    moment, `trouble`: what came in place of the answer since then.
    """

    raw: bytes
    sequence: int
    message: Message
    command: Command | None
    sent_ns: int
    tries: int = 0
    busy: int = 0
    trouble: Trouble = Trouble.SILENCE


class Survey:
    """Questions about the reader's state, each waiting at most once.

    `answers_inputs`: it has told its inputs when it was asked, in this session or an earlier one.
    `speed_told`: what it answered to another speed; 0 is a refusal, None that it was not asked.
    """

    def __init__(self, config: ReaderConfig) -> None:
        self._config = config
        self._questions: deque[Message] = deque()
        self._rechecks: list[int] = []
        self._answers_outputs = False
        self.answers_inputs = False
        self.speed_told: int | None = None

    def __bool__(self) -> bool:
        return bool(self._questions)

    @property
    def must_tell_renewal(self) -> bool:
        """Whether a new session with the same device within the silence limit is the edge's matter.

        A device that restarted has put its outputs to rest, and only the edge knows what they
        shall be. Inputs that cannot be asked for may have changed without a word.
        """
        inputs_unknown = self._config.inputs > 0 and not self.answers_inputs
        return self._config.outputs > 0 or inputs_unknown

    def begin(self) -> None:
        """A session stands: everything is to be learnt anew."""
        self._questions = deque([LocalStatusRequest()])
        if self._config.inputs:
            self._questions.append(InputStatusRequest())
        self._answers_outputs = self._config.outputs > 0
        self.ask_outputs()

    def tell_speed(self, baud: int) -> None:
        """Before anything else, the reader is told to go on at this speed."""
        self._questions.appendleft(CommunicationSet(self._config.address, baud))

    def withdraw_speed(self) -> bool:
        """It shall not be told another speed. False: it was already, or nobody knows."""
        waits = any(isinstance(one, CommunicationSet) for one in self._questions)
        self._questions = deque(
            one for one in self._questions if not isinstance(one, CommunicationSet)
        )
        return waits

    def heard_speed(self, reply: Message | None) -> None:
        """Its answer, which is the last that it gives at this speed."""
        same = isinstance(reply, Communication) and reply.address == self._config.address
        self.speed_told = reply.baud if isinstance(reply, Communication) and same else 0

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
