"""Visits as they go on: what guards and hosts ask of them, and what time and doors do to them.

Nothing here opens anything, and nothing keeps anybody in. What was given for a visit is worth
something while the visit lasts (`controller.visit.window_of`); by a clock that is not trusted no
visit falls due, and nothing that was given for one lets anybody in.
"""

from collections.abc import Callable
from enum import StrEnum

from controller.events_visits import (
    PresenceCorrected,
    VisitBadgeReturned,
    VisitEnd,
    VisitEnded,
    VisitExpected,
    VisitExtended,
    VisitId,
    VisitorGiven,
    VisitorSignedIn,
    VisitorSignedOut,
    VisitorUnaccounted,
    VisitOverdue,
)
from controller.holders import Directory
from controller.ids import CredentialId, HolderId
from controller.inputs import Input
from controller.inputs_visits import (
    ExtensionAsked,
    GivingAsked,
    PresenceTold,
    SignInAsked,
    SignOutAsked,
    VisitAsked,
    VisitBadgeGone,
    VisitCancelAsked,
)
from controller.ledger import Personal, commitment
from controller.moment import Moment
from controller.muster import is_inside
from controller.state import SiteState
from controller.turn import Turn
from controller.visit import (
    VISITS_OPEN_MAX,
    Signal,
    State,
    Visit,
    Visits,
    open_of,
    signalled,
    waits_for_exit,
    worth_until_s,
)
from policies.compiled import CompiledPolicy
from policies.document import valid_id
from policies.facts import UtcSeconds
from policies.schedule import DAY_S, HORIZON_UTC_S, day_end_s

VISIT_S_MAX = 31 * DAY_S
"""Who stays for longer is no visitor: he gets a badge of his own."""

AHEAD_S_MAX = 366 * DAY_S
"""Of an announcement. A year that is mistyped is farther away."""

EARLY_S_MAX = 4 * 3_600
"""Before the expected time somebody may be signed in: people come when their aeroplane does."""

GIVEN_MAX = 16
"""Codes and badges of one visit."""

THERE = frozenset({State.SIGNED_IN, State.OVERDUE, State.LEAVING, State.UNACCOUNTED})
"""The visitor has come, and nobody has seen him leave."""


class Refusal(StrEnum):
    """Why something that was asked of a visit is not done."""

    UNWRITABLE = "unwritable"
    NO_VISIT = "no-visit"
    STATE = "state"  # the table gives it no meaning as the visit is now
    VISITOR_UNKNOWN = "visitor-unknown"
    NO_VISITOR = "no-visitor"  # somebody with another role than a visitor's
    HOST_UNKNOWN = "host-unknown"
    HOST_IS_VISITOR = "host-is-visitor"
    HOST_NOT_VALID = "host-not-valid"
    ORDER = "order"  # it ends before it begins, or not later than it did
    PAST = "past"
    TOO_LONG = "too-long"
    TOO_FAR = "too-far"
    TOO_EARLY = "too-early"
    ANOTHER = "another"  # visit of the same person, who has not left yet
    TOO_MANY = "too-many"
    GIVEN = "given"  # what is to be given was given for another visit, and is on file still
    STILL_INSIDE = "still-inside"  # by the doors, behind the day's end
    PERSON_UNKNOWN = "person-unknown"
    PLACE = "place"


def why_not_expected(
    state: SiteState,
    policy: CompiledPolicy,
    directory: Directory,
    moment: Moment,
    asked: VisitAsked,
) -> Refusal | None:
    """Why nobody is to come then; None where somebody is."""
    known = directory.holders.get(asked.holder)
    if known is None:
        return Refusal.VISITOR_UNKNOWN
    if not policy.standing(known.facts.roles).visitor:
        return Refusal.NO_VISITOR
    open_now = sum(one.state is not State.ENDED for one in state.visits.values())
    if open_now >= VISITS_OPEN_MAX:
        return Refusal.TOO_MANY
    return (
        _recorded(state)
        or why_not_host(policy, directory, moment, asked.host)
        or why_not_then(moment, asked.from_s, asked.until_s)
    )


