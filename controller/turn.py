"""One step while it is being made: events apply as they are recorded, effects are gathered."""

from collections.abc import Callable

from msgspec.structs import replace

from controller import portal as leaf
from controller.effects import Effect
from controller.events import (
    Body,
    BoltMoved,
    CloseAsked,
    ContactFaulted,
    EgressEnded,
    EgressReleased,
    Event,
    ExitLetGo,
    ExitOver,
    ExitRequested,
    ExitStuck,
    GrantAborted,
    GrantUnused,
    Header,
    LeaseEnded,
    PartyLeftBehind,
    PassageMade,
    PortalChange,
    PortalClosed,
    PortalForced,
    PortalFound,
    PortalGranted,
    PortalHeld,
    PortalLeased,
    PortalLost,
    PortalNeverClosed,
    PortalOpened,
    PortalSecured,
    PortalSettled,
    SecureEnded,
    VisitorUnescorted,
    kind_of,
)
from controller.holders import Directory
from controller.ids import AttemptId, EffectId, HolderId, PortalId
from controller.ledger import Personal
from controller.moment import Moment
from controller.portal import SUPERSEDING, TABLE, Contact, Note, Portal, Signal
from controller.state import SiteState, apply
from controller.whereabouts import Moved, Passing, emptied_by, left_alone, left_behind, passage_made
from policies.compiled import CompiledPolicy, PortalRule
from policies.facts import Direction

POLICY_DIGEST_CHARS = 16
"""How much of the policy's digest every header carries; starts and changes carry it whole."""

_PLAIN: dict[Note, type[PortalChange]] = {
    Note.GRANTED: PortalGranted,
    Note.FORCED: PortalForced,
    Note.CLOSE_ASKED: CloseAsked,
    Note.HELD: PortalHeld,
    Note.NEVER_CLOSED: PortalNeverClosed,
    Note.CLOSED: PortalClosed,
    Note.FAULTED: ContactFaulted,
    Note.EXIT_REQUESTED: ExitRequested,
    Note.EXIT_LET_GO: ExitLetGo,
    Note.EXIT_STUCK: ExitStuck,
    Note.EXIT_OVER: ExitOver,
    Note.LEASED: PortalLeased,
    Note.LEASE_ENDED: LeaseEnded,
    Note.RELEASE_ENDED: EgressEnded,
    Note.SECURED: PortalSecured,
    Note.SECURE_ENDED: SecureEnded,
    Note.LOST: PortalLost,
    Note.FOUND: PortalFound,
    Note.SETTLED: PortalSettled,
}
_SAYING_MORE: dict[Note, type[PortalChange]] = {
    Note.PASSED: PassageMade,
    Note.UNUSED: GrantUnused,
    Note.ABORTED: GrantAborted,
    Note.OPENED: PortalOpened,
    Note.RELEASED: EgressReleased,
}
"""Notes whose events say as well whose grant it was, or who is where by them."""

assert _PLAIN.keys() | _SAYING_MORE.keys() == set(Note), "every note has its event"


class Origin:
    """Whose events these are: the constant part of every header."""

    def __init__(self, site: str, edge: str, incarnation: str) -> None:
        self.site = site
        self.edge = edge
        self.incarnation = incarnation


