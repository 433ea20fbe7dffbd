"""What a reader says inside its session, on the way to the edge: refused, or told as facts."""

from drivers.api import Command, Outcome, Pulse
from drivers.osdp import messages as osdp
from drivers.osdp.config import ReaderConfig
from drivers.osdp.frame import Block, Frame
from drivers.osdp.messages import Message
from drivers.osdp.translate import Violation, facts_from
from drivers.osdp.waiting import Pending, Survey
from drivers.telling import MS, Teller

STORED_MAX = 64  # a reader that was away hands over what it kept in so many answers at most
RECHECK_NS = 100 * MS  # outputs are read again this long after a pulse should have ended

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

    def answered(self, asked: Message, reply: Message | None, now_ns: int) -> None:
        """Something was answered: what that says of the reader beside what it reports."""
        if isinstance(asked, osdp.InputStatusRequest):
            self._inputs_answered(reply, now_ns)
        if isinstance(asked, osdp.Poll):
            self._polled(reply)
        if isinstance(asked, osdp.CommunicationSet):
            self._survey.heard_speed(reply)

    def settled(self, pending: Pending, frame: Frame, reply: Message | None, now_ns: int) -> bool:
        """Tell what an answer that is no refusal means. True: it reported something."""
        said = not isinstance(reply, osdp.Ack | osdp.Busy | osdp.Communication)
        said = said and self._report(frame, reply, now_ns)
        if pending.command is not None:
            self._acknowledged(pending, pending.command, reply, now_ns)
        return said

    def _polled(self, reply: Message | None) -> None:
        """The answer to a poll came: with nothing to tell, nothing is kept any more."""
        self.stored = 0 if isinstance(reply, osdp.Ack) else max(0, self.stored - 1)

    def _inputs_answered(self, reply: Message | None, now_ns: int) -> None:
        """The question for inputs came back: with their states, which are reported, or without.

        A device that told its inputs before and now does not has none that could be relied on:
        the last known states must not stay. One that never did tells changes only (libosdp's
        reader is like that): its inputs are unknown until one of them changes.
        """
        if isinstance(reply, osdp.InputStatus):
            self._survey.answers_inputs = True
        elif self._survey.answers_inputs:
            self._tell_facts(_NO_INPUTS, now_ns)

    def _report(self, frame: Frame, reply: Message | None, now_ns: int) -> bool:
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

    def _acknowledged(
        self, pending: Pending, command: Command, reply: Message | None, now_ns: int
    ) -> None:
        """An authenticated answer to a command that is no refusal."""
        is_output = isinstance(pending.message, osdp.Output)
        if isinstance(reply, osdp.Ack) or (is_output and isinstance(reply, osdp.OutputStatus)):
            outcome = Outcome.CONFIRMED
        elif isinstance(reply, osdp.Busy):
            outcome = Outcome.REFUSED
        else:
            outcome = Outcome.LOST
        self._tell.ended(command, outcome, now_ns, pending.sent_ns)
        if is_output and not isinstance(reply, osdp.OutputStatus):
            self._survey.ask_outputs()
        if isinstance(command.action, Pulse):
            self._survey.ask_outputs_at(now_ns + command.action.for_ms * MS + RECHECK_NS)

    def _tell_facts(self, reply: Message, now_ns: int) -> None:
        for found in facts_from(reply, self._config, now_ns):
            if isinstance(found, Violation):
                self._tell.violated(found, now_ns)
            elif self.stored:
                self._tell.stored(found)
            else:
                self._tell.emit(found)
