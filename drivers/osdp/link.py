"""One reader's link: who it is, whether it is proven, what it is asked next.

Sans-I/O. The bus calls `speak` when it gives the line to this reader, then `hear` for each frame
that came from its address, or `unanswered`. Time is always an argument, in monotonic nanoseconds.
"""

from collections.abc import Callable

from drivers.api import Command, Fact, Outcome, Priority, SendFile
from drivers.osdp import messages as osdp
from drivers.osdp.abilities import missing
from drivers.osdp.acquaintance import Meeting
from drivers.osdp.config import ReaderConfig
from drivers.osdp.frame import Block, Frame, encode
from drivers.osdp.introduction import Introduction
from drivers.osdp.messages import Message, ReplyCode
from drivers.osdp.promptness import ASKED_AGAIN_NS, Promptness
from drivers.osdp.proving import Proving
from drivers.osdp.reporting import Reporter, is_encrypted
from drivers.osdp.rules import RULES, Rule, Trouble, refusal, tries_max
from drivers.osdp.secure import NotAuthenticError, Session
from drivers.osdp.states import TRANSITIONS, BrokenAssumptionError, State, Step
from drivers.osdp.transfer import FileSending
from drivers.osdp.translate import Violation, command_for
from drivers.osdp.waiting import Heard, Pending, Survey
from drivers.queueing import CommandQueue
from drivers.telling import MS, Teller
from drivers.upkeep import Recall, Upkeep

OFFLINE_AFTER_NS = 2_500 * MS  # the edge is promised 3 s; half a second is the host's to lose
RETRY_HANDSHAKE_NS = 300 * MS  # a reader that just fell silent must not cost neighbours the line
PROBE_NS = 1_000 * MS  # an absent reader is asked this often, plus up to PROBE_JITTER_NS
PROBE_JITTER_NS = 500 * MS  # so that probes of many readers do not march in step
BUSY_PAUSE_NS = 50 * MS
FRESH_NS = 5 * MS  # a command that must not come late follows an answer no older than this
POLL_STARVED = 4  # polls that were due this many times go before ordinary commands
PROBE_ANOTHER_NS = 10_000 * MS  # a reader that is not believed must not cost neighbours the line

_BEFORE_KEYS = frozenset({Priority.LIFE_SAFETY, Priority.SECURE})