def why_not_host(
    policy: CompiledPolicy, directory: Directory, moment: Moment, host: HolderId
) -> Refusal | None:
    """Whoever receives somebody is no visitor himself, and in good standing."""
    known = directory.holders.get(host)
    if known is None:
        return Refusal.HOST_UNKNOWN
    facts = known.facts
    if policy.standing(facts.roles).visitor:
        return Refusal.HOST_IS_VISITOR
    ended = facts.valid_until_s is not None and facts.valid_until_s <= moment.utc_s
    if facts.suspended or (moment.trusted and ended):
        return Refusal.HOST_NOT_VALID
    return None


def why_not_then(moment: Moment, from_s: UtcSeconds, until_s: UtcSeconds) -> Refusal | None:
    """Why no visit has these times."""
    if until_s <= from_s:
        return Refusal.ORDER
    if until_s - from_s > VISIT_S_MAX:
        return Refusal.TOO_LONG
    if moment.trusted and until_s <= moment.utc_s:
        return Refusal.PAST
    # No clock on a wall can be read beyond the horizon, whoever vouches for ours.
    far_s = moment.utc_s + AHEAD_S_MAX if moment.trusted else HORIZON_UTC_S - VISIT_S_MAX
    if from_s > far_s:
        return Refusal.TOO_FAR
    return None


def why_not_signed_in(
    state: SiteState, moment: Moment, visit: VisitId, credential: str = ""
) -> Refusal | None:
    """Why a visitor is not signed in; None where he is. `credential`: what he is to be given."""
    found, why = _in_state(state, visit, Signal.SIGNED_IN)
    if found is None:
        return why
    if any(one.state in THERE for _, one in open_of(state.visits, found.holder)):
        return Refusal.ANOTHER
    if moment.trusted and found.until_s <= moment.utc_s:
        return Refusal.PAST
    if moment.trusted and found.from_s > moment.utc_s + EARLY_S_MAX:
        return Refusal.TOO_EARLY
    return _recorded(state) or _why_not_fresh(state, credential)


def _why_not_fresh(state: SiteState, credential: str) -> Refusal | None:
    bound = worth_until_s(state.visits, CredentialId(credential)) if credential else None
    return None if bound is None else Refusal.GIVEN


def why_not_given(state: SiteState, visit: VisitId, credential: str = "") -> Refusal | None:
    """Why a visitor gets nothing more; None where he does. `credential`: as at the sign-in."""
    found = state.visits.get(visit)
    if found is None:
        return Refusal.NO_VISIT
    if found.state is not State.SIGNED_IN:
        return Refusal.STATE
    if len(found.credentials) >= GIVEN_MAX:
        return Refusal.TOO_MANY
    return _recorded(state) or _why_not_fresh(state, credential)


def why_not_extended(
    state: SiteState, moment: Moment, visit: VisitId, until_s: UtcSeconds
) -> Refusal | None:
    """Why a visit does not go on until then; None where it does."""
    found, why = _in_state(state, visit, Signal.EXTENDED)
    if found is None:
        return why
    if until_s <= found.until_s:
        return Refusal.ORDER
    return _recorded(state) or why_not_then(moment, found.from_s, until_s)


def why_not_signed_out(state: SiteState, visit: VisitId) -> Refusal | None:
    """Why a visitor is not signed out. It takes something away: no journal is waited for."""
    found = state.visits.get(visit)
    if found is None:
        return Refusal.NO_VISIT
    if signalled(found.state, _signing_out(state, found)) is not None:
        return None
    return Refusal.STILL_INSIDE if found.state is State.UNACCOUNTED else Refusal.STATE


def why_not_cancelled(state: SiteState, visit: VisitId) -> Refusal | None:
    """Why a visit is not cancelled; None where it is."""
    return _in_state(state, visit, Signal.CANCELLED)[1]


def why_not_told(directory: Directory, asked: PresenceTold) -> Refusal | None:
    """Why a guard's word is not taken; None where it is."""
    if asked.holder not in directory.holders:
        return Refusal.PERSON_UNKNOWN
    return None if valid_id(asked.where) else Refusal.PLACE


