"""What a reader says inside its session, on the way to the edge: refused, or told as facts."""

from drivers.osdp import messages as osdp
from drivers.osdp.config import ReaderConfig
from drivers.osdp.frame import Block, Frame
from drivers.osdp.messages import Message
from drivers.osdp.translate import Violation, facts_from
from drivers.osdp.waiting import Survey
from drivers.telling import Teller

STORED_MAX = 64  # a reader that was away hands over what it kept in so many answers at most

_NO_INPUTS = osdp.InputStatus(b"")  # to the edge, every input that it needs is cut


def is_encrypted(frame: Frame) -> bool:
    """Whether what the frame reports was kept from whoever listens on the line."""
    return frame.block == Block.REPLY_ENCRYPTED


class Reporter:
    """Tells the facts of one reader. `stored`: answers that may be of the time it was away."""

    def __init__(self, config: ReaderConfig, tell: Teller, survey: Survey) -> None:
        self._config = config
        self._tell = tell
        self._survey = survey
        self.stored = 0

    def begin(self) -> None:
        """A session stands: what the reader kept comes first."""
        self.stored = STORED_MAX

    def polled(self, reply: Message | None) -> None:
        """The answer to a poll came: with nothing to tell, nothing is kept any more."""
        self.stored = 0 if isinstance(reply, osdp.Ack) else max(0, self.stored - 1)

    def inputs_answered(self, reply: Message | None, now_ns: int) -> None:
        """The question for inputs came back: with their states, which are reported, or without.

        A device that told its inputs before and now does not has none that could be relied on:
        the last known states must not stay. One that never did tells changes only (libosdp's
        reader is like that): its inputs are unknown until one of them changes.
        """
        if isinstance(reply, osdp.InputStatus):
            self._survey.answers_inputs = True
        elif self._survey.answers_inputs:
            self._tell_facts(_NO_INPUTS, now_ns)

    def report(self, frame: Frame, reply: Message | None, now_ns: int) -> bool:
        """Tell what an authenticated reply reports. False: nothing of it was believed."""
        if frame.data and not is_encrypted(frame):
            self._tell.violated(Violation.UNENCRYPTED, now_ns)
            if isinstance(reply, osdp.InputStatus):
                self._tell_facts(_NO_INPUTS, now_ns)
            return False
        if reply is None:
            self._tell.violated(Violation.UNSUPPORTED, now_ns)
            return False
        self._tell_facts(reply, now_ns)
        return True

    def _tell_facts(self, reply: Message, now_ns: int) -> None:
        for found in facts_from(reply, self._config, now_ns):
            if isinstance(found, Violation):
                self._tell.violated(found, now_ns)
            elif self.stored:
                self._tell.stored(found)
            else:
                self._tell.emit(found)