class Turn:
    """The state as it becomes during one step, with what is to be recorded and done.

    `state` is always what replaying `events` gives: every change goes through `record`.
    """

    def __init__(
        self,
        origin: Origin,
        state: SiteState,
        policy: CompiledPolicy,
        directory: Directory,
        moment: Moment,
        cause: str,
        drill: bool,
    ) -> None:
        self.origin = origin
        self.state = state
        self.policy = policy
        self.directory = directory
        self.moment = moment
        self.cause = cause
        self.drill = drill
        self.events: list[Event] = []
        self.effects: list[Effect] = []

    @property
    def now_us(self) -> int:
        return self.moment.mono_us

    def record(self, body: Body, *personal: Personal | None) -> None:
        """Record that `body` happened, now, and change the state by it."""
        header = Header(
            site=self.origin.site,
            edge=self.origin.edge,
            incarnation=self.origin.incarnation,
            seq=self.state.seq + 1,
            kind=kind_of(type(body)),
            utc_us=self.moment.utc_us,
            mono_us=self.moment.mono_us,
            clock_trusted=self.moment.trusted,
            cause=self.cause,
            drill=self.drill,
            policy=self.state.policy[:POLICY_DIGEST_CHARS],
        )
        values = tuple(value for value in personal if value is not None)
        event = Event(header=header, body=body, personal=values)
        self.events.append(event)
        self.state = apply(self.state, event)

    def wish(self, make: Callable[[EffectId, int, bool], Effect]) -> None:
        """Add an effect; `make` gets its id, the seq of the event behind it, and the drill mark.

        The event comes first: an effect that nothing in its step explains has no business here,
        and its id would not be its own.
        """
        assert self.events, "every effect has an event behind it"
        seq = self.state.seq
        effect_id = EffectId(f"{seq}.{len(self.effects)}")
        self.effects.append(make(effect_id, seq, self.drill))

    def rule(self, portal: PortalId) -> PortalRule | None:
        return self.policy.portal(portal)

    def leads_out(self, portal_id: PortalId, direction: Direction | None) -> bool:
        """Whether this direction is the portal's way out; the policy may call it either name."""
        rule = self.rule(portal_id)
        return rule is not None and direction is rule.way_out

    def signal(
        self,
        portal_id: PortalId,
        signal: Signal,
        *,
        attempt: AttemptId | None = None,
        direction: Direction | None = None,
        passing: Passing | None = None,
    ) -> bool:
        """Put a signal to a portal and record what it makes of it; False when it ignores it."""
        rule, before = self.rule(portal_id), self.state.portals.get(portal_id)
        if rule is None or before is None or TABLE[before.state][signal].note is None:
            return False
        if signal in SUPERSEDING and before.direction is not None:
            self.signal(portal_id, Signal.GRANT_ENDED)
            before = self.state.portals[portal_id]
        if signal is Signal.GRANTED and before.contact is not Contact.CLOSED:
            # Of a button too: whoever pressed it may go without anybody seeing the leaf move.
            passing = replace(passing or Passing(holders=()), ajar=True)
        after, note = leaf.move(
            before,
            signal,
            rule,
            self.now_us,
            attempt=attempt,
            direction=direction,
            passing=passing,
        )
        if note is None:
            return False
        change = self._change(portal_id, before, after, note, signal)
        moved = change.moved if isinstance(change, PassageMade) else None
        stayed = None if moved is None else left_behind(self.state.people, moved)
        self.record(change)
        if moved is not None and stayed is not None:
            self._party_divided(portal_id, moved, *stayed)
        if isinstance(change, PassageMade) and change.moved is not None:
            for visitor, host in left_alone(self.state.people, change.moved):
                reason = f"the host left {change.moved.source}"
                self.record(VisitorUnescorted(visitor=visitor, host=host, reason=reason))
        return True

    def _party_divided(
        self, portal_id: PortalId, moved: Moved, leader: HolderId, stayed: int
    ) -> None:
        self.record(
            PartyLeftBehind(holder=leader, portal=portal_id, zone=moved.source, people=stayed)
        )

    def _change(
        self, portal_id: PortalId, before: Portal, after: Portal, note: Note, signal: Signal
    ) -> PortalChange:
        match note:
            case Note.PASSED:
                # Somebody inside asked to leave just now: the leaf may have opened for him.
                by_button = signal is Signal.OPENED_FROM_INSIDE and self._shunted(before)
                moved = self._passed(portal_id, before, sure=not by_button)
                return PassageMade(
                    portal=portal_id,
                    after=after,
                    attempt=before.attempt,
                    direction=before.direction,
                    moved=moved,
                )
            case Note.UNUSED:
                # Who badges where the leaf is not seen closed may have gone in without our knowing.
                ajar = before.passing is not None and before.passing.ajar
                return GrantUnused(
                    portal=portal_id,
                    after=after,
                    attempt=before.attempt,
                    direction=before.direction,
                    moved=self._passed(portal_id, before, sure=False) if ajar else None,
                )
            case Note.ABORTED:
                return GrantAborted(
                    portal=portal_id,
                    after=after,
                    attempt=before.attempt,
                    direction=before.direction,
                )
            case Note.OPENED:
                return PortalOpened(portal=portal_id, after=after, moved=self._left(portal_id))
            case Note.RELEASED:
                emptied = emptied_by(self.policy, portal_id)
                return EgressReleased(portal=portal_id, after=after, emptied=emptied)
            case _:
                return _PLAIN[note](portal=portal_id, after=after)

    def _shunted(self, portal: Portal) -> bool:
        return portal.shunt_until_us is not None and self.now_us <= portal.shunt_until_us

    def _passed(self, portal_id: PortalId, before: Portal, *, sure: bool) -> Moved | None:
        """Those who were let through have gone, or, of an open leaf or not `sure`, may have."""
        passing = before.passing
        known = 0 if passing is None else passing.people
        people = known or int(sure)  # somebody without a name, who may not have gone at all
        sure = passing is None or (sure and not passing.ajar)
        return passage_made(self.policy, portal_id, before.direction, passing, people, sure=sure)

    def _left(self, portal_id: PortalId) -> Moved | None:
        """Somebody opened from inside; where the portal stands open, nobody knows which way, and
        whoever was there may be gone.
        """
        rule, portal = self.rule(portal_id), self.state.portals[portal_id]
        if rule is None:
            return None
        people = 0 if portal.leased or portal.released else 1
        return passage_made(self.policy, portal_id, rule.way_out, None, people)

    def moved_bolt(self, portal_id: PortalId, bolted: bool) -> None:
        before = self.state.portals.get(portal_id)
        if before is not None and before.bolted is not bolted:
            self.record(BoltMoved(portal=portal_id, after=replace(before, bolted=bolted)))
