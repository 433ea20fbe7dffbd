"""One portal: what is known of its leaf, and everything that can change it.

Two rules hold here. Whatever changes a portal's state stands in TABLE, and nowhere else. This file
does not know why a signal came: who was granted, which fire, whose order is the site's business.

TABLE is complete: every state answers every signal, checked when the module is imported. The
diagram in the documentation is drawn from it.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.ids import AttemptId
from controller.mermaid import state_diagram
from controller.moment import MILLISECOND_US, SECOND_US, Micros
from controller.whereabouts import Passing
from policies.compiled import PortalRule
from policies.facts import Direction

REX_STUCK_US = 30 * SECOND_US
"""A request-to-exit that does not let go for this long is stuck or taped down."""

REX_SHUNT_US = 10 * SECOND_US
"""How long after a request to exit an opening is explained by it."""

STRIKE_WITHIN_US = 2 * SECOND_US
"""A strike that is not on the wire this soon finds nobody at the door who expects it. Until then
and for the whole of its own time the lock may be released: so long a grant explains an opening."""

LEASE_US = 30 * SECOND_US
LEASE_RENEW_US = 10 * SECOND_US
"""An opening by schedule is a lease: a dead edge relocks by the device's own timer."""


class Contact(StrEnum):
    UNKNOWN = "unknown"
    CLOSED = "closed"
    OPEN = "open"
    FAULTED = "faulted"


class State(StrEnum):
    LOCKED = "locked"
    GRANTED = "granted"
    OPEN = "open"
    HELD = "held"
    FORCED = "forced"
    LEASED = "leased"
    RELEASED = "released"
    SECURED = "secured"
    UNKNOWN = "unknown"
    FAULT = "fault"


class Signal(StrEnum):
    GRANTED = "granted"
    ABORTED = "aborted"  # the grant in force is taken back
    OPENED = "opened"  # nothing explains the opening
    OPENED_FROM_INSIDE = "opened-from-inside"  # a way out that nobody need ask for
    CLOSED = "closed"
    CONTACT_FAULTED = "contact-faulted"
    GRANT_ENDED = "grant-ended"  # its release is over, or something else takes its place
    PATIENCE_ENDED = "patience-ended"  # the state's deadline has come
    EXIT_REQUESTED = "exit-requested"
    EXIT_LET_GO = "exit-let-go"
    EXIT_STUCK = "exit-stuck"
    EXIT_OVER = "exit-over"  # a granted way out has had its time, another strike still runs
    CLOSE_DUE = "close-due"  # it is time to ask for the leaf to be closed
    LEASED = "leased"
    LEASE_ENDED = "lease-ended"
    RELEASED = "released"
    RELEASE_ENDED = "release-ended"
    SECURED = "secured"
    SECURE_ENDED = "secure-ended"
    LINK_LOST = "link-lost"
    LINK_FOUND = "link-found"