class Link:
    """The panel's side of one reader.

    `byte_ns` is how long one byte takes on the line. `still_wanted(command, now_ns)` tells, at the
    moment bytes are due, how a command ends instead of being sent, or None when it goes out.
    """

    def __init__(
        self,
        config: ReaderConfig,
        poll_ns: int,
        entropy: Callable[[int], bytes],
        still_wanted: Callable[[Command, int], Outcome | None],
        emit: Callable[[Fact], None],
    ) -> None:
        self.config = config
        self.state, self.due_ns, self.byte_ns = State.OFFLINE, 0, 0
        self.promptness = Promptness()
        self._poll_ns = poll_ns
        self._entropy = entropy
        self._still_wanted = still_wanted
        self._tell = Teller(config.name, emit)
        self._proving = Proving(config, entropy, self._tell)
        self._session: Session | None = None
        self._introduction = Introduction()
        self._sequence = self._last_good_ns = self._polled_ns = self._session_ns = 0
        self._pending: Pending | None = None
        self._queue = CommandQueue()
        self._files = FileSending(self._tell, still_wanted, poll_ns)
        self.survey = Survey(config)
        self._reporter = Reporter(config, self._tell, self.survey)
        self.said: Message | None = None  # in clear what went out last, and what came: for the tap
        self.opened: bytes | None = None

    # --- what the bus asks -------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        """A line was opened: forget what an earlier one was told, try at once."""
        self._tell.forget()
        self.due_ns = now_ns

    def shut(self, now_ns: int, reason: str) -> None:
        """The line is gone: everything ends, and the reader is reported offline."""
        self._give_up(now_ns, reason)

    @property
    def urgency(self) -> Priority | None:
        """The priority of the most urgent command that waits, or None."""
        unsettled = None if self._pending is None else self._pending.command
        waiting = [command for command in (self._queue.head, unsettled) if command is not None]
        return min((command.priority for command in waiting), default=None)

    @property
    def limits_ns(self) -> list[int]:
        """When `check_times` is due: silence makes it offline, a pairing is over."""
        limits = [] if self._proving.box_until_ns is None else [self._proving.box_until_ns]
        return [*limits, self._silent_ns] if self._tell.told_online else limits

    @property
    def _silent_ns(self) -> int:
        """When the reader is to be reported offline unless something good comes first."""
        return self._last_good_ns + OFFLINE_AFTER_NS

    def is_awake(self, now_ns: int) -> bool:
        """Whether the reader has given a believable answer just now."""
        return now_ns - self._last_good_ns <= FRESH_NS

    @property
    def is_prompt(self) -> bool:
        """Whether the reader has answered what it was asked last, within a session."""
        return self.state is State.ONLINE and self._pending is None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to say to the reader but polls, or probes where it is away."""
        kept = self._reporter.stored or self._files.is_under_way
        waits = self._queue or self.survey or kept or not self._introduction.is_complete
        return self.state is State.OFFLINE or (self.is_prompt and not waits)

    @property
    def is_online(self) -> bool:
        """Whether the edge was told that it is there."""
        return bool(self._tell.told_online)

    def check_times(self, now_ns: int, *, stood_still: bool = False) -> None:
        """Report the reader offline when it was silent, or not believed, for too long."""
        if stood_still:  # nobody asked it: it has a moment to answer before it counts as gone
            self._last_good_ns = max(self._last_good_ns, now_ns - OFFLINE_AFTER_NS + ASKED_AGAIN_NS)
        if self._proving.pairing_over(now_ns):
            self._give_up(now_ns, "its pairing is over and it has no key of its own")
        if self._tell.told_online and now_ns >= self._silent_ns:
            self._give_up(now_ns, "no believable answer for too long; check its power and wiring")

    def upkeep(self, order: Upkeep, now_ns: int) -> None:
        """See `drivers.upkeep.Maintained`. Raises ValueError, for people."""
        stands = self.state is State.ONLINE and self._introduction.is_complete
        self._proving.upkeep(order, now_ns, stands=stands)
        if self._pending is None and not isinstance(order, Recall):
            self.due_ns = now_ns

    def submit(self, command: Command, now_ns: int) -> None:
        """Queue a command. On a reader that is away it is LOST at once, unless it is kept."""
        if not self._tell.told_online and not self._queue.keeps(command):
            self._tell.ended(command, Outcome.LOST, now_ns, None)
            return
        if isinstance(command.action, SendFile):
            self._files.begin(command, command.action, now_ns)
            return
        if (evicted := self._queue.push(command)) is not None:
            self._tell.ended(evicted, Outcome.LOST, now_ns, None)
        if self.state is State.ONLINE and self._pending is None:
            self.due_ns = min(self.due_ns, now_ns)

    def keep_urgent(self, keeps: bool, now_ns: int) -> None:
        """Whether what frees and what locks waits while the reader is away, or ends as LOST."""
        self._queue.keeps_urgent = keeps
        if not self._tell.told_online:
            self._lose_queue(now_ns)

    def speak(self, now_ns: int) -> bytes:
        """The bytes to send now; none when every waiting command turned out unwanted.

        Whether a command is still wanted is asked here, in the step that hands out its bytes.
        """
        if self._pending is not None:
            return self._repeat(self._pending, now_ns)
        if self.state is State.OFFLINE:
            self._step(Step.PROBE)
        if self.state is State.ONLINE:
            return self._speak_online(now_ns)
        if self.state is State.PAIRING:
            return self._give_key(now_ns)
        if self.state is State.IDENTIFYING:
            self._sequence = 0  # a sequence number of 0 begins a connection anew (clause 5.9)
            return self._send(osdp.IdentityRequest(), now_ns)
        if self.state is State.CAPABILITIES:
            return self._send(osdp.CapabilityRequest(), now_ns)
        if self.state is State.CHALLENGED:
            return self._challenge(now_ns)
        return self._send(
            osdp.PanelCryptogram(self._proving.cryptogram), now_ns, block=Block.PANEL_CRYPTOGRAM
        )

    def hear(self, frame: Frame, now_ns: int) -> Heard:
        """A frame from the reader's address while the line is given to it."""
        pending = self._pending
        if pending is None:
            return Heard.NOT_BELIEVED
        in_place = frame.sequence in (0, pending.sequence)
        if frame.code == ReplyCode.BUSY and frame.block is None and in_place:
            # osdp_BUSY comes without security (clause 7.19). Nothing is believed of it: the true
            # answer is waited for a little longer, then the same bytes are sent again.
            return Heard.BUSY
        if frame.sequence != pending.sequence:
            pending.trouble = Trouble.OTHER_SEQUENCE
            return Heard.NOT_BELIEVED
        if isinstance(pending.message, osdp.KeySet):
            # Readers answer under the old session, in clear, or not at all, so that none of it
            # counts: which key it has now, its next proof says alone.
            self._begin_anew(Step.KEY_GIVEN, now_ns)
            return Heard.ANSWERED
        if self._session is not None:
            return self._hear_in_session(frame, pending, self._session, now_ns)
        return self._hear_before_session(frame, pending, now_ns)

    def unanswered(self, now_ns: int, *, damaged: bool, busy: bool) -> None:
        """No believable answer came in time.

        `damaged`: something of it came, spoilt; `busy`: the reader asked for a moment.
        """
        pending = self._pending
        if pending is None:
            return
        if damaged:
            pending.trouble = Trouble.DAMAGED
        self._again(pending, Trouble.BUSY if busy else pending.trouble, now_ns)

    def _again(self, pending: Pending, trouble: Trouble, now_ns: int) -> None:
        """The same bytes once more, unless they went out often enough for this trouble."""
        if RULES[self.state, trouble] is Rule.LATER:
            if pending.busy + 1 < tries_max(self.state, trouble):
                pending.busy += 1
                pending.tries -= 1
                self.due_ns = now_ns + BUSY_PAUSE_NS
                return
            trouble = pending.trouble
        if pending.tries < tries_max(self.state, trouble):
            self.due_ns = now_ns
            return
        self._fail(now_ns, "does not answer; check its power, wiring, address and baud rate")

    # --- speaking ----------------------------------------------------------------------------

    def _speak_online(self, now_ns: int) -> bytes:
        if self._introduction.question is not None:
            return self._send(self._introduction.question, now_ns)
        if self.urgency not in _BEFORE_KEYS:
            if self._proving.to_give is not None:
                return self._give_key(now_ns)
            if self._proving.must_prove_again(now_ns):
                self._begin_anew(Step.RESTART, now_ns)
                return b""
        since_poll_ns = now_ns - self._polled_ns
        starved = since_poll_ns > POLL_STARVED * self._poll_ns and not self._files.is_exclusive
        while (command := self._queue.head) is not None:
            if command.not_after_ns is not None and not self.is_awake(now_ns):
                # A reader that sleeps on bytes in its buffer would obey whenever it wakes up: let
                # it show that it is awake first. The command stays at the head of the queue.
                break
            if starved and command.priority > Priority.SECURE:
                break
            self._queue.pop()
            refusal = self._still_wanted(command, now_ns)
            lack = missing(self._introduction.abilities, command)
            if refusal is None and not lack:
                return self._send(command_for(command.action), now_ns, command=command)
            self._tell.ended(command, refusal or Outcome.REFUSED, now_ns, None, lack)
        question = None if starved else self.survey.next(now_ns)
        question = question or self._files.speak(
            now_ns, self._polled_ns, self._introduction.receive_size, self.byte_ns
        )
        if question is None:
            self._polled_ns = now_ns
            question = osdp.Poll()
        return self._send(question, now_ns)

    def _give_key(self, now_ns: int) -> bytes:
        """osdp_KEYSET, in a session and nowhere else."""
        key = self._proving.to_give
        if key is None or self._session is None:
            self._fail(now_ns, "the time of its pairing is over")
            return b""
        self._proving.given(now_ns)
        return self._send(key, now_ns)

    def _challenge(self, now_ns: int) -> bytes:
        if (nonce := self._proving.challenge(now_ns)) is None:
            self._fail(now_ns, self._proving.reason)
            return b""
        return self._send(osdp.Challenge(nonce), now_ns, block=Block.CHALLENGE)

    def _send(
        self,
        message: Message,
        now_ns: int,
        *,
        command: Command | None = None,
        block: Block | None = None,
    ) -> bytes:
        self.said = message
        code, data = osdp.encode(message)
        frame = Frame(
            address=self.config.address,
            is_reply=False,
            sequence=self._sequence,
            code=code,
            data=data,
            block=block,
            block_data=b"" if block is None else self._proving.which_key,
        )
        if self._session is not None:
            frame = self._session.seal_command(frame)
        self._pending = Pending(encode(frame), self._sequence, message, command, now_ns, tries=1)
        return self._pending.raw

    def _repeat(self, pending: Pending, now_ns: int) -> bytes:
        """The same bytes once more, if nothing speaks against it by now."""
        command = pending.command
        if command is not None and self._still_wanted(command, now_ns) is not None:
            # Whether the reader got it the first time is unknown, and the sequence number and the
            # MAC chain stand still until it answers: only a new session leads on from here.
            self._fail(now_ns, "a command could not be repeated any more")
            return b""
        pending.tries += 1
        pending.trouble = Trouble.SILENCE
        return pending.raw

    # --- hearing -----------------------------------------------------------------------------

    def _hear_before_session(self, frame: Frame, pending: Pending, now_ns: int) -> Heard:
        """Only the one reply that this step of the handshake can have is looked at."""
        if frame.code == ReplyCode.NAK:
            self._refused(refusal(frame.data[0] if frame.data else 0), pending, now_ns)
            return Heard.ANSWERED
        reply = self._proving.awaited(self.state, frame)
        if reply is None:
            pending.trouble = Trouble.NOT_THE_ANSWER
            self._tell.violated(Violation.OUT_OF_PLACE, now_ns)
            return Heard.NOT_BELIEVED
        self._answered(now_ns)
        if isinstance(reply, osdp.Identity):
            self._step(Step.IDENTIFIED)
        elif isinstance(reply, osdp.ReaderCryptogram):
            is_proven = self._proving.check_reader(reply, now_ns)
            self._step(Step.READER_PROVEN) if is_proven else self._not_proven(now_ns)
        elif isinstance(reply, osdp.InitialMac):
            self._check_initial_mac(reply.mac, now_ns)
        else:
            self._step(Step.LISTED)
        return Heard.ANSWERED

    def _refused(self, trouble: Trouble, pending: Pending, now_ns: int) -> None:
        """A refusal on the way to a session, in clear."""
        match RULES[self.state, trouble]:
            case Rule.REPEAT:
                self._again(pending, trouble, now_ns)
            case Rule.GO_ON:
                self._answered(now_ns)
                self._step(Step.LISTED)
            case _:
                self._proving.refused(self.state, trouble)
                self._not_proven(now_ns)

    def _not_proven(self, now_ns: int) -> None:
        if self._proving.try_next(now_ns):
            self._begin_anew(Step.RESTART, now_ns)
        else:
            self._fail(now_ns, self._proving.reason)

    def _begin_anew(self, step: Step, now_ns: int) -> None:
        self._drop_session(now_ns)
        self._step(step)
        self.due_ns = now_ns

    def _check_initial_mac(self, mac: bytes, now_ns: int) -> None:
        self._session = self._proving.begin(mac, now_ns)
        if self._session is None:
            self._not_proven(now_ns)
        elif self._proving.is_default:
            self._step(Step.DEFAULT_PROVEN)
        else:
            self._step(Step.SESSION_PROVEN)
            self._polled_ns = self._session_ns = now_ns

    def _hear_introduction(self, reply: Message | None, now_ns: int, *, encrypted: bool) -> None:
        if (wrong := self._introduction.hear(reply, encrypted=encrypted)) is not None:
            self._tell.violated(wrong, now_ns)
        self.due_ns = now_ns
        if self._introduction.is_complete:
            self._introduced(now_ns)

    def _introduced(self, now_ns: int) -> None:
        """It has said who it is and what it can: tell that it is there, learn its state."""
        introduction, identity = self._introduction, self._introduction.identity
        meeting = self._proving.meet(introduction, now_ns)
        if meeting in (Meeting.DOUBTED, Meeting.ANOTHER):
            (self._fail if meeting is Meeting.DOUBTED else self._give_up)(
                now_ns, self._proving.reason
            )
            self.due_ns += PROBE_ANOTHER_NS * (meeting is Meeting.ANOTHER)
            self._proving.tell_of_it(introduction, now_ns)
            return
        self._reporter.begin()
        another = identity != self._tell.told_identity
        if self._tell.told_online and (another or self.survey.must_tell_renewal):
            self._lose_queue(now_ns)
            reason = "another device took its place" if another else "its session had to be renewed"
            self._tell.offline(reason, now_ns)
        if another:
            self.survey.answers_inputs = False
            self._files.lost(now_ns)
        self._tell.online(identity, now_ns, secure=True, display=introduction.has_display)
        self._proving.tell_of_it(introduction, now_ns)
        self.survey.begin()

    def _hear_in_session(
        self, frame: Frame, pending: Pending, session: Session, now_ns: int
    ) -> Heard:
        try:
            data = self.opened = session.open_reply(frame)
        except NotAuthenticError:
            pending.trouble = Trouble.NOT_THE_ANSWER
            self._tell.violated(Violation.UNAUTHENTICATED, now_ns)
            return Heard.NOT_BELIEVED
        self._last_good_ns = now_ns
        self._answered(now_ns)
        reply = osdp.decode_reply(frame.code, data)
        if not self._introduction.is_complete:
            self._hear_introduction(reply, now_ns, encrypted=is_encrypted(frame))
            return Heard.ANSWERED
        self._reporter.answered(pending.message, reply, now_ns)
        self._files.wants_poll &= not isinstance(pending.message, osdp.Poll)
        if isinstance(reply, osdp.Nak):
            self._nak(reply, pending, now_ns)
        elif isinstance(pending.message, osdp.FileTransfer | osdp.Abort):
            believed = reply if is_encrypted(frame) else None
            self._files.heard(pending.message, believed, now_ns)
            self._rest(now_ns)
        elif self._reporter.settled(pending, frame, reply, now_ns):
            # A reader holds back the next of several events until it is asked again.
            self.due_ns = now_ns
        return Heard.ANSWERED

    def _nak(self, nak: osdp.Nak, pending: Pending, now_ns: int) -> None:
        """An authenticated refusal: of a command, or of a question this reader cannot answer."""
        trouble = refusal(nak.reason)
        if pending.command is not None:
            reason = f"the reader says no: {trouble.value}"
            self._tell.ended(pending.command, Outcome.REFUSED, now_ns, pending.sent_ns, reason)
        self.survey.refused(pending.message)
        if RULES[self.state, trouble] is Rule.ANEW:
            self._fail(now_ns, "left the session")
        elif isinstance(pending.message, osdp.FileTransfer | osdp.Abort):
            self._files.refused(pending.message, trouble.value, now_ns)
            self._rest(now_ns)

    # --- moving ------------------------------------------------------------------------------

    def _answered(self, now_ns: int) -> None:
        """The message on the wire is settled; the next one may follow after the poll pause."""
        if self._pending is not None and isinstance(self._pending.message, osdp.Poll):
            self._polled_ns = now_ns  # a reader that takes its time is not starved of polls
        self._pending, self._sequence = None, self._sequence % 3 + 1
        self._rest(now_ns)

    def _rest(self, now_ns: int) -> None:
        """When to speak next."""
        at_once = self.state is not State.ONLINE or self._queue or self.survey
        self.due_ns = now_ns if at_once else self._files.rest_until(now_ns)

    def _fail(self, now_ns: int, reason: str) -> None:
        """Begin anew: soon while the reader still counts as online, otherwise by probes."""
        if not self._tell.told_online:
            self._give_up(now_ns, reason)
            return
        # Sessions that break as soon as they stand must not follow each other without a pause.
        lasted = self.state is State.ONLINE and now_ns - self._session_ns > RETRY_HANDSHAKE_NS
        self._drop_session(now_ns)
        self._step(Step.RESTART)
        self.due_ns = now_ns if lasted else now_ns + RETRY_HANDSHAKE_NS

    def _give_up(self, now_ns: int, reason: str) -> None:
        self._drop_session(now_ns)
        self._lose_queue(now_ns)
        self._files.lost(now_ns)
        self.survey.forget()
        self._step(Step.GIVE_UP)
        self._tell.offline(reason, now_ns)
        self.due_ns = now_ns + PROBE_NS + PROBE_JITTER_NS * self._entropy(1)[0] // 256

    def _drop_session(self, now_ns: int) -> None:
        pending, self._pending = self._pending, None
        if pending is not None and pending.command is not None:
            self._tell.ended(pending.command, Outcome.LOST, now_ns, pending.sent_ns)
        self._session = None
        self._files.session_lost(now_ns)
        self._introduction = Introduction()
        self._proving.forget()
        self.survey.suspend()

    def _step(self, step: Step) -> None:
        target = TRANSITIONS[self.state, step]
        if target is None:
            raise BrokenAssumptionError(f"{self.config.name}: {step.name} in state {self.state}")
        self.state = target

    def _lose_queue(self, now_ns: int) -> None:
        for command in self._queue.drain():
            self._tell.ended(command, Outcome.LOST, now_ns, None)