def _recorded(state: SiteState) -> Refusal | None:
    return None if state.recorded else Refusal.UNWRITABLE


def _in_state(
    state: SiteState, visit: VisitId, signal: Signal
) -> tuple[Visit | None, Refusal | None]:
    """The visit where the signal means something now; otherwise why it does not."""
    found = state.visits.get(visit)
    if found is None:
        return None, Refusal.NO_VISIT
    if signalled(found.state, signal) is None:
        return None, Refusal.STATE
    return found, None


def _signing_out(state: SiteState, visit: Visit) -> Signal:
    """Whom doors have inside is waited for: that he said goodbye is not that he has gone."""
    inside = visit.holder in state.people.sightings and visit.seen_inside is not False
    return Signal.SIGNED_OUT_INSIDE if inside else Signal.SIGNED_OUT


# --- what is asked ----------------------------------------------------------------------------


def _on_asked(turn: Turn, asked: VisitAsked) -> None:
    if why_not_expected(turn.state, turn.policy, turn.directory, turn.moment, asked) is not None:
        return
    organisation = asked.organisation
    turn.record(
        VisitExpected(
            visit=asked.visit,
            holder=asked.holder,
            host=asked.host,
            from_s=asked.from_s,
            until_s=asked.until_s,
            closes_s=day_end_s(turn.policy.zone, asked.until_s),
            purpose=commitment(asked.purpose),
            organisation=None if organisation is None else commitment(organisation),
            operator=commitment(asked.operator),
        ),
        asked.purpose,
        organisation,
        asked.operator,
    )


def _on_sign_in(turn: Turn, asked: SignInAsked) -> None:
    if why_not_signed_in(turn.state, turn.moment, asked.visit, asked.credential) is not None:
        return
    turn.record(
        VisitorSignedIn(
            visit=asked.visit,
            holder=turn.state.visits[asked.visit].holder,
            given=asked.given,
            credential=asked.credential,
            document=commitment(asked.document),
            operator=commitment(asked.operator),
        ),
        asked.document,
        asked.operator,
    )


def _on_giving(turn: Turn, asked: GivingAsked) -> None:
    if why_not_given(turn.state, asked.visit, asked.credential) is not None:
        return
    turn.record(
        VisitorGiven(
            visit=asked.visit,
            holder=turn.state.visits[asked.visit].holder,
            given=asked.given,
            credential=CredentialId(asked.credential),
            operator=commitment(asked.operator),
        ),
        asked.operator,
    )


def _on_extension(turn: Turn, asked: ExtensionAsked) -> None:
    if why_not_extended(turn.state, turn.moment, asked.visit, asked.until_s) is not None:
        return
    turn.record(
        VisitExtended(
            visit=asked.visit,
            holder=turn.state.visits[asked.visit].holder,
            until_s=asked.until_s,
            closes_s=day_end_s(turn.policy.zone, asked.until_s),
            word=asked.word,
            operator=commitment(asked.operator),
        ),
        asked.operator,
    )


def _on_sign_out(turn: Turn, asked: SignOutAsked) -> None:
    if why_not_signed_out(turn.state, asked.visit) is not None:
        return
    visit = turn.state.visits[asked.visit]
    turn.record(
        VisitorSignedOut(
            visit=asked.visit,
            holder=visit.holder,
            waits=_signing_out(turn.state, visit) is Signal.SIGNED_OUT_INSIDE,
            operator=commitment(asked.operator),
        ),
        asked.operator,
    )


def _on_cancel(turn: Turn, asked: VisitCancelAsked) -> None:
    if why_not_cancelled(turn.state, asked.visit) is None:
        _end(turn, asked.visit, VisitEnd.CANCELLED, asked.operator)


def _on_badge_gone(turn: Turn, fact: VisitBadgeGone) -> None:
    visit = turn.state.visits.get(fact.visit)
    if visit is not None and visit.state is State.ENDED and not visit.returned:
        turn.record(VisitBadgeReturned(visit=fact.visit, holder=visit.holder))


