"""What a drill showed: how soon each door obeyed, which did not, who was found when, and what was
real meanwhile. A fold of the journal's events, with doors by the core's own reckoning.
"""

import msgspec
from msgspec.structs import replace

from controller import events as ev
from controller import events_muster as em
from controller.arrival import OBEYED, Action, Answer, Arrival, arrivals
from controller.body import Header
from controller.events import Event
from controller.events_orders import OrderAccepted, OrderEnded
from controller.ids import HolderId, PortalId
from controller.moment import SECOND_US
from controller.orders import EndCause, InForce, Order
from controller.posture import covers, freed_by
from controller.retention import CLASS_OF, RecordClass
from controller.state import SiteState
from policies.compiled import CompiledPolicy
from policies.rights import OrderKind

LATE_US = SECOND_US
"""A door that took longer came late: whoever is at it was not kept out meanwhile."""

REAL_MAX = 200
"""Real events of one drill that are named; they are counted beyond."""

_REAL_TOO = frozenset(
    ev.kind_of(body)
    for body in (
        OrderAccepted,
        ev.ContactFaulted,
        ev.ExitStuck,
        ev.JournalLost,
        ev.PortalLost,
        ev.ReaderLost,
        ev.EdgeStarted,
    )
)
"""Beside alarms: what a drill must not have hidden."""


class DoorShown(msgspec.Struct, frozen=True, kw_only=True):
    """One portal that the order is about. Times are from the order's entry on; None: not in the
    drill. `linked`: its device answered when the order came. `arrival`: at the drill's end.
    """

    portal: PortalId
    action: Action
    observable: bool
    linked: bool
    arrival: Arrival
    confirmed_us: int | None = None
    obeyed_us: int | None = None

    @property
    def late(self) -> bool:
        return self.obeyed_us is not None and self.obeyed_us > LATE_US

    @property
    def missing(self) -> bool:
        """It never obeyed. Without a contact that cannot be said of one that has confirmed."""
        if self.obeyed_us is not None:
            return False
        return self.observable or self.confirmed_us is None


class FoundShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was checked off, so long after the order. `undone`: that was taken back."""

    holder: HolderId
    where: str
    after_us: int
    undone: bool = False


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """One drill. `ended_us` and `cause` are None while it goes on; `by`: the order that ended it.
    `mustered`: a muster began with it, which was over at `muster_us`; `unfound`: how many were
    missing then, None where it is not over, or `replaced` by another. `real`: numbers of entries;
    `real_more`: so many are not named. `policy`: head of the digest of the one then in force.
    """

    order: Order
    entry: int
    utc_us: int
    clock_trusted: bool
    people: int
    path: str
    policy: str
    doors: tuple[DoorShown, ...] = ()
    found: tuple[FoundShown, ...] = ()
    mustered: bool = False
    unfound: int | None = None
    checked: int | None = None
    muster_us: int | None = None
    replaced: bool = False
    ended_us: int | None = None
    ended_utc_us: int | None = None
    cause: EndCause | None = None
    by: str = ""
    last_us: int = 0
    real: tuple[int, ...] = ()
    real_more: int = 0

    @property
    def missing(self) -> tuple[DoorShown, ...]:
        return tuple(door for door in self.doors if door.missing)

    @property
    def late(self) -> tuple[DoorShown, ...]:
        return tuple(door for door in self.doors if door.late)

    @property
    def works_locks(self) -> bool:
        """Whether anything at a door was to move."""
        return self.order.moves and self.order.kind is not OrderKind.RAISE


class DrillFold:
    """One drill, while its entries come. `event` is its `OrderAccepted`, `state` the core's behind
    it, with its doors at least; `policy` the one in force then.
    """

    def __init__(self, event: Event, state: SiteState, policy: CompiledPolicy) -> None:
        body, header = event.body, event.header
        assert isinstance(body, OrderAccepted), "a drill begins with its order"
        self._policy = policy
        self._one = InForce(order=body.order, seq=header.seq, late=body.late)
        self._began_us = header.mono_us
        self._last_us = 0
        self._freed = (
            freed_by(self._one, policy)
            if body.order.kind is OrderKind.EVACUATE
            else frozenset[str]()
        )
        self.drill = Drill(
            order=body.order,
            entry=header.seq,
            utc_us=header.utc_us,
            clock_trusted=header.clock_trusted,
            people=body.people,
            path=body.path,
            policy=header.policy,
        )
        if self.drill.works_locks:
            self._look(state, 0)
        else:
            self._stand(state)

    @property
    def over(self) -> bool:
        """Nothing that comes later belongs to it."""
        drill = self.drill
        return drill.cause is not None and (not drill.mustered or drill.muster_us is not None)

    def take(self, event: Event, state: SiteState) -> None:
        """The next event, with the state behind it."""
        if isinstance(event.body, ev.EdgeStarted):
            self._begin_clock_anew(event.header)
        after_us = self._last_us = event.header.mono_us - self._began_us
        self._note_people(event, after_us)
        if self.drill.cause is not None:
            return
        self.drill = replace(self.drill, last_us=after_us)
        self._note_real(event)
        if isinstance(event.body, OrderEnded) and event.body.order == self.drill.order.id:
            self.drill = replace(
                self.drill,
                ended_us=after_us,
                ended_utc_us=event.header.utc_us,
                cause=event.body.cause,
                by=event.body.by,
            )
        elif self.drill.works_locks and isinstance(event.body, ev.PortalChange | ev.EffectEnded):
            self._look(state, after_us)

    def _begin_clock_anew(self, header: Header) -> None:
        """Another monotonic clock: how long the edge was away the wall tells, where it is trusted
        on both sides.
        """
        away_us = header.utc_us - self.drill.utc_us
        known = header.clock_trusted and self.drill.clock_trusted
        self._began_us = header.mono_us - max(self._last_us, away_us if known else 0)

    def _look(self, state: SiteState, after_us: int) -> None:
        known = {door.portal: door for door in self.drill.doors}
        doors = []
        for one in arrivals(self._one, self._policy, state.portals, state.answers):
            action = Action.FREE if one.portal in self._freed else Action.SECURE
            before = known.get(one.portal) or DoorShown(
                portal=one.portal,
                action=action,
                observable=one.observable,
                linked=state.portals[one.portal].linked,
                arrival=one.arrival,
            )
            confirmed = self._confirmed(state.answers.get(one.portal, Answer()), action)
            doors.append(
                replace(
                    before,
                    arrival=one.arrival,
                    confirmed_us=_first(before.confirmed_us, after_us if confirmed else None),
                    obeyed_us=_first(before.obeyed_us, after_us if one.arrival in OBEYED else None),
                )
            )
        self.drill = replace(self.drill, doors=tuple(doors))

    def _confirmed(self, answer: Answer, action: Action) -> bool:
        said = answer.freed if action is Action.FREE else answer.secured
        return said >= self._one.seq

    def _stand(self, state: SiteState) -> None:
        """No lock is worked: which doors there are, and how they could be reached."""
        doors = (
            DoorShown(
                portal=PortalId(rule.id),
                action=Action.FREE if rule.id in self._freed else Action.SECURE,
                observable=rule.contact,
                linked=state.portals[PortalId(rule.id)].linked,
                arrival=Arrival.ORDERED,
            )
            for rule in self._policy.portals
            if PortalId(rule.id) in state.portals
            and covers(self._one, self._policy, PortalId(rule.id))
        )
        self.drill = replace(self.drill, doors=tuple(doors))

    def _note_people(self, event: Event, after_us: int) -> None:
        body, drill = event.body, self.drill
        match body:
            case em.MusterBegun(order=order):
                if order == drill.order.id:
                    self.drill = replace(drill, mustered=True)
                elif drill.mustered and drill.muster_us is None:
                    self.drill = replace(drill, muster_us=after_us, replaced=True)
            case em.PersonCheckedOff(holder=holder, where=where):
                if drill.muster_us is None:
                    one = FoundShown(holder=holder, where=where, after_us=after_us)
                    self.drill = replace(drill, found=(*drill.found, one))
            case em.CheckUndone(holder=holder):
                found = tuple(
                    replace(one, undone=True) if one.holder == holder else one
                    for one in drill.found
                )
                self.drill = replace(drill, found=found)
            case em.MusterEnded(missing=missing, checked=checked):
                if drill.mustered and drill.muster_us is None:
                    self.drill = replace(
                        drill, unfound=missing, checked=checked, muster_us=after_us
                    )

    def _note_real(self, event: Event) -> None:
        header = event.header
        alarm = CLASS_OF.get(header.kind) is RecordClass.ALARMS
        if header.drill or not (alarm or header.kind in _REAL_TOO) or self._is_its_end(event):
            return
        if len(self.drill.real) < REAL_MAX:
            self.drill = replace(self.drill, real=(*self.drill.real, header.seq))
        else:
            self.drill = replace(self.drill, real_more=self.drill.real_more + 1)

    def _is_its_end(self, event: Event) -> bool:
        match event.body:
            case OrderAccepted(order=order):
                return order.ends == (self.drill.order.id,)
            case OrderEnded(order=order):
                return order == self.drill.order.id
            case _:
                return False


def _first(before: int | None, now: int | None) -> int | None:
    return now if before is None else before
