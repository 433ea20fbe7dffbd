"""The core: facts in, events and wishes out. Nothing here knows a clock, a disk or a wire."""

from collections.abc import Callable
from typing import NamedTuple

from controller import (
    acceptance,
    alarm_answers,
    badges,
    barriers,
    cameras,
    deliveries,
    devices,
    erasures,
    faces,
    fires,
    muster,
    passages,
    perimeter,
    pictures,
    questions,
    records,
    service,
    signins,
    verdicts,
    visitors,
    visits,
    vouching,
)
from controller.effects import (
    AskToClose,
    Effect,
    FreeEgress,
    FreeExit,
    LeasePortal,
    LifeSafety,
    Question,
    ReleasePortal,
    SecurePortal,
)
from controller.events import (
    ClockJudged,
    EdgeStarted,
    EdgeStopping,
    Event,
    HoldersReplaced,
    JournalLost,
    JournalRestored,
    LockoutEnded,
    PolicyActivated,
    clipped,
)
from controller.holders import NOBODY, Directory
from controller.ids import PortalId
from controller.inputs import (
    Answer,
    BadgeRead,
    BadgeUnreadable,
    BoltRead,
    ClockChecked,
    ConsentEndAsked,
    ConsentOffered,
    ContactRead,
    CountersAsked,
    DeviceMisbehaved,
    DirectoryReplaced,
    EffectEndHeard,
    EvacuationConfirmAsked,
    ExitAsked,
    FireLineHeard,
    FireResetAsked,
    Input,
    JournalFailed,
    JournalRecovered,
    OrderOffered,
    OrderRejected,
    PassAsked,
    PersonEraseAsked,
    PersonReportAsked,
    PolicyReplaced,
    PortalLinkHeard,
    ReaderHeard,
    ReaderPowerHeard,
    ReaderTamperHeard,
    RefusalAsked,
    ScreeningHeard,
    Started,
    Stopping,
    TimePassed,
    VisitorCodeAsked,
)
from controller.ledger import commitment
from controller.moment import SECOND_US, Moment
from controller.order_ends import end_at_start, end_due, end_unrecorded
from controller.portal import LEASE_RENEW_US, Portal, Signal, State, exit_over_us, rex_deadline_us
from controller.posture import unlocked
from controller.state import SiteState
from controller.turn import Origin, Turn
from controller.whereabouts import gone, unseen
from policies.compiled import CompiledPolicy
from policies.facts import UtcSeconds

TIME = "time"
"""The cause of what falls due by itself. It is real even when a drill's input comes just then."""


class Outcome(NamedTuple):
    """What one step came to. Effects that are not LifeSafety wait until `events` are on disk."""

    events: tuple[Event, ...]
    effects: tuple[Effect, ...]


