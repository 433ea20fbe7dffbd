"""`decide()`: may this passage happen now? A conjunction of gates in an order no policy can change.

The policy supplies data to the gates, never their order. Every objection is collected and the first
in gate order is the primary reason, so that a verdict and its explanation cannot drift apart. What
leads out is judged apart from what leads in: gates 0 and 3 to 8 refuse entry; on the way out all
but five causes are notes.

This file puts the gates in order; what each asks is in `gates` (0, 1b, 3 to 5), `grants` (6, 7)
and `limits` (8).
"""

from policies.case import Case, Objections, case_of
from policies.codes import Code
from policies.compiled import CompiledPolicy, ExitKind
from policies.factors import missing_sets
from policies.facts import CredentialStatus, Decision, Factor, Mode, Objection, Request
from policies.gates import credential, open_portal, posture, prohibition, recording, validity
from policies.grants import by_override, factors, permit, wanted
from policies.limits import limits, notes_of_leaving
from policies.rights import GrantRule

Missing = tuple[tuple[Factor, ...], ...]
"""Sets of factors, see `Decision`."""

_EVACUATE, _FREE, _ACTIVE = Mode.EVACUATE, ExitKind.FREE, CredentialStatus.ACTIVE
_GRANTED, _PROTECTED_EXIT = Code.GRANTED, Code.PROTECTED_EXIT
_UNKNOWN_CREDENTIAL, _WATCHLISTED = Code.UNKNOWN_CREDENTIAL, Code.WATCHLISTED
_FACTORS_MISSING, _FACTOR_FAILED = Code.FACTORS_MISSING, Code.FACTOR_FAILED

_NOT_RECORDED, _INOPERABLE = Objection(Code.NOT_RECORDED), Objection(Code.INOPERABLE)
_INTERLOCK, _EGRESS_HELD = Objection(Code.INTERLOCK), Objection(Code.EGRESS_HELD)
_MISSING, _FAILED = Objection(_FACTORS_MISSING), Objection(_FACTOR_FAILED)
_SEALED_BAG, _DURESS = Objection(Code.NOTE_SEALED_BAG), Objection(Code.NOTE_DURESS)
_PROTECTED, _LISTED = Objection(Code.NOTE_PROTECTED), Objection(Code.NOTE_WATCHLISTED)
_OUTSIDE_RULES, _NO_GRANT = Objection(Code.NOTE_OUTSIDE_RULES), Objection(Code.NO_GRANT)

_KEEPS_IN = frozenset({_UNKNOWN_CREDENTIAL, Code.CREDENTIAL_LOST, Code.CREDENTIAL_REVOKED})
"""Of gate 3, what keeps a reader exit shut; the rest: a failed factor, an interlock, a hold."""


def decide(policy: CompiledPolicy, request: Request) -> Decision:
    """The answer to one request; the same for the same policy and request, without exception.

    A factor that was presented again replaces its earlier entry in `request.presented`: any entry
    that did not pass counts as a failed factor. A badge counts as a factor only where `presented`
    says so. Unknown roles of a holder grant nothing.
    """
    passage = policy.passages.get((request.portal, request.direction))
    if passage is None:
        return _answer(request, [Objection(Code.UNKNOWN_PORTAL)], _GRANTED, [])
    case = case_of(policy, request, passage)
    return _leave(case) if passage.way_out else _enter(case)


def _answer(
    request: Request,
    against: Objections,
    granted: Code,
    notes: Objections,
    missing: Missing = (),
    rule: str | None = None,
) -> Decision:
    """The decision these objections make; duress adds a note and changes nothing else."""
    if notes:
        notes.sort(key=_gate)
    if request.sealed_bag:
        notes.append(_SEALED_BAG)
    if request.duress:
        notes.append(_DURESS)
    if not against:
        return Decision(True, granted, (), tuple(notes), (), rule)
    if len(against) > 1:
        against.sort(key=_gate)
    first = against[0]
    return Decision(False, first.code, tuple(against), tuple(notes), missing, first.rule)


def _gate(objection: Objection) -> int:
    return objection.code // 100


# --- the way out ---------------------------------------------------------------------------------


def _leave(case: Case) -> Decision:
    """Gates 1 and 2, then the five causes that keep a reader exit shut."""
    request = case.request
    keeping = _keeping_in(case)
    free = _life_safety(case)
    if free is None and case.concerned.standing.protected and _recognised(case):
        free = _PROTECTED_EXIT
    notes = _outside_rules(case)
    _state_of_the_way_out(case, notes)
    if case.failed and _FAILED not in keeping:
        notes.append(_FAILED)  # of one that was not asked for
    if free is not None:
        anonymous = case.anonymous
        for objection in keeping:  # nobody was asked for a factor, nor an anonymous one who he is
            unasked = objection.code is _FACTORS_MISSING
            if not unasked and not (anonymous and objection.code is _UNKNOWN_CREDENTIAL):
                notes.append(objection)
        if free is _PROTECTED_EXIT and keeping:
            notes.append(_PROTECTED)
        return _answer(request, [], free, notes)
    missing: Missing = ()
    if keeping == [_MISSING]:
        missing = missing_sets(case.table(case.passage.factors), case.passed)
    return _answer(request, keeping, _GRANTED, notes, missing)


