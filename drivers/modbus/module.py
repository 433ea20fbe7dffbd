"""The panel's end of one Modbus module: what it is asked, what it said, what became of commands.

Sans-I/O; `bus` decides when it may speak.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from drivers.api import (
    Command,
    Fact,
    Hold,
    InputsReported,
    InputState,
    Outcome,
    OutputsReported,
    Priority,
    Pulse,
)
from drivers.modbus.config import ModuleConfig
from drivers.modbus.messages import (
    FLASH_STEP_MS,
    FLASH_STEPS_MAX,
    Ask,
    Done,
    Flash,
    Points,
    ReadInputs,
    ReadOutputs,
    Refused,
    Reply,
    Switch,
)
from drivers.queueing import CommandQueue
from drivers.telling import MS, Teller

OFFLINE_AFTER_NS = 2_500 * MS  # the edge is promised 3 s; half a second is the host's to lose
REPEATS_MAX = 3  # of a command, and of the look at its relay, when nothing is answered
OUTPUTS_EVERY_NS = 1_000 * MS  # how often outputs are looked at when nothing is done with them
AFTER_PULSE_NS = 100 * MS  # a module's timer ends a little later than ours
RESTING_AFTER_NS = 1_000 * MS  # behind a pulse: by then even a slow timer has ended
SET_BACK_EVERY_NS = 500 * MS  # a module that does not obey is still to be read in between
REFUSED_EVERY_NS = 1_000 * MS  # how often a module is asked that is not what it should be
FLASH_MS_MAX = FLASH_STEP_MS * FLASH_STEPS_MAX

RESTARTED = "its outputs are not as they were set: it was without power, or somebody else works it"
UNMOVED = "it says that it did, and its output says that it did not"
SILENT = "it does not answer"
SIGNLESS = "a relay module has no light, no sounder and no display"
UNTIMED = "this module has no timer of its own: say `flash = true` if it knows Waveshare's"

StillWanted = Callable[[Command, int], Outcome | None]


class _Doing(msgspec.Struct):
    """The command that is being carried out."""

    command: Command
    write: Switch | Flash
    resting: bool | None
    sent_ns: int | None = None
    tries: int = 0
    is_done: bool = False


class _Kept(msgspec.Struct, frozen=True):
    """What an output was set to for good while a timer of ours may run on in the module."""

    on: bool
    until_ns: int


def check_output(action: Pulse | Hold, config: ModuleConfig) -> None:
    """Raises ValueError, naming the limit, for what this module cannot be told."""
    if not 0 <= action.output < config.outputs:
        raise ValueError(f"output {action.output}: this module has {config.outputs}, from 0 on")
    if isinstance(action, Pulse):
        if not config.flash:
            raise ValueError(UNTIMED)
        if action.for_ms % FLASH_STEP_MS or not FLASH_STEP_MS <= action.for_ms <= FLASH_MS_MAX:
            raise ValueError(
                f"for_ms {action.for_ms}: steps of {FLASH_STEP_MS} ms, at most {FLASH_MS_MAX}"
            )


def write_for(action: Pulse | Hold, resting: bool | None) -> Switch | Flash:
    """The request for an action that `check_output` let pass.

    A module's timer ends in the contrary of what it began with, whatever was before: a pulse to
    the state in which the output rests already has nothing to come back from.
    """
    if isinstance(action, Pulse) and resting is not action.on:
        return Flash(action.output, action.on, action.for_ms // FLASH_STEP_MS)
    return Switch(action.output, action.on)


class Module:
    """One module. `read_due_ns`: when it is to be read next."""

    def __init__(
        self,
        config: ModuleConfig,
        poll_ns: int,
        still_wanted: StillWanted,
        emit: Callable[[Fact], None],
    ) -> None:
        self.config = config
        self.read_due_ns = 0
        self.unanswered = 0
        self._poll_ns = poll_ns
        self._still_wanted = still_wanted
        self._tell = Teller(config.name, emit)
        self._queue = CommandQueue()
        self._doing: _Doing | None = None
        self._asked: Ask | None = None
        self._heard_ns = 0
        self._inputs: tuple[bool, ...] | None = None
        self._outputs: tuple[bool, ...] | None = None
        self._outputs_due_ns: list[int] = []
        self._timers_end_ns: dict[int, int] = {}
        self._resting: dict[int, bool] = {}
        """What outputs were set to for good, as far as they are known to have obeyed."""
        self._kept: dict[int, _Kept] = {}
        self._set_back_from_ns = 0

    @property
    def is_online(self) -> bool:
        """Whether the edge was told so."""
        return bool(self._tell.told_online)

    @property
    def is_doubtful(self) -> bool:
        """Whether asking it may be in vain."""
        return not self.is_online or self.unanswered > 0

    @property
    def urgency(self) -> Priority | None:
        """The priority of the most urgent command that waits or is under way."""
        doing = None if self._doing is None else self._doing.command
        waiting = [command for command in (self._queue.head, doing) if command is not None]
        return min((command.priority for command in waiting), default=None)

    @property
    def silence_ns(self) -> int | None:
        """When it counts as gone; never for want of having been asked."""
        return self._heard_ns + OFFLINE_AFTER_NS if self.is_online and self.unanswered else None

    def start(self, now_ns: int) -> None:
        """A line was opened: everything is to be learnt and told."""
        self._tell.forget()
        self.read_due_ns = now_ns
        self.unanswered = 0

    def shut(self, now_ns: int, reason: str) -> None:
        """It is gone, or its line: every command ends, and it is reported offline."""
        doing, self._doing, self._asked = self._doing, None, None
        if doing is not None:
            self._tell.ended(doing.command, Outcome.LOST, now_ns, doing.sent_ns, reason)
        for command in self._queue.drain():
            self._tell.ended(command, Outcome.LOST, now_ns, None, reason)
        self._inputs = self._outputs = None
        self._resting.clear()
        self._kept.clear()
        self._outputs_due_ns.clear()
        self._tell.offline(reason, now_ns)

    def submit(self, command: Command, now_ns: int) -> None:
        """Queue a command. On a module that is not online it is LOST at once; signs it refuses.

        Raises ValueError for an output or a time that it does not have.
        """
        action = command.action
        if not isinstance(action, Pulse | Hold):
            self._tell.ended(command, Outcome.REFUSED, now_ns, None, SIGNLESS)
            return
        check_output(action, self.config)
        if not self.is_online:
            self._tell.ended(command, Outcome.LOST, now_ns, None)
            return
        evicted = self._queue.push(command)
        if evicted is not None:
            self._tell.ended(evicted, Outcome.LOST, now_ns, None)

    # --- asking ------------------------------------------------------------------------------

    def command(self, now_ns: int) -> Ask | None:
        """What is to be asked for the sake of a command; None when none is wanted any more.

        Whether a command is still wanted is asked here, in the step that hands out its bytes.
        """
        while True:
            doing = self._doing or self._begin()
            if doing is None:
                return None
            if doing.is_done:
                doing.tries += 1
                self._asked = ReadOutputs(self.config.outputs)
                return self._asked
            unwanted = self._still_wanted(doing.command, now_ns)
            if unwanted is None:
                doing.sent_ns, doing.tries = now_ns, doing.tries + 1
                self._kept.pop(doing.write.output, None)
                self._resting.pop(doing.write.output, None)
                self._asked = doing.write
                return self._asked
            # Its bytes may have been understood, and only the answer been lost.
            self._end(Outcome.LOST if doing.tries else unwanted, now_ns)

    def _begin(self) -> _Doing | None:
        if not len(self._queue):
            return None
        command = self._queue.pop()
        action = command.action
        assert isinstance(action, Pulse | Hold), "no other action is queued"
        resting = self._resting.get(action.output)
        self._doing = _Doing(command, write_for(action, resting), resting=resting)
        return self._doing

    def reading(self, now_ns: int) -> Ask:
        """What is to be read next."""
        self._asked = self._next_reading(now_ns)
        return self._asked

    def _next_reading(self, now_ns: int) -> Ask:
        wrong = self._set_back(now_ns)
        if wrong is not None:
            return wrong
        inputs, outputs = self.config.inputs, self.config.outputs
        if inputs and self._inputs is None:
            return ReadInputs(inputs)
        due = any(at_ns <= now_ns for at_ns in self._outputs_due_ns)
        if outputs and (due or self._outputs is None or not inputs):
            return ReadOutputs(outputs)
        return ReadInputs(inputs)

    def _set_back(self, now_ns: int) -> Switch | None:
        """What an old timer has undone is done again: it was confirmed, and nothing came since."""
        if self._outputs is None or now_ns < self._set_back_from_ns:
            return None
        for output, kept in self._kept.items():
            if self._outputs[output] is not kept.on:
                self._set_back_from_ns = now_ns + SET_BACK_EVERY_NS
                return Switch(output, kept.on)
        return None

    # --- hearing -----------------------------------------------------------------------------

    def hear(self, reply: Reply, now_ns: int) -> None:
        """The answer to what was asked last."""
        asked, self._asked = self._asked, None
        self.unanswered = 0
        self._heard_ns = now_ns
        match reply:
            case Points() if isinstance(asked, ReadInputs):
                self._hear_inputs(reply.states, now_ns)
            case Points():
                self._hear_outputs(reply.states, now_ns)
            case Done():
                self._hear_done(asked, now_ns)
            case Refused():
                self._hear_refusal(asked, reply.why, now_ns)
            case _:
                assert_never(reply)

    def _hear_inputs(self, states: tuple[bool, ...], now_ns: int) -> None:
        is_news, self._inputs = self.is_online and states != self._inputs, states
        if is_news:
            self._tell_inputs(now_ns)
        self._read(now_ns)

    def _hear_outputs(self, states: tuple[bool, ...], now_ns: int) -> None:
        is_news, self._outputs = self.is_online and states != self._outputs, states
        self._outputs_due_ns = [at_ns for at_ns in self._outputs_due_ns if at_ns > now_ns]
        if not self._outputs_due_ns:
            self._outputs_due_ns.append(now_ns + OUTPUTS_EVERY_NS)
        over = [output for output, kept in self._kept.items() if kept.until_ns <= now_ns]
        for output in over:
            if states[output] is self._kept[output].on:
                del self._kept[output]
        if is_news:
            self._tell_outputs(now_ns)
        self._read(now_ns)
        if self.config.inputs:
            self.read_due_ns = now_ns  # this was not the contacts' turn
        doing = self._doing
        if doing is not None and doing.is_done:
            moved = states[doing.write.output] is doing.write.on
            if moved or self._is_over(doing, now_ns):
                is_hold = isinstance(doing.command.action, Hold)
                resting = doing.write.on if is_hold else doing.resting
                if resting is not None:
                    self._resting[doing.write.output] = resting
                self._end(Outcome.CONFIRMED, now_ns)
            else:
                self._end(Outcome.REFUSED, now_ns, UNMOVED)

        elif self._has_restarted(states, now_ns):
            # What holds for its doors has to be said to it again.
            self.shut(now_ns, RESTARTED)
            self.read_due_ns = now_ns

    def _has_restarted(self, states: tuple[bool, ...], now_ns: int) -> bool:
        """Whether an output rests otherwise than it was set, and no timer of ours explains it."""
        return any(
            states[output] is not on
            and output not in self._kept
            and now_ns >= self._timers_end_ns.get(output, 0) + RESTING_AFTER_NS
            for output, on in self._resting.items()
        )

    def _read(self, now_ns: int) -> None:
        """One reading more; with all of them it is online."""
        knows_inputs = self._inputs is not None or not self.config.inputs
        knows_outputs = self._outputs is not None or not self.config.outputs
        if not (knows_inputs and knows_outputs):
            self.read_due_ns = now_ns
            return
        self.read_due_ns = now_ns + self._poll_ns
        if not self.is_online:
            self._tell.online(f"Modbus module at address {self.config.address}", now_ns)
            self._tell_inputs(now_ns)
            self._tell_outputs(now_ns)

    def _hear_done(self, asked: Ask | None, now_ns: int) -> None:
        doing = self._doing
        if doing is None or doing.is_done or asked != doing.write:
            self._outputs_due_ns.append(now_ns)  # what was set back is looked at
            return
        doing.is_done, doing.tries = True, 0
        output, write = doing.write.output, doing.write
        if isinstance(write, Flash):
            end_ns = now_ns + write.steps * FLASH_STEP_MS * MS + AFTER_PULSE_NS
            self._timers_end_ns[output] = end_ns
            self._outputs_due_ns.append(end_ns)
        elif self._timers_end_ns.get(output, 0) > now_ns:
            # Not every module is said to stop its timer when its output is set for good.
            self._kept[output] = _Kept(write.on, self._timers_end_ns[output])
            self._outputs_due_ns.append(self._timers_end_ns[output])

    def _hear_refusal(self, asked: Ask | None, why: str, now_ns: int) -> None:
        if self._doing is not None and asked == self._doing.write:
            self._end(Outcome.REFUSED, now_ns, why)
        elif isinstance(asked, ReadInputs | ReadOutputs):
            # What cannot be read is not what was wired: none of it is believed.
            self.shut(now_ns, why)
            self.read_due_ns = now_ns + REFUSED_EVERY_NS
        else:
            self._kept.clear()

    def missed(self, now_ns: int) -> None:
        """Nothing that is an answer came in time."""
        self._asked = None
        self.unanswered += 1
        self.read_due_ns = now_ns + self._poll_ns
        if self._doing is not None and self._doing.tries > REPEATS_MAX:
            self._end(Outcome.LOST, now_ns, SILENT)
        self.check_silence(now_ns)

    def check_silence(self, now_ns: int) -> None:
        """Time passed: whoever has not answered for long is gone."""
        never_heard = self._tell.told_online is None and self.unanswered
        if never_heard or (self.silence_ns is not None and now_ns >= self.silence_ns):
            self.shut(now_ns, SILENT)

    # --- telling -----------------------------------------------------------------------------

    def _tell_inputs(self, now_ns: int) -> None:
        if self._inputs is not None:
            states = tuple(InputState.ACTIVE if on else InputState.INACTIVE for on in self._inputs)
            self._tell.emit(InputsReported(device=self.config.name, at_ns=now_ns, states=states))

    def _tell_outputs(self, now_ns: int) -> None:
        if self._outputs is not None:
            self._tell.emit(
                OutputsReported(device=self.config.name, at_ns=now_ns, states=self._outputs)
            )

    def _is_over(self, doing: _Doing, now_ns: int) -> bool:
        """Whether the module's timer may have ended again before its output was looked at."""
        if not isinstance(doing.write, Flash) or doing.sent_ns is None:
            return False
        return now_ns >= doing.sent_ns + (doing.write.steps - 1) * FLASH_STEP_MS * MS

    def _end(self, outcome: Outcome, now_ns: int, reason: str = "") -> None:
        doing, self._doing = self._doing, None
        assert doing is not None, "only what was begun ends"
        self._tell.ended(doing.command, outcome, now_ns, doing.sent_ns, reason)