class Site:
    """The controller of one edge. One task owns it; `step` is its only way to change.

    `state` may come from a snapshot and the events after it; a fresh `Started` follows either way.
    """

    def __init__(
        self, origin: Origin, policy: CompiledPolicy, state: SiteState | None = None
    ) -> None:
        self.state = SiteState() if state is None else state
        self.policy = policy
        self.directory: Directory = NOBODY
        self.origin = origin
        # Attempts end under the policy they began under: kept while one of them is pending.
        self._policies = {policy.digest: policy}
        self._looked_at_schedules_us = 0
        self._hourglass = visits.Hourglass()
        self._wall_due_s: UtcSeconds | None = None
        self._due_us = self._next_due_us()

    def step(self, fact: Input, moment: Moment) -> Outcome:
        """Judge one fact at one moment. What had come due by then is dealt with first."""
        turn = Turn(self.origin, self.state, self.policy, self.directory, moment, TIME, False)
        if not isinstance(fact, Started):
            if _is_due(self._due_us, turn):
                self._deal_with_due(turn)
            if self._is_wall_due(moment):
                visits.deal_with_due(turn, self._hourglass)
            self._settle_leases(turn)
        before = turn.state
        turn.cause, turn.drill = clipped(fact.id), fact.drill
        self._handle(turn, fact)
        if turn.state.orders.in_force is not before.orders.in_force:
            acceptance.settle(turn, before.orders)
        if turn.state is not before:  # whatever was settled still holds otherwise
            self._settle_leases(turn)
        perimeter.settle(turn, self.state)
        visitors.settle(turn, self.state, self._hourglass.overview)
        self.state = turn.state
        self._due_us = self._next_due_us_at(turn)
        # A lease that fell due and was ended by this very fact is not wished for at all.
        effects = (
            effect
            for effect in turn.effects
            if not isinstance(effect, LeasePortal) or self.stands(effect, turn.now_us)
        )
        return Outcome(tuple(turn.events), tuple(effects))

    def deadline(self) -> int | None:
        """The monotonic microsecond at which `TimePassed` is due, or None: nothing is awaited."""
        return self._due_us

    def _next_due_us(self) -> int | None:
        """When the first thing falls due of all that `_deal_with_due` looks at, or a lease."""
        due = [portal.deadline_us for portal in self.state.portals.values()]
        due += [portal.close_due_us for portal in self.state.portals.values()]
        due += [portal.grant_until_us for portal in self.state.portals.values()]
        due += [rex_deadline_us(portal) for portal in self.state.portals.values()]
        due += [exit_over_us(portal) for portal in self.state.portals.values()]
        due += [attempt.deadline_us for attempt in self.state.attempts.values()]
        due += [fire.deadline_us for fire in self.state.fires.values()]
        due += self.state.people.locked_out.values()
        due += [one.until_us for one in self.state.orders.in_force.values()]
        due += perimeter.due_us(self.state, self.policy)
        if perimeter.has_schedules(self.policy):
            due.append(self._looked_at_schedules_us + LEASE_RENEW_US)
        return min((moment for moment in due if moment is not None), default=None)

    def _next_due_us_at(self, turn: Turn) -> int | None:
        """With what wall time brings: that runs as monotonic time does until somebody sets it, and
        is looked at again after every step.
        """
        due_us, moment = self._next_due_us(), turn.moment
        people, policy, events = self.directory, self.policy, turn.events
        self._wall_due_s = self._hourglass.due_s(self.state, policy, people, events)
        if self._wall_due_s is None or not moment.trusted:
            return due_us
        # What is due by now waits for the next step, as at a start.
        after_us = max(1, self._wall_due_s * SECOND_US - moment.utc_us)
        wall_us = moment.mono_us + after_us
        return wall_us if due_us is None else min(due_us, wall_us)

    def _is_wall_due(self, moment: Moment) -> bool:
        due_s = self._wall_due_s
        return due_s is not None and moment.trusted and moment.utc_s >= due_s

    def stands(self, effect: Effect, now_us: int) -> bool:
        """Whether the effect is still right: asked after the commit, and again at the wire.

        Between the two a lockdown, a fire or a newer verdict may have come.
        """
        if effect.not_after_us is not None and now_us > effect.not_after_us:
            return False
        match effect:
            case FreeEgress(portal=portal_id):
                return self._portal(portal_id).released
            case FreeExit(portal=portal_id):
                # A pulse must not end a release that has no end.
                return not self._portal(portal_id).released
            case LifeSafety():
                return barriers.stands(self.state, effect, now_us)
            case ReleasePortal():
                return self._release_stands(effect, now_us)
            case LeasePortal(portal=portal_id):
                return self._portal(portal_id).leased
            case SecurePortal(portal=portal_id):
                return self.state.ready and not fires.claimed(self._portal(portal_id), now_us)
            case AskToClose(portal=portal_id):
                return self._portal(portal_id).state is State.OPEN
            case _ if isinstance(effect, Question):
                return any(a.question == effect.question for a in self.state.attempts.values())
            case _:
                return barriers.stands(self.state, effect, now_us)

    def _portal(self, portal_id: PortalId) -> Portal:
        return self.state.portals.get(portal_id, Portal())

    def _release_stands(self, effect: ReleasePortal, now_us: int) -> bool:
        """A granted way out always stands. A way in stands while the grant in force at the portal
        is still the one that this release was wished for. Neither may cut short a longer release.
        """
        portal, rule = self._portal(effect.portal), self.policy.portal(effect.portal)
        if rule is None or portal.released or portal.leased:
            return False
        if effect.direction is rule.way_out:
            return True
        return (
            portal.attempt == effect.attempt
            and (self.state.recorded or rule.emergency)
            and questions.interlock_clear(self.state, self.policy, effect.portal, now_us)
        )

    def _handle(self, turn: Turn, fact: Input) -> None:
        if isinstance(fact, BadgeRead):
            passages.on_badge(turn, self._policies, fact)
            self._forget_policies(turn)
        elif isinstance(fact, Answer):
            passages.on_answer(turn, self._policies, fact)
            self._forget_policies(turn)
        elif isinstance(fact, RefusalAsked):
            passages.on_refused(turn, self._policies, fact)
            self._forget_policies(turn)
        elif isinstance(fact, DirectoryReplaced):
            self._replace_directory(turn, fact)
        elif isinstance(fact, PolicyReplaced):
            self._replace_policy(turn, fact)
        else:
            _HANDLERS[type(fact)](turn, fact)

    def _deal_with_due(self, turn: Turn) -> None:
        """Everything whose time had come by now, in an order that does not depend on anything."""
        orders = turn.state.orders
        for portal_id in sorted(turn.state.portals):
            portal = turn.state.portals[portal_id]
            if _is_due(portal.deadline_us, turn) and not portal.leased:
                turn.signal(portal_id, Signal.PATIENCE_ENDED)
            if _is_due(turn.state.portals[portal_id].close_due_us, turn):
                verdicts.ask_to_close(turn, portal_id)
            if _is_due(portal.grant_until_us, turn):
                turn.signal(portal_id, Signal.GRANT_ENDED)
            if _is_due(rex_deadline_us(portal), turn):
                turn.signal(portal_id, Signal.EXIT_STUCK)
            if _is_due(exit_over_us(turn.state.portals[portal_id]), turn):
                turn.signal(portal_id, Signal.EXIT_OVER)
                fires.secure(turn, portal_id)
        for reader in sorted(turn.state.attempts):
            if _is_due(turn.state.attempts[reader].deadline_us, turn):
                passages.on_patience_ended(turn, reader)
        for fire in sorted(turn.state.fires):
            if _is_due(turn.state.fires[fire].deadline_us, turn):
                fires.on_patience_ended(turn, fire)
        for holder, until_us in sorted(turn.state.people.locked_out.items()):
            if _is_due(until_us, turn):
                turn.record(LockoutEnded(holder=holder))
        end_due(turn)
        if turn.state.orders is not orders:
            acceptance.settle(turn, orders)
        perimeter.deal_with_due(turn)

    def _settle_leases(self, turn: Turn) -> None:
        self._looked_at_schedules_us = turn.now_us
        perimeter.settle_schedules(turn)
        for rule in turn.policy.portals:
            portal = turn.state.portals.get(PortalId(rule.id))
            ordered = unlocked(turn.state.orders, PortalId(rule.id))
            scheduled = rule.open_schedule is not None
            if portal is None or not (scheduled or ordered or portal.leased):
                continue
            due = portal.leased and _is_due(portal.deadline_us, turn)
            verdicts.settle_lease(turn, PortalId(rule.id), due=due)
            if portal.leased and not turn.state.portals[PortalId(rule.id)].leased:
                fires.secure(turn, PortalId(rule.id))

    def _replace_directory(self, turn: Turn, fact: DirectoryReplaced) -> None:
        self.directory = turn.directory = fact.directory
        visits.settle_consents(turn)
        visits.settle_hosts(turn)
        visitors.settle_gone(turn)
        turn.record(
            HoldersReplaced(
                version=fact.directory.version,
                digest=fact.directory.digest,
                holders=len(fact.directory.holders),
                credentials=len(fact.directory.by_ref),
                operator=None if fact.operator is None else commitment(fact.operator),
                provenance=fact.directory.provenance,
                gone=gone(turn.state.people, fact.directory.holders),
            ),
            fact.operator,
        )
        faces.settle_faces(turn)
        # Who was let in a moment ago may be known no more, or for another: badge again.
        for portal_id in sorted(turn.state.portals):
            fires.abort_entry(turn, portal_id)

    def _replace_policy(self, turn: Turn, fact: PolicyReplaced) -> None:
        was, self.policy = self.policy, fact.policy
        turn.policy = fact.policy
        self._policies[fact.policy.digest] = fact.policy
        for reader, attempt in list(turn.state.attempts.items()):
            if fact.policy.portal(attempt.portal) is None:
                passages.abandon(turn, reader, "the policy has no such portal any more")
        turn.record(
            PolicyActivated(
                version=fact.policy.version,
                digest=fact.policy.digest,
                fires=tuple(fire.id for fire in fact.policy.fire_inputs),
                portals=tuple(portal.id for portal in fact.policy.portals),
                operator=None if fact.operator is None else commitment(fact.operator),
                bundle=fact.bundle,
                keys=fact.keys,
                returned=fact.returned,
            ),
            fact.operator,
        )
        self._forget_policies(turn)
        fires.settle_egress(turn)
        fires.secure_other_locks(turn, was)
        acceptance.settle_marks(turn)
        fires.settle_start(turn)
        visits.settle_hosts(turn)

    def _forget_policies(self, turn: Turn) -> None:
        attempts = turn.state.attempts.values()
        needed = {attempt.policy for attempt in attempts}
        needed |= {attempt.first.policy for attempt in attempts if attempt.first is not None}
        needed.add(self.policy.digest)
        self._policies = {d: policy for d, policy in self._policies.items() if d in needed}