def _life_safety(case: Case) -> Code | None:
    """Gate 1. No policy key, mode or order switches this off."""
    if case.request.fire:
        return Code.LIFE_SAFETY
    if case.request.mode is _EVACUATE:
        return Code.EVACUATION
    if case.passage.portal.exit is _FREE:
        return Code.FREE_EXIT
    return None


def _recognised(case: Case) -> bool:
    """Gate 2: a credential in good standing, or the guard's word. VCDR art. 29: the person of a
    diplomatic agent is inviolable and not liable to any form of arrest or detention."""
    return case.vouched or case.request.credential is _ACTIVE


def _keeping_in(case: Case) -> Objections:
    """The only causes that keep a reader exit shut."""
    request, passage = case.request, case.passage
    found: Objections = []
    credential(case, found)
    found = [objection for objection in found if objection.code in _KEEPS_IN]
    if request.hold_egress and passage.portal.may_hold is not None:
        found.append(_EGRESS_HELD)
    if not case.table(passage.factors) >> case.passed & 1:
        found.append(_FAILED if case.failed else _MISSING)
    if not request.interlock_clear:
        found.append(_INTERLOCK)
    return found


def _outside_rules(case: Case) -> Objections:
    """What would refuse this person the way in now. It never keeps anybody in."""
    request = case.request
    if request.holder is None:
        return []
    refusing: Objections = []
    observed: Objections = []
    credential(case, refusing)
    validity(request, refusing)
    prohibition(case, refusing, observed)
    permit(case, refusing)
    denied = any(objection.code is _WATCHLISTED for objection in refusing)
    notes = [o for o in refusing if o.code not in _KEEPS_IN and o.code is not _WATCHLISTED]
    outside = [_OUTSIDE_RULES] if notes or denied else []
    if denied:
        notes.append(_LISTED)
    return notes + observed + outside


def _state_of_the_way_out(case: Case, notes: Objections) -> None:
    notes_of_leaving(case, notes)
    if not case.request.recorded:
        notes.append(_NOT_RECORDED)
    if not case.request.operable:
        notes.append(_INOPERABLE)


# --- the way in ----------------------------------------------------------------------------------


def _enter(case: Case) -> Decision:
    """Gates 0, 1b and 3 to 9."""
    request = case.request
    against: Objections = []
    notes: Objections = []
    recording(case, against)
    credential(case, against)
    validity(request, against)
    prohibition(case, against, notes)
    closed = open_portal(case)
    # Who stays anonymous passes an open portal; who says that he is barred is told so even there.
    if closed is not None and not closed and (case.anonymous or not against):
        rule = case.passage.portal.open_schedule
        return _answer(request, [], Code.OPEN_PORTAL, notes, (), rule)
    overridden = posture(case, against)
    held = permit(case, against)
    first = _may_be_first(case, held)
    grant = factors(case, first or held, against)
    _state(case, first, against, notes)
    if closed and case.anonymous:
        against += closed
    if against or grant is None:
        missing: Missing = ()
        if len(against) == 1 and against[0].code is _FACTORS_MISSING:
            missing = missing_sets(wanted(case, first or held), case.passed)
        return _answer(request, against or [_NO_GRANT], _GRANTED, notes, missing)
    if overridden or by_override(case, grant):
        notes.append(Objection(Code.NOTE_OVERRIDDEN, grant.id, grant.line))
        return _answer(request, against, Code.GRANTED_BY_OVERRIDE, notes, (), grant.id)
    return _answer(request, against, _GRANTED, notes, (), grant.id)


def _may_be_first(case: Case, held: list[GrantRule]) -> list[GrantRule]:
    """The grants that count where a zone waits for its first person; none where none waits, and
    none for whoever flees into a refuge: he need not be more than valid."""
    if case.request.first_person_in or case.sheltering or not case.passage.first_person:
        return []
    return [grant for grant in held if grant.first_person]


def _state(case: Case, first: list[GrantRule], against: Objections, notes: Objections) -> None:
    """Gate 8. On the way into a refuge limits are notes: a valid badge opens it."""
    if case.passage.limited:
        limits(case, first, notes if case.sheltering else against, notes)
    if not case.request.interlock_clear:
        against.append(_INTERLOCK)
    if not case.request.operable:
        against.append(_INOPERABLE)