class Note(StrEnum):
    """What is recorded of a move; each is an event of its own."""

    GRANTED = "granted"
    PASSED = "passed"
    UNUSED = "unused"
    ABORTED = "aborted"
    OPENED = "opened"
    FORCED = "forced"
    HELD = "held"
    NEVER_CLOSED = "never-closed"
    CLOSED = "closed"
    FAULTED = "faulted"
    EXIT_REQUESTED = "exit-requested"
    EXIT_LET_GO = "exit-let-go"
    EXIT_STUCK = "exit-stuck"
    EXIT_OVER = "exit-over"
    CLOSE_ASKED = "close-asked"
    LEASED = "leased"
    LEASE_ENDED = "lease-ended"
    RELEASED = "released"
    RELEASE_ENDED = "release-ended"
    SECURED = "secured"
    SECURE_ENDED = "secure-ended"
    LOST = "lost"
    FOUND = "found"
    SETTLED = "settled"


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one portal. A restart keeps `released` and `secured` and nothing else.

    `deadline_us`: when the patience of the state ends; `close_due_us`: when, before that, people
    are asked to close the leaf. `attempt` and `direction`: whose grant is in force, until
    `grant_until_us`; `passing`: whom it lets through, with their places reserved; `extended`: who
    passes needs more time.
    `strike_until_us`: until when the device's own timer may still hold the lock released, used or
    not; `exit_until_us`: the same of a granted way out, during which the portal is not locked by
    us. `shunt_until_us`: until when an opening is explained by a request to exit; `rex_since_us`:
    since when that input has not let go.
    """

    state: State = State.UNKNOWN
    contact: Contact = Contact.UNKNOWN
    bolted: bool | None = None
    linked: bool = False
    released: bool = False
    secured: bool = False
    leased: bool = False
    attempt: AttemptId | None = None
    direction: Direction | None = None
    passing: Passing | None = None
    deadline_us: Micros | None = None
    grant_until_us: Micros | None = None
    strike_until_us: Micros | None = None
    exit_until_us: Micros | None = None
    shunt_until_us: Micros | None = None
    rex_since_us: Micros | None = None
    rex_stuck: bool = False
    close_due_us: Micros | None = None
    extended: bool = False


class Move(NamedTuple):
    """Where a signal leads (`settle`: to whatever the record now says) and what is recorded."""

    target: State | None
    note: Note | None
    settle: bool = False


IGNORED = Move(None, None)


def _to(target: State, note: Note) -> Move:
    return Move(target, note)


def _stay(note: Note) -> Move:
    return Move(None, note)


def _settle(note: Note) -> Move:
    return Move(None, note, settle=True)


_ALWAYS: dict[Signal, Move] = {
    Signal.EXIT_REQUESTED: _stay(Note.EXIT_REQUESTED),
    Signal.EXIT_LET_GO: _stay(Note.EXIT_LET_GO),
    Signal.EXIT_STUCK: _stay(Note.EXIT_STUCK),
    Signal.EXIT_OVER: _stay(Note.EXIT_OVER),
    Signal.RELEASED: _to(State.RELEASED, Note.RELEASED),
    Signal.LINK_LOST: _to(State.UNKNOWN, Note.LOST),
    Signal.LINK_FOUND: _settle(Note.FOUND),
    Signal.CONTACT_FAULTED: _to(State.FAULT, Note.FAULTED),
    Signal.LEASED: _to(State.LEASED, Note.LEASED),
    Signal.LEASE_ENDED: IGNORED,
    Signal.RELEASE_ENDED: IGNORED,
    Signal.GRANT_ENDED: IGNORED,
    Signal.PATIENCE_ENDED: IGNORED,
    Signal.CLOSE_DUE: IGNORED,
}

_AT_REST: dict[Signal, Move] = _ALWAYS | {
    Signal.GRANTED: _to(State.GRANTED, Note.GRANTED),
    Signal.ABORTED: IGNORED,
    Signal.OPENED: _to(State.FORCED, Note.FORCED),
    Signal.OPENED_FROM_INSIDE: _to(State.OPEN, Note.OPENED),
    Signal.CLOSED: IGNORED,
}

_AJAR: dict[Signal, Move] = _ALWAYS | {
    Signal.ABORTED: _stay(Note.ABORTED),
    Signal.OPENED: IGNORED,
    Signal.OPENED_FROM_INSIDE: IGNORED,
    Signal.CLOSED: _settle(Note.CLOSED),
    # Whose grant came while the leaf stood open had no need to open it.
    Signal.GRANT_ENDED: _stay(Note.PASSED),
    Signal.SECURED: _stay(Note.SECURED),
    Signal.SECURE_ENDED: _stay(Note.SECURE_ENDED),
}

_UNSEEN: dict[Signal, Move] = _ALWAYS | {
    # The leaf cannot be seen, but its lock may still be worked: a grant is remembered for its time.
    Signal.GRANTED: _stay(Note.GRANTED),
    Signal.ABORTED: _stay(Note.ABORTED),
    Signal.GRANT_ENDED: _stay(Note.UNUSED),
    Signal.OPENED: _settle(Note.SETTLED),
    Signal.OPENED_FROM_INSIDE: _settle(Note.SETTLED),
    Signal.CLOSED: _settle(Note.SETTLED),
    Signal.LEASED: _stay(Note.LEASED),
    Signal.LEASE_ENDED: _stay(Note.LEASE_ENDED),
    Signal.SECURED: _stay(Note.SECURED),
    Signal.SECURE_ENDED: _stay(Note.SECURE_ENDED),
}

TABLE: dict[State, dict[Signal, Move]] = {
    State.LOCKED: _AT_REST
    | {
        Signal.SECURED: _to(State.SECURED, Note.SECURED),
        Signal.SECURE_ENDED: IGNORED,
    },
    State.SECURED: _AT_REST
    | {
        Signal.SECURED: IGNORED,
        Signal.SECURE_ENDED: _settle(Note.SECURE_ENDED),
    },
    State.GRANTED: _ALWAYS
    | {
        Signal.GRANTED: _stay(Note.GRANTED),
        Signal.ABORTED: _settle(Note.ABORTED),
        Signal.GRANT_ENDED: _settle(Note.UNUSED),
        Signal.OPENED: _to(State.OPEN, Note.PASSED),
        Signal.OPENED_FROM_INSIDE: _to(State.OPEN, Note.PASSED),
        Signal.CLOSED: IGNORED,
        # An exit that was granted is never taken back; an entry grant is aborted by its own signal.
        Signal.SECURED: _stay(Note.SECURED),
        Signal.SECURE_ENDED: _stay(Note.SECURE_ENDED),
    },
    State.OPEN: _AJAR
    | {
        Signal.GRANTED: _to(State.OPEN, Note.GRANTED),
        Signal.CLOSE_DUE: _stay(Note.CLOSE_ASKED),
        Signal.PATIENCE_ENDED: _to(State.HELD, Note.HELD),
    },
    State.HELD: _AJAR
    | {
        Signal.GRANTED: _to(State.OPEN, Note.GRANTED),
        Signal.PATIENCE_ENDED: _stay(Note.NEVER_CLOSED),
    },
    State.FORCED: _AJAR
    | {
        # A badge shown at a forced door explains nothing: the alarm stands until the leaf closes.
        Signal.GRANTED: _stay(Note.GRANTED),
        Signal.GRANT_ENDED: _stay(Note.UNUSED),
        Signal.PATIENCE_ENDED: _stay(Note.NEVER_CLOSED),
    },
    State.LEASED: _ALWAYS
    | {
        Signal.GRANTED: IGNORED,
        Signal.ABORTED: IGNORED,
        Signal.OPENED: _stay(Note.OPENED),
        Signal.OPENED_FROM_INSIDE: _stay(Note.OPENED),
        Signal.CLOSED: _stay(Note.CLOSED),
        Signal.LEASED: _stay(Note.LEASED),
        Signal.LEASE_ENDED: _settle(Note.LEASE_ENDED),
        Signal.GRANT_ENDED: _stay(Note.UNUSED),  # one from the time when the leaf was not seen
        Signal.SECURED: _stay(Note.SECURED),
        Signal.SECURE_ENDED: _stay(Note.SECURE_ENDED),
    },
    State.RELEASED: _ALWAYS
    | {
        # Released for life safety: nothing but its own end changes that, a lost link least of all.
        Signal.GRANTED: IGNORED,
        Signal.ABORTED: IGNORED,
        Signal.OPENED: _stay(Note.OPENED),
        Signal.OPENED_FROM_INSIDE: _stay(Note.OPENED),
        Signal.CLOSED: _stay(Note.CLOSED),
        Signal.CONTACT_FAULTED: _stay(Note.FAULTED),
        Signal.LEASED: IGNORED,
        Signal.RELEASED: IGNORED,
        Signal.RELEASE_ENDED: _settle(Note.RELEASE_ENDED),
        Signal.SECURED: _stay(Note.SECURED),
        Signal.SECURE_ENDED: _stay(Note.SECURE_ENDED),
        Signal.LINK_LOST: _stay(Note.LOST),
        Signal.LINK_FOUND: _stay(Note.FOUND),
    },
    State.UNKNOWN: _UNSEEN,
    State.FAULT: _UNSEEN | {Signal.CONTACT_FAULTED: IGNORED},
}

assert set(TABLE) == set(State), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(Signal), f"{_state} must answer {set(Signal) ^ set(_row)}"


_SPENT = {Note.PASSED, Note.UNUSED, Note.ABORTED}
"""With these the grant in force has had its use."""

SUPERSEDING = frozenset({Signal.GRANTED, Signal.LEASED, Signal.RELEASED, Signal.LINK_LOST})
"""Before these a grant in force is ended by its own signal, so that no grant goes unaccounted."""


def move(
    portal: Portal,
    signal: Signal,
    rule: PortalRule,
    now_us: Micros,
    *,
    attempt: AttemptId | None = None,
    direction: Direction | None = None,
    passing: Passing | None = None,
) -> tuple[Portal, Note | None]:
    """The portal after `signal`, and what is to be recorded.

    An ignored signal gives back the very portal and None: nothing changes without a record.
    `attempt`, `direction` and `passing` say whose grant a GRANTED is (no attempt: a free exit).
    """
    step = TABLE[portal.state][signal]
    if step.note is None:
        return portal, None
    after = _heard(portal, signal, now_us)
    if after.exit_until_us is not None and after.exit_until_us <= now_us:
        after = replace(after, exit_until_us=None)  # a claim that has lapsed claims nothing
    if portal.extended and not _has_more_time(portal, now_us):
        after = replace(after, extended=False)
    if signal is Signal.GRANTED:
        after = _granted(after, attempt, direction, passing, rule, now_us)
    elif signal in SUPERSEDING:
        after = replace(_without_grant(after), exit_until_us=None)
    elif step.note in _SPENT:
        after = _without_grant(after)
    state = settled(after, rule) if step.settle else (step.target or portal.state)
    after = replace(after, state=state)
    moved = state is not portal.state or after.leased is not portal.leased
    renews_later = portal.leased and after.leased and step.note is not Note.LEASED
    if (moved or step.note in _RESTARTS_PATIENCE) and not renews_later:
        after = replace(after, deadline_us=_patience_us(after, step.note, rule, now_us))
        after = replace(after, close_due_us=_close_due_us(after, rule))
    return after, step.note


def restarted(portal: Portal) -> Portal:
    """What is left of a portal when the edge starts: postures and releases, nothing observed."""
    state = State.RELEASED if portal.released else State.UNKNOWN
    return Portal(state=state, released=portal.released, secured=portal.secured)


def settled(portal: Portal, rule: PortalRule) -> State:
    """The state that flags and contact alone call for, once the reason for another has gone."""
    if portal.released:
        return State.RELEASED
    if not portal.linked or (rule.contact and portal.contact is Contact.UNKNOWN):
        return State.UNKNOWN
    if portal.contact is Contact.FAULTED:
        return State.FAULT
    if portal.leased:
        return State.LEASED
    if portal.contact is Contact.OPEN:
        return State.OPEN
    if portal.direction is not None:
        return State.GRANTED
    return State.SECURED if portal.secured else State.LOCKED


def exit_over_us(portal: Portal) -> Micros | None:
    """When a strike that nobody has a claim to may be ended: as soon as who was granted a way out
    has had his time. Until then it could not be, and the portal is locked by no other event.
    """
    if portal.exit_until_us is None or portal.strike_until_us is None:
        return None
    unclaimed = portal.direction is None and not (portal.released or portal.leased)
    outlived = portal.strike_until_us > portal.exit_until_us
    return portal.exit_until_us if unclaimed and outlived else None


def rex_deadline_us(portal: Portal) -> Micros | None:
    """When a request to exit that has not let go counts as stuck."""
    if portal.rex_since_us is None or portal.rex_stuck:
        return None
    return portal.rex_since_us + REX_STUCK_US


def _heard(portal: Portal, signal: Signal, now_us: Micros) -> Portal:
    """The facts and flags that a signal brings, before the table says what state they make."""
    match signal:
        case Signal.OPENED | Signal.OPENED_FROM_INSIDE:
            return replace(portal, contact=Contact.OPEN)
        case Signal.CLOSED:
            # Whoever asked to leave has left: what opens next explains itself anew.
            extended = portal.passing is not None and portal.passing.extended
            closed = Contact.CLOSED
            return replace(portal, contact=closed, shunt_until_us=None, extended=extended)
        case Signal.CONTACT_FAULTED:
            return replace(portal, contact=Contact.FAULTED)
        case Signal.EXIT_REQUESTED:
            return replace(portal, rex_since_us=now_us, shunt_until_us=now_us + REX_SHUNT_US)
        case Signal.EXIT_LET_GO:
            return replace(portal, rex_since_us=None, rex_stuck=False)
        case Signal.EXIT_STUCK:
            return replace(portal, rex_stuck=True)
        case Signal.EXIT_OVER:
            return replace(portal, exit_until_us=None)
        case Signal.CLOSE_DUE:
            return replace(portal, close_due_us=None)
        case Signal.LEASED | Signal.LEASE_ENDED:
            return replace(portal, leased=signal is Signal.LEASED)
        case Signal.RELEASED | Signal.RELEASE_ENDED:
            return replace(portal, released=signal is Signal.RELEASED, leased=False)
        case Signal.SECURED | Signal.SECURE_ENDED:
            return replace(portal, secured=signal is Signal.SECURED)
        case Signal.LINK_LOST:
            # What an input did meanwhile is not known: the next request to exit is a first one.
            return replace(
                portal,
                linked=False,
                contact=Contact.UNKNOWN,
                leased=False,
                rex_since_us=None,
                rex_stuck=False,
            )
        case Signal.LINK_FOUND:
            return replace(portal, linked=True)
        case Signal.GRANTED | Signal.ABORTED | Signal.GRANT_ENDED | Signal.PATIENCE_ENDED:
            return portal


def _granted(
    portal: Portal,
    attempt: AttemptId | None,
    direction: Direction | None,
    passing: Passing | None,
    rule: PortalRule,
    now_us: Micros,
) -> Portal:
    # A lock is not told to close sooner than somebody needs who is passing.
    extended = portal.extended or (passing is not None and passing.extended)
    until_us = now_us + STRIKE_WITHIN_US + rule.release_ms(extended=extended) * MILLISECOND_US
    leads_out = direction is rule.way_out
    return replace(
        portal,
        attempt=attempt,
        direction=direction,
        passing=passing,
        grant_until_us=until_us,
        strike_until_us=until_us,
        exit_until_us=until_us if leads_out else portal.exit_until_us,
        extended=extended,
    )


def _has_more_time(portal: Portal, now_us: Micros) -> bool:
    """Whether who needs it is still there: the leaf stands open, or the lock may be released."""
    released = portal.strike_until_us is not None and portal.strike_until_us > now_us
    return released or portal.contact is Contact.OPEN


def _without_grant(portal: Portal) -> Portal:
    return replace(portal, attempt=None, direction=None, passing=None, grant_until_us=None)


_RESTARTS_PATIENCE = {Note.GRANTED, Note.LEASED, Note.NEVER_CLOSED}


def _patience_us(portal: Portal, note: Note, rule: PortalRule, now_us: Micros) -> Micros | None:
    """When the state's patience ends, or None where it has no end."""
    if portal.leased:
        return now_us + LEASE_RENEW_US
    match portal.state:
        case State.OPEN:
            return now_us + rule.patience_ms(extended=portal.extended) * MILLISECOND_US
        case State.HELD | State.FORCED if note is not Note.NEVER_CLOSED:
            return now_us + rule.stuck_ms * MILLISECOND_US
        case _:
            return None


def _close_due_us(portal: Portal, rule: PortalRule) -> Micros | None:
    """When people are asked to close an open leaf, before it counts as held."""
    if portal.state is not State.OPEN or portal.deadline_us is None or rule.pre_alarm_ms is None:
        return None
    return portal.deadline_us - rule.pre_alarm_ms * MILLISECOND_US


def diagram() -> str:
    """The table as a Mermaid state diagram; ignored signals and notes that stay are left out."""
    moves: list[tuple[str, str, str]] = []
    for state, row in TABLE.items():
        for signal, step in row.items():
            if step.settle:
                moves.append((state, "settled", signal))
            elif step.target is not None and step.target is not state:
                moves.append((state, step.target, signal))
    return state_diagram([*State, "settled"], moves)