def _is_due(deadline_us: int | None, turn: Turn) -> bool:
    return deadline_us is not None and deadline_us <= turn.now_us


def _on_started(turn: Turn, fact: Started) -> None:
    turn.record(
        EdgeStarted(
            version=clipped(fact.version),
            policy=turn.policy.digest,
            fires=tuple(fire.id for fire in turn.policy.fire_inputs),
            portals=tuple(portal.id for portal in turn.policy.portals),
            safe_mode=fact.safe_mode,
            kept_copy=fact.kept_copy,
            unseen=unseen(turn.policy, turn.state.people),
            policy_version=turn.policy.version,
        )
    )
    if turn.state.clock_trusted is not turn.moment.trusted:
        turn.record(ClockJudged(trusted=turn.moment.trusted, stepped_ms=0))
    end_at_start(turn)
    # A fire that was latched before the restart frees the ways out before anything is read.
    fires.settle_egress(turn)
    acceptance.settle_marks(turn)
    fires.settle_start(turn)


def _on_journal_failed(turn: Turn, fact: JournalFailed) -> None:
    if not turn.state.recorded:
        return
    turn.record(JournalLost(reason=clipped(fact.reason)))
    end_unrecorded(turn)
    for portal_id in list(turn.state.portals):
        rule = turn.rule(portal_id)
        if rule is not None and not rule.emergency:
            fires.abort_entry(turn, portal_id)


