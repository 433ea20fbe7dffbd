"""The running edge: facts from the devices to the core, wishes of the core to the devices.

Everything happens on one event loop. A device's fact is judged at once; what the core wishes waits
for the disk, except life safety, which waits for nothing. Between the disk and the wire the core is
asked once more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, Protocol

from controller import inputs
from controller.effects import (
    Effect,
    LifeSafety,
    LockEffect,
    Question,
    SaidAgain,
    SecurePortal,
    action_of,
)
from controller.events import (
    AttemptAbandoned,
    DecisionMade,
    EntryDropped,
    Header,
    kind_of,
)
from controller.events_points import SourceActed
from controller.holders import Directory
from controller.ids import CredentialRef, EffectId, InputId
from controller.inputs import Input
from controller.ledger import PERSONAL_CHARS_MAX, Personal
from controller.moment import Moment
from controller.site import Outcome, Site
from controller.state import snapshot
from controller.turn import POLICY_DIGEST_CHARS
from drivers import api
from edge.answering import Answering
from edge.device_book import DeviceBook
from edge.journal.errors import JournalError
from edge.journal.store import Record
from edge.journal.writer import JournalWriter
from edge.people import People
from edge.recorder import Recorder
from edge.supervisor import supervise
from edge.wiring import Wiring
from policies.compiled import CompiledPolicy

SNAPSHOT_S = 24 * 3600.0
CLOCK_CHECK_S = 5.0

SECURE_WITHIN_S = 2.0
"""What a stop waits for devices to confirm that they are locked; hardware relocks without us."""

KEEP_WITHIN_S = 1.0
"""What a stop waits for a journal that is down to take what was kept, and for the snapshot."""

REPEAT_S_MIN, REPEAT_S_MAX = 0.5, 30.0
"""Between tries to free or lock a door whose device stumbled or refused: soon, then for good."""

OUTSTANDING_MAX = 10_000
"""Commands whose end is awaited. Each ends by its device or its time; more is a broken driver."""

log = logging.getLogger(__name__)


Alongside = dict[str, Callable[[], Coroutine[None, None, None]]]
"""What runs beside a daemon and ends with it, by task name."""


class Clock(Protocol):
    """The time as the daemon sees it; virtual time stands in for it."""

    def moment(self) -> Moment: ...
    def trusted(self) -> bool: ...
    def stepped_ms(self) -> int: ...


class Daemon:
    """One edge. `committed` is told of every entry that is on disk."""

    def __init__(
        self,
        *,
        site: Site,
        writer: JournalWriter,
        people: People,
        wiring: Wiring,
        answering: Answering,
        drivers: Mapping[str, api.Driver],
        clock: Clock,
        release_reserve: Callable[[], bool],
        jitter: Random,
        version: str,
        safe_mode: bool,
        kept_copy: bool,
        committed: Callable[[Sequence[Record]], None],
    ) -> None:
        self.site = site
        self.writer = writer
        self.people = people
        self._wiring = wiring
        self.badges = wiring.badges
        self.answering = answering
        answering.begin(self._spawn, self._answered, lambda sign: self.carry([sign]), self.now)
        self.drivers = drivers
        self._by_device = {name: d for d in drivers.values() for name in d.devices}
        self.devices = DeviceBook(self._by_device)
        self._clock = clock
        self._release_reserve = release_reserve
        self._jitter = jitter
        self._version = version
        self._safe_mode = safe_mode
        self._kept_copy = kept_copy
        self._served: set[str] = set()
        self._outstanding: dict[str, Effect] = {}
        self._pauses_s: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._locks_told = asyncio.Event()
        self._locks_told.set()
        self._deaf = False
        self.source_acted: Callable[[str], None] = partial(log.error, "%s gives no order here")
        self.recorder = Recorder(
            writer,
            carry=self.carry,
            committed=committed,
            failed=self._journal_failed,
            recovered=self._journal_recovered,
            header=self._gap_header,
            make_room=self._use_reserve,
        )

    # --- the life of a daemon ---------------------------------------------------------------

    async def run(
        self,
        alongside: Mapping[str, Callable[[], Coroutine[None, None, None]]],
        sent: Callable[[], Awaitable[None]],
    ) -> None:
        """Serve until `stop`. `alongside`: what runs and ends with it, by task name.

        `sent` is waited for when the last entries are on disk, before `alongside` ends.
        """
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            own = [
                tasks.create_task(self.recorder.run(), name="recorder"),
                tasks.create_task(self._watch_clock(), name="clock"),
                tasks.create_task(self._take_snapshots(), name="snapshots"),
            ]
            # The latch of a fire is acted on before any line is spoken to, cards come last.
            self.judge(
                inputs.Started(
                    id=self._wiring.new_id(),
                    version=self._version,
                    safe_mode=self._safe_mode,
                    kept_copy=self._kept_copy,
                )
            )
            self.judge_directory(self.people.directory())
            own += [
                tasks.create_task(self._serve_line(name, driver), name=f"line {name}")
                for name, driver in self.drivers.items()
            ]
            own += [tasks.create_task(run(), name=name) for name, run in alongside.items()]
            await self._stopping.wait()
            await self._wind_down(sent)
            for task in own:
                task.cancel()

    def stop(self) -> None:
        """End in good order: secure, write down, close."""
        self._stopping.set()

    async def _wind_down(self, sent: Callable[[], Awaitable[None]]) -> None:
        self.judge(inputs.Stopping(id=self._wiring.new_id(), reason="asked to stop"))
        try:
            async with asyncio.timeout(SECURE_WITHIN_S):
                await self.recorder.drained()
                await self._locks_told.wait()
                await self.recorder.drained()
        except TimeoutError:
            waiting = [e.id for e in self._outstanding.values() if isinstance(e, LockEffect)]
            log.warning("stopping without word from the locks of effects %s", waiting)
        try:
            async with asyncio.timeout(KEEP_WITHIN_S):
                await self.recorder.retry()
        except TimeoutError:
            log.error("stopping without the entries that the journal did not take")
        # A fire that breaks out while the archive is waited for is still acted on and recorded.
        await sent()
        self._deaf = True
        if self._timer is not None:
            self._timer.cancel()
        try:
            async with asyncio.timeout(KEEP_WITHIN_S):
                await self.keep_state()
        except TimeoutError:
            log.warning("no snapshot: no answer from the disk within %.0f s", KEEP_WITHIN_S)
        # What was heard while the archive was waited for; nothing more comes.
        await sent()

    @property
    def turns(self) -> Mapping[str, int]:
        """How often the driver of each line has come round; a line that is gone is left out."""
        return {name: self.drivers[name].turns for name in self._served}

    async def _serve_line(self, name: str, driver: api.Driver) -> None:
        async def serve() -> None:
            self._served.add(name)
            try:
                await driver.run(self.hear, self._stands)
            finally:
                self._served.discard(name)

        now_s = asyncio.get_running_loop().time
        await supervise(f"line {name}", serve, self._jitter, now_s)

    # --- facts ------------------------------------------------------------------------------

    def hear(self, fact: api.Fact) -> None:
        """Take one fact from a driver."""
        if self._deaf:
            return
        self.devices.hear(fact, self._clock.moment().utc_us)
        if isinstance(fact, api.CommandEnded):
            self._command_ended(fact)
        elif isinstance(fact, api.KeysPressed):
            typed = self._wiring.typed(fact)
            if typed is not None:
                self.answering.typed(typed, fact.device)
        else:
            for heard in self._wiring.heard(fact, self._clock.moment().mono_us):
                self.judge(heard)
            # An input that is still settling brings no news yet; its time is waited for.
            self._arm_timer(self._clock.moment())

    def judge(self, heard: Input) -> Outcome:
        """Let the core judge one input now, and see to what it calls for."""
        moment = self._clock.moment()
        outcome = self.site.step(heard, moment)
        later = tuple(e for e in outcome.effects if not isinstance(e, LifeSafety))
        self.recorder.record(outcome.events, later)
        for event in outcome.events:
            if isinstance(event.body, AttemptAbandoned | DecisionMade) and event.body.reader:
                self.answering.ended(event.body.reader)
            elif isinstance(event.body, SourceActed):
                self.source_acted(event.body.source)
        # Ways out do not wait for the disk. They come behind `record` because a device that is
        # away answers at once, and that answer is judged, and recorded, in here.
        self.carry([e for e in outcome.effects if isinstance(e, LifeSafety)])
        self._arm_timer(moment)
        return outcome

    def judge_directory(self, directory: Directory, operator: str | None = None) -> Outcome:
        """Give the core other people to know; `operator` brought them."""
        who = None if operator is None else self._wiring.personal("operator", operator)
        return self.judge(
            inputs.DirectoryReplaced(id=self._wiring.new_id(), directory=directory, operator=who)
        )

    def judge_policy(
        self,
        policy: CompiledPolicy,
        operator: str,
        *,
        bundle: str = "",
        keys: tuple[str, ...] = (),
        returned: bool = False,
    ) -> Outcome:
        """Let this policy, which fits the wiring, decide from here on; as in `PolicyActivated`."""
        self._wiring.follow(policy)
        return self.judge(
            inputs.PolicyReplaced(
                id=self._wiring.new_id(),
                policy=policy,
                operator=self._wiring.personal("operator", operator),
                bundle=bundle,
                keys=keys,
                returned=returned,
            )
        )

    def judge_doubt(self, witnessed: int, held: int, before: str = "") -> Outcome:
        """A witness remembers another journal of ours; as `JournalDoubted`."""
        return self.judge(
            inputs.JournalDoubtHeard(
                id=self._wiring.new_id(), witnessed=witnessed, held=held, before=before
            )
        )

    async def _use_reserve(self) -> bool:
        released = await asyncio.to_thread(self._release_reserve)
        if released:
            self.judge(inputs.ReserveTaken(id=self._wiring.new_id()))
        return released

    def judge_fire_reset(self, fire: str, operator: str) -> Outcome:
        """A named person resets a fire input's latch."""
        who = self._wiring.personal("operator", operator)
        return self.judge(inputs.FireResetAsked(id=self._wiring.new_id(), fire=fire, operator=who))

    def hears_terminals(self, told: Callable[[str, CredentialRef], None]) -> None:
        """Let somebody be told of badges at terminals' own readers."""
        self._wiring.at_terminal = told

    def new_id(self) -> InputId:
        """For an input that is judged next."""
        return self._wiring.new_id()

    def personal(self, field: str, value: str) -> Personal:
        """A personal value for the record, cut to what one can hold."""
        return self._wiring.personal(field, value[:PERSONAL_CHARS_MAX])

    def now(self) -> Moment:
        return self._clock.moment()

    @property
    def outstanding(self) -> int:
        """Commands whose end no device has told yet."""
        return len(self._outstanding)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        assert self._tasks is not None, "facts come while the daemon runs"
        self._tasks.create_task(work, name=name)

    def _answered(self, answer: Input) -> Outcome | None:
        return None if self._deaf else self.judge(answer)

    # --- time -------------------------------------------------------------------------------

    def _arm_timer(self, moment: Moment) -> None:
        due = [d for d in (self.site.deadline(), self._wiring.deadline_us()) if d is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due and not self._deaf:
            pause_s = max(0, min(due) - moment.mono_us) / 1e6
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._time_passed)

    def _time_passed(self) -> None:
        for heard in self._wiring.settled(self._clock.moment().mono_us):
            self.judge(heard)
        self.judge(inputs.TimePassed(id=self._wiring.new_id()))

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_CHECK_S)
            trusted, stepped_ms = self._clock.trusted(), self._clock.stepped_ms()
            if stepped_ms or trusted is not self.site.state.clock_trusted:
                self.judge(
                    inputs.ClockChecked(
                        id=self._wiring.new_id(), trusted=trusted, stepped_ms=stepped_ms
                    )
                )

    # --- effects ----------------------------------------------------------------------------

    def carry(self, wishes: Sequence[Effect]) -> None:
        """See to effects whose turn has come, each only if it still stands."""
        now_us = self._clock.moment().mono_us
        for effect in wishes:
            if not self.site.stands(effect, now_us):
                self._effect_ended(effect, api.Outcome.WITHDRAWN)
            elif isinstance(effect, Question):
                self.answering.ask(effect)
            else:
                for command in self._wiring.commands(effect):
                    assert len(self._outstanding) < OUTSTANDING_MAX, "commands never end"
                    self._outstanding[command.id] = effect
                    self._note_locks()
                    self.devices.sent(command)
                    self._by_device[command.device].submit(command)

    def _stands(self, command: api.Command) -> bool:
        """The driver is about to put the command on the wire: does the core still want it?"""
        effect = self._outstanding.get(command.id)
        if effect is None:
            return command.id in self.devices.errands
        return self.site.stands(effect, self._clock.moment().mono_us)

    def _command_ended(self, fact: api.CommandEnded) -> None:
        effect = self._outstanding.pop(fact.command, None)
        if effect is None:
            return
        self._effect_ended(effect, fact.outcome)
        if isinstance(effect, SaidAgain):
            if fact.outcome in {api.Outcome.LOST, api.Outcome.REFUSED}:
                self._say_later(effect)
            else:
                self._pauses_s.pop(effect.id, None)
        self._note_locks()

    def _say_later(self, effect: SaidAgain) -> None:
        """A way out that must be free, or a door that must lock, is told until its device obeys."""
        pause_s = self._pauses_s.get(effect.id, REPEAT_S_MIN)
        self._pauses_s[effect.id] = min(pause_s * 2, REPEAT_S_MAX)
        asyncio.get_running_loop().call_later(pause_s, self._say_again, effect)

    def _say_again(self, effect: SaidAgain) -> None:
        # A device that is gone is told anew when it is back: the core wishes for it then.
        portal = self.site.state.portals.get(effect.portal)
        linked = portal is not None and portal.linked
        stands = self.site.stands(effect, self._clock.moment().mono_us)
        if linked and stands and not self._deaf:
            self.carry([effect])
        elif linked and isinstance(effect, SecurePortal) and not self._deaf:
            self._say_later(effect)  # somebody passes just now; behind him it must lock
        else:
            self._pauses_s.pop(effect.id, None)
            self._note_locks()

    def _note_locks(self) -> None:
        if self._pauses_s or any(isinstance(e, LockEffect) for e in self._outstanding.values()):
            self._locks_told.clear()
        else:
            self._locks_told.set()

    def _effect_ended(self, effect: Effect, outcome: api.Outcome) -> None:
        """What became of a lock's command is recorded; lights and beeps are not worth a line."""
        if isinstance(effect, LockEffect) and not self._deaf:
            self.judge(
                inputs.EffectEndHeard(
                    id=self._wiring.new_id(),
                    effect=EffectId(effect.id),
                    outcome=outcome,
                    portal=effect.portal,
                    action=action_of(effect),
                    drill=effect.drill,
                )
            )

    # --- the journal ------------------------------------------------------------------------

    def _journal_failed(self, reason: str) -> None:
        self.judge(inputs.JournalFailed(id=self._wiring.new_id(), reason=reason))

    def _journal_recovered(self, dropped: int) -> None:
        self.judge(inputs.JournalRecovered(id=self._wiring.new_id(), dropped=dropped))
        if dropped:
            # What was lost may have been a fire's latch: from here on the state is on disk itself.
            assert self._tasks is not None, "the journal is written while the daemon runs"
            self._tasks.create_task(self.keep_state(), name="snapshot over a gap")

    def _gap_header(self, seq: int) -> Header:
        moment = self._clock.moment()
        origin = self.site.origin
        return Header(
            site=origin.site,
            edge=origin.edge,
            incarnation=origin.incarnation,
            seq=seq,
            kind=kind_of(EntryDropped),
            utc_us=moment.utc_us,
            mono_us=moment.mono_us,
            clock_trusted=moment.trusted,
            cause="journal",
            policy=self.site.state.policy[:POLICY_DIGEST_CHARS],
        )

    async def _take_snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            await self.keep_state()

    async def keep_state(self) -> None:
        """Keep the state beside the journal, if what made it is all on disk."""
        state = self.site.state
        await self.recorder.drained()
        if self.recorder.down or state.seq > self.writer.last_seq:
            return
        try:
            await self.writer.put_snapshot(state.seq, snapshot(state), self._clock.moment().utc_us)
        except JournalError as error:
            log.warning("no snapshot: %s", error)