def _on_told(turn: Turn, asked: PresenceTold) -> None:
    """A guard's word on who is inside. A zone is inside whatever he says of it."""
    if why_not_told(turn.directory, asked) is not None:
        return
    turn.record(
        PresenceCorrected(
            holder=asked.holder,
            where=asked.where,
            inside=asked.inside and is_inside(turn.policy, asked.where),
            reason=commitment(asked.reason),
            operator=commitment(asked.operator),
        ),
        asked.reason,
        asked.operator,
    )


# --- what time and doors do -------------------------------------------------------------------


class Overview:
    """What follows from all visits together, remembered until they change: people pass doors many
    times between two changes of visits.
    """

    def __init__(self) -> None:
        self._visits: Visits | None = None
        self._due_s: UtcSeconds | None = None
        self._waiting: tuple[VisitId, ...] = ()

    def due_s(self, visits: Visits) -> UtcSeconds | None:
        """The first second at which something of them falls due, or None."""
        self._look_at(visits)
        return self._due_s

    def waiting(self, visits: Visits) -> tuple[VisitId, ...]:
        """Those that are over as soon as the visitor is seen leaving, in the order of their ids."""
        self._look_at(visits)
        return self._waiting

    def _look_at(self, visits: Visits) -> None:
        if visits is self._visits:
            return
        self._visits = visits
        due = (one.due_s for one in visits.values())
        self._due_s = min((at_s for at_s in due if at_s is not None), default=None)
        self._waiting = tuple(sorted(name for name, one in visits.items() if waits_for_exit(one)))


def deal_with_due(turn: Turn) -> None:
    """What wall time has brought due; the clock is trusted."""
    utc_s = turn.moment.utc_s
    for name, visit in sorted(turn.state.visits.items()):
        if visit.due_s is None or visit.due_s > utc_s:
            continue
        if visit.state is State.EXPECTED:
            _end(turn, name, VisitEnd.MISSED)
        elif visit.state is State.SIGNED_IN and visit.seen_inside is False:
            _end(turn, name, VisitEnd.LEFT)
        elif visit.state is State.SIGNED_IN:
            holder, host = visit.holder, visit.host
            turn.record(VisitOverdue(visit=name, holder=holder, host=host, until_s=visit.until_s))
        else:
            seen = turn.state.people.sightings.get(visit.holder)
            turn.record(
                VisitorUnaccounted(
                    visit=name,
                    holder=visit.holder,
                    host=visit.host,
                    zone="" if seen is None else seen.zone,
                    signed_out=visit.state is State.LEAVING,
                )
            )


def settle(turn: Turn, before: SiteState, overview: Overview) -> None:
    """Somebody whose time is over, or who is signed out, was seen leaving: the visit is over."""
    state = turn.state
    if state.visits is before.visits and state.people is before.people:
        return
    for name in overview.waiting(state.visits):
        visit = state.visits[name]
        away = visit.state is State.LEAVING and visit.holder not in state.people.sightings
        if away or visit.seen_inside is False:
            _end(turn, name, VisitEnd.LEFT)


def settle_gone(turn: Turn) -> None:
    """Other people: a visit ends with a visitor whom nobody knows any more."""
    for name, visit in sorted(turn.state.visits.items()):
        if visit.state is not State.ENDED and visit.holder not in turn.directory.holders:
            _end(turn, name, VisitEnd.VISITOR_GONE)


def end_visits(turn: Turn, holder: HolderId) -> None:
    """Somebody is erased."""
    for name, _ in open_of(turn.state.visits, holder):
        _end(turn, name, VisitEnd.VISITOR_GONE)


def _end(turn: Turn, name: VisitId, cause: VisitEnd, by: Personal | None = None) -> None:
    holder = turn.state.visits[name].holder
    operator = None if by is None else commitment(by)
    turn.record(VisitEnded(visit=name, holder=holder, cause=cause, operator=operator), by)


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    VisitAsked: _on_asked,
    SignInAsked: _on_sign_in,
    GivingAsked: _on_giving,
    ExtensionAsked: _on_extension,
    SignOutAsked: _on_sign_out,
    VisitCancelAsked: _on_cancel,
    VisitBadgeGone: _on_badge_gone,
    PresenceTold: _on_told,
}