def _on_clock(turn: Turn, fact: ClockChecked) -> None:
    if fact.trusted is not turn.state.clock_trusted or fact.stepped_ms:
        turn.record(ClockJudged(trusted=fact.trusted, stepped_ms=fact.stepped_ms))
        end_due(turn)  # what was given while nobody knew the time
        visits.settle_hosts(turn)  # a record that has not begun, by the time that it is now


def _on_journal_recovered(turn: Turn, fact: JournalRecovered) -> None:
    if not turn.state.recorded:
        turn.record(JournalRestored(dropped=fact.dropped))


def _on_stopping(turn: Turn, fact: Stopping) -> None:
    """Leave every portal as a dead edge should: locked, but for what is released or on its way out.

    No card is accepted any more, and nothing stands open by schedule.
    """
    turn.record(EdgeStopping(reason=clipped(fact.reason)))
    for reader in sorted(turn.state.attempts):
        passages.abandon(turn, reader, "the edge stops")
    for portal_id in sorted(turn.state.portals):
        fires.abort_entry(turn, portal_id)
        if turn.state.portals[portal_id].leased:
            turn.signal(portal_id, Signal.LEASE_ENDED)
        fires.secure(turn, portal_id)


def _on_time(turn: Turn, fact: TimePassed) -> None:
    """What had come due was dealt with before; the passing itself is not recorded."""


_HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    Started: _on_started,
    Stopping: _on_stopping,
    TimePassed: _on_time,
    BadgeUnreadable: devices.on_badge_unreadable,
    ContactRead: devices.on_contact,
    BoltRead: devices.on_bolt,
    ExitAsked: passages.on_exit_asked,
    FireLineHeard: fires.on_line,
    FireResetAsked: fires.on_reset,
    ReaderHeard: devices.on_reader,
    ReaderTamperHeard: devices.on_reader_tamper,
    ReaderPowerHeard: devices.on_reader_power,
    DeviceMisbehaved: devices.on_device_misbehaved,
    PortalLinkHeard: devices.on_portal_link,
    EffectEndHeard: devices.on_effect_end,
    OrderOffered: acceptance.on_offered,
    OrderRejected: acceptance.on_rejected,
    EvacuationConfirmAsked: acceptance.on_confirm_asked,
    CountersAsked: acceptance.on_counters_asked,
    ScreeningHeard: visits.on_screening,
    ConsentOffered: visits.on_consent_offered,
    ConsentEndAsked: visits.on_consent_end_asked,
    PassAsked: vouching.on_pass_asked,
    PersonEraseAsked: erasures.on_erase_asked,
    PersonReportAsked: erasures.on_report_asked,
    VisitorCodeAsked: visits.on_code_asked,
    JournalFailed: _on_journal_failed,
    JournalRecovered: _on_journal_recovered,
    ClockChecked: _on_clock,
    **alarm_answers.HANDLERS,
    **badges.HANDLERS,
    **faces.HANDLERS,
    **cameras.HANDLERS,
    **deliveries.HANDLERS,
    **muster.HANDLERS,
    **perimeter.HANDLERS,
    **pictures.HANDLERS,
    **signins.HANDLERS,
    **records.HANDLERS,
    **service.HANDLERS,
    **visitors.HANDLERS,
}
