"""`decide()`: may this passage happen now? A conjunction of gates in an order no policy can change.

The policy supplies data to the gates, never their order. Every objection is collected and the first
in gate order is the primary reason, so that a verdict and its explanation cannot drift apart. What
leads out is judged apart from what leads in: gates 0 and 3 to 8 refuse entry; on the way out all
but five causes are notes.
"""

import msgspec

from policies.codes import Code
from policies.compiled import LEVELS, CompiledPolicy, Concerned, ExitKind, Passage, Regime, ZoneKind
from policies.factors import BITS, FactorTable, Profile, missing_sets
from policies.facts import (
    Assurance,
    CredentialStatus,
    Decision,
    Factor,
    HolderFacts,
    Mode,
    Objection,
    Request,
)
from policies.limits import limits, notes_of_leaving, watched
from policies.rights import GrantRule, Override, Standing
from policies.schedule import Wall, active_at, wall_at

_MODE_GATE: dict[Mode, tuple[Code, Override]] = {
    Mode.LOCKDOWN: (Code.LOCKDOWN, Override.LOCKDOWN),
    Mode.SHELTER: (Code.SHELTER, Override.SHELTER),
    Mode.EVACUATE: (Code.EVACUATION_ENTRY, Override.EVACUATE),
}
_REFUGE_MODES = (Mode.LOCKDOWN, Mode.SHELTER)
_CREDENTIAL: dict[CredentialStatus, Code] = {
    CredentialStatus.NONE: Code.UNKNOWN_CREDENTIAL,
    CredentialStatus.UNKNOWN: Code.UNKNOWN_CREDENTIAL,
    CredentialStatus.LOST: Code.CREDENTIAL_LOST,
    CredentialStatus.REVOKED: Code.CREDENTIAL_REVOKED,
    CredentialStatus.SUSPENDED: Code.SUSPENDED,
}
_KEEPS_IN = frozenset({Code.UNKNOWN_CREDENTIAL, Code.CREDENTIAL_LOST, Code.CREDENTIAL_REVOKED})
"""Of gate 3, what keeps a reader exit shut; the rest: a failed factor, an interlock, a hold."""

_RANK: dict[Assurance, int] = {Assurance.WEAK: 0, Assurance.INSIDE: 1, Assurance.SECURE: 2}


class _Case(msgspec.Struct, frozen=True, gc=False):
    """The question with what the gates ask of it again and again."""

    policy: CompiledPolicy
    request: Request
    passage: Passage
    standing: Standing
    concerned: Concerned
    sheltering: bool  # on the way into a refuge, in a mode that people flee from
    level: int  # index into tables per level
    passed: int  # factors that count here
    shown: int  # factors that were checked and right, whatever line they came over
    failed: bool

    def asked(self, passage: Passage) -> FactorTable:
        """What the passage asks this person for."""
        return _table(self, passage.factors)


def _table(case: _Case, profile: Profile) -> FactorTable:
    holder = case.request.holder
    regular = holder is None or holder.biometrics
    return (profile.regular if regular else profile.alternative)[case.level]


def decide(policy: CompiledPolicy, request: Request) -> Decision:
    """The answer to one request; the same for the same policy and request, without exception.

    A factor that was presented again replaces its earlier entry in `request.presented`: any entry
    that did not pass counts as a failed factor. A badge counts as a factor only where `presented`
    says so. Unknown roles of a holder grant nothing.
    """
    passage = policy.passages.get((request.portal, request.direction))
    if passage is None:
        return _answer(request, [Objection(Code.UNKNOWN_PORTAL)], Code.GRANTED, [])
    case = _case(policy, request, passage)
    return _leave(case) if passage.way_out else _enter(case)


def _case(policy: CompiledPolicy, request: Request, passage: Passage) -> _Case:
    names = request.holder.roles if request.holder is not None else ()
    standing = policy.standing(names)
    sheltering = passage.refuge and request.mode in _REFUGE_MODES
    least = 0 if passage.way_out else _RANK[passage.judged.assurance]
    passed = shown = 0
    failed = False
    for factor in request.presented:
        if not factor.passed:
            failed = True
            continue
        bit = BITS[factor.factor]
        shown |= bit
        if _RANK[factor.assurance] >= least:
            passed |= bit
    return _Case(
        policy,
        request,
        passage,
        standing,
        passage.concerned(names, standing),
        sheltering,
        # A valid badge opens its way into a refuge: what the threat adds elsewhere would keep
        # people out where they are safest, just when they need it.
        0 if sheltering else min(max(request.threat, 1), LEVELS) - 1,
        passed,
        shown,
        failed,
    )


def _answer(
    request: Request,
    objections: list[Objection],
    granted: Code,
    notes: list[Objection],
    missing: tuple[tuple[Factor, ...], ...] = (),
    *,
    rule: str | None = None,
) -> Decision:
    """The decision these objections make; duress adds a note and changes nothing else."""
    ordered = tuple(sorted(objections, key=_gate)) if objections else ()
    told = sorted(notes, key=_gate) if notes else []
    if request.sealed_bag:
        told.append(Objection(Code.NOTE_SEALED_BAG))
    if request.duress:
        told.append(Objection(Code.NOTE_DURESS))
    if ordered:
        return Decision(False, ordered[0].code, ordered, tuple(told), missing, ordered[0].rule)
    return Decision(True, granted, (), tuple(told), (), rule)


def _gate(objection: Objection) -> int:
    return objection.code // 100


# --- the way out ---------------------------------------------------------------------------------


def _leave(case: _Case) -> Decision:
    """Gates 1 and 2, then the five causes that keep a reader exit shut."""
    request = case.request
    keeping = _keeping_in(case)
    free = _life_safety(case)
    if free is None and case.standing.protected and _recognised(case):
        free = Code.PROTECTED_EXIT
    notes = _outside_rules(case) + _state_of_the_way_out(case)
    if case.failed and not any(objection.code is Code.FACTOR_FAILED for objection in keeping):
        notes.append(Objection(Code.FACTOR_FAILED))  # of one that was not asked for
    if free is not None:
        anonymous = request.credential is CredentialStatus.NONE and request.holder is None
        for objection in keeping:  # nobody was asked for a factor, nor an anonymous one who he is
            unasked = objection.code is Code.FACTORS_MISSING
            if not unasked and not (anonymous and objection.code is Code.UNKNOWN_CREDENTIAL):
                notes.append(objection)
        if free is Code.PROTECTED_EXIT and keeping:
            notes.append(Objection(Code.NOTE_PROTECTED))
        return _answer(request, [], free, notes)
    missing: tuple[tuple[Factor, ...], ...] = ()
    if [objection.code for objection in keeping] == [Code.FACTORS_MISSING]:
        missing = missing_sets(case.asked(case.passage), case.passed)
    return _answer(request, keeping, Code.GRANTED, notes, missing)


def _life_safety(case: _Case) -> Code | None:
    """Gate 1. No policy key, mode or order switches this off."""
    if case.request.fire:
        return Code.LIFE_SAFETY
    if case.request.mode is Mode.EVACUATE:
        return Code.EVACUATION
    if case.passage.portal.exit is ExitKind.FREE:
        return Code.FREE_EXIT
    return None


def _recognised(case: _Case) -> bool:
    """Gate 2: a credential in good standing, or the guard's word. VCDR art. 29: the person of a
    diplomatic agent is inviolable and not liable to any form of arrest or detention."""
    guard = any(shown.factor is Factor.GUARD and shown.passed for shown in case.request.presented)
    return guard or case.request.credential is CredentialStatus.ACTIVE


def _keeping_in(case: _Case) -> list[Objection]:
    """The only causes that keep a reader exit shut."""
    request, passage = case.request, case.passage
    found = [objection for objection in _credential(case) if objection.code in _KEEPS_IN]
    if request.hold_egress and passage.portal.may_hold is not None:
        found.append(Objection(Code.EGRESS_HELD))
    if not case.asked(passage) >> case.passed & 1:
        code = Code.FACTOR_FAILED if case.failed else Code.FACTORS_MISSING
        found.append(Objection(code))
    if not request.interlock_clear:
        found.append(Objection(Code.INTERLOCK))
    return found


def _outside_rules(case: _Case) -> list[Objection]:
    """What would refuse this person the way in now. It never keeps anybody in."""
    if case.request.holder is None:
        return []
    _, permit = _permit(case)
    found = [o for o in (*_credential(case), *_validity(case)) if o.code not in _KEEPS_IN]
    barred, observed = _prohibition(case)
    found += [o for o in (*barred, *permit) if o.code is not Code.WATCHLISTED]
    denied = any(o.code is Code.WATCHLISTED for o in barred)
    listed = [Objection(Code.NOTE_WATCHLISTED)] if denied else []
    outside = [Objection(Code.NOTE_OUTSIDE_RULES)] if found or listed else []
    return found + listed + observed + outside


def _state_of_the_way_out(case: _Case) -> list[Objection]:
    found = notes_of_leaving(case.policy, case.request, case.passage)
    if not case.request.recorded:
        found.append(Objection(Code.NOT_RECORDED))
    if not case.request.operable:
        found.append(Objection(Code.INOPERABLE))
    return found


# --- the way in ----------------------------------------------------------------------------------


def _enter(case: _Case) -> Decision:
    """Gates 0, 1b and 3 to 9."""
    request, passage = case.request, case.passage
    barred, notes = _prohibition(case)
    standing = [*_credential(case), *_validity(case), *barred]
    anonymous = request.credential is CredentialStatus.NONE and request.holder is None
    closed = _closed(case)
    # Who stays anonymous passes an open portal; who says that he is barred is told so even there.
    if closed is not None and not closed and (anonymous or not standing):
        return _answer(request, [], Code.OPEN_PORTAL, notes, rule=passage.portal.open_schedule)
    posture, overridden = _posture(case)
    held, permit = _permit(case)
    first = _may_be_first(case, held)
    factors, missing, grant = _factors(case, first or held)
    state = _state(case, notes, is_first=bool(first))
    if anonymous and closed is not None:
        state += closed
    objections = [*_recording(case), *standing, *posture, *permit, *factors, *state]
    if len(objections) != 1 or objections[0].code is not Code.FACTORS_MISSING:
        missing = ()
    if objections or grant is None:
        return _answer(
            request, objections or [Objection(Code.NO_GRANT)], Code.NO_GRANT, notes, missing
        )
    if overridden or _by_override(case, grant):
        notes.append(Objection(Code.NOTE_OVERRIDDEN, grant.id, grant.line))
        return _answer(request, [], Code.GRANTED_BY_OVERRIDE, notes, rule=grant.id)
    return _answer(request, [], Code.GRANTED, notes, rule=grant.id)


def _may_be_first(case: _Case, held: list[GrantRule]) -> list[GrantRule]:
    """The grants that count where a zone waits for its first person; none where none waits, and
    none for whoever flees into a refuge: he need not be more than valid."""
    if case.request.first_person_in or case.sheltering or not case.passage.first_person:
        return []
    return [grant for grant in held if grant.first_person]


def _closed(case: _Case) -> list[Objection] | None:
    """Gate 1b. None: the portal does not stand open now. Else what still keeps it shut, which is
    worth telling only to somebody who presented nothing."""
    request, portal = case.request, case.passage.portal
    if portal.open_schedule is None or case.level + 1 > portal.open_threat_max:
        return None
    if request.mode is not Mode.NORMAL or request.fire:
        return None
    if not (request.operable and request.interlock_clear) or _recording(case):
        return None
    if not request.clock_trusted:
        return [Objection(Code.CLOCK_UNTRUSTED, portal.open_schedule)]
    open_now = case.policy.is_open(portal.open_schedule, request.utc_s)
    if open_now is None:
        return [Objection(Code.SCHEDULE_HORIZON, portal.open_schedule)]
    if not open_now:
        return None
    return [] if request.first_person_in else [Objection(Code.FIRST_PERSON_OUT)]


def _recording(case: _Case) -> list[Objection]:
    """Gate 0: nobody enters unrecorded, but where the policy says that lives depend on it."""
    if case.request.recorded or case.passage.portal.emergency:
        return []
    return [Objection(Code.NOT_RECORDED)]


def _credential(case: _Case) -> list[Objection]:
    """Gate 3, the credential itself."""
    code = _CREDENTIAL.get(case.request.credential)
    if code is None and case.request.holder is None:
        code = Code.UNKNOWN_CREDENTIAL
    return [] if code is None else [Objection(code)]


def _validity(case: _Case) -> list[Objection]:
    """Gate 3, the person behind it. With an untrusted clock no window can be judged, so nobody
    whose record has one enters: whoever must get in without a clock has none."""
    holder = case.request.holder
    if holder is None:
        return []
    found = []
    windowed = holder.valid_from_s is not None or holder.valid_until_s is not None
    if windowed and not case.request.clock_trusted:
        found.append(Objection(Code.CLOCK_UNTRUSTED))
    elif windowed:
        found += _window(holder, case.request.utc_s)
    if holder.suspended and case.request.credential is not CredentialStatus.SUSPENDED:
        found.append(Objection(Code.SUSPENDED))
    if holder.locked_out:
        found.append(Objection(Code.LOCKED_OUT))
    return found


def _window(holder: HolderFacts, utc_s: int) -> list[Objection]:
    """Half-open: valid from the first second, no longer in the last one named."""
    found = []
    if holder.valid_from_s is not None and utc_s < holder.valid_from_s:
        found.append(Objection(Code.NOT_YET_VALID))
    if holder.valid_until_s is not None and utc_s >= holder.valid_until_s:
        found.append(Objection(Code.EXPIRED))
    return found


def _prohibition(case: _Case) -> tuple[list[Objection], list[Objection]]:
    """Gate 4: objections and notes. No override reaches it."""
    holder = case.request.holder
    found: list[Objection] = []
    notes: list[Objection] = []
    if holder is not None and (holder.watchlisted or holder.watchlists):
        found, notes = watched(case.policy, holder)
    for deny in case.concerned.denies:
        found.append(Objection(Code.DENIED_BY_RULE, deny.id, deny.line))
    if case.standing.host_state and not _consent(case):
        found.append(Objection(Code.NO_CONSENT, line=case.passage.judged.line))
    return found, notes


def _consent(case: _Case) -> bool:
    """VCDR art. 22(1): agents of the receiving State enter only with the head of mission's consent,
    a fire included. VCCR art. 31(2) lets it be presumed in a fire, for consular premises."""
    zone = case.passage.judged
    if zone.kind is ZoneKind.PUBLIC or case.request.consent:
        return True
    return case.request.fire and zone.regime is Regime.CONSULAR and zone.consent_presumed_in_fire


def _posture(case: _Case) -> tuple[list[Objection], bool]:
    """Gate 5: objections, and whether an override lifted one. An override lifts exactly the
    posture it names; the clearance a zone asks for in calm times is no posture."""
    request, passage = case.request, case.passage
    raised: list[tuple[Code, Override]] = []
    mode = _MODE_GATE.get(request.mode)
    outside = passage.source.kind is ZoneKind.PUBLIC
    if mode is not None and not case.sheltering and (outside or request.mode is not Mode.SHELTER):
        raised.append(mode)
    if request.fire:
        raised.append((Code.FIRE_ENTRY, Override.FIRE))
    calm, now = passage.judged.clearance[0], passage.judged.clearance[case.level]
    if calm <= case.standing.clearance < now:
        raised.append((Code.THREAT_LEVEL, Override.THREAT))
    found = [
        Objection(code) for code, override in raised if override not in case.standing.overrides
    ]
    overridden = len(found) < len(raised)
    if case.standing.clearance < calm:
        found.append(Objection(Code.THREAT_LEVEL, line=passage.judged.line))
    return found, overridden


def _permit(case: _Case) -> tuple[list[GrantRule], list[Objection]]:
    """Gate 6: the grants that hold, or why the nearest ones do not."""
    held: list[GrantRule] = []
    near: list[list[Objection]] = []
    wall: Wall | None = None  # read once, and only where some rule has hours
    for grant in case.concerned.grants:
        if wall is None and grant.when is not None:
            wall = wall_at(case.policy.zone, case.request.utc_s)
        reasons = _against(case, grant, wall)
        if reasons:
            near.append([Objection(code, grant.id, grant.line) for code in reasons])
        else:
            held.append(grant)
    if held:
        if len(held) > 1 and case.request.mode is not Mode.NORMAL:
            held.sort(key=lambda grant: _by_override(case, grant))  # a rule of its own comes first
        return held, []
    if not near:
        return [], [Objection(Code.NO_GRANT)]
    nearest = min(_distance(reasons) for reasons in near)
    return [], [reason for why in near if _distance(why) == nearest for reason in why]


def _distance(reasons: list[Objection]) -> tuple[bool, int]:
    """How far a rule is from holding: one for another mode is further than any for this one."""
    return any(reason.code is Code.MODE_NOT_LISTED for reason in reasons), len(reasons)


def _against(case: _Case, grant: GrantRule, wall: Wall | None) -> list[Code]:
    request = case.request
    found: list[Code] = []
    if grant.when is not None:
        if not request.clock_trusted:
            found.append(Code.CLOCK_UNTRUSTED)
        else:
            active = active_at(case.policy.schedules[grant.when], wall)
            if active is not True:
                found.append(Code.SCHEDULE_HORIZON if active is None else Code.OUT_OF_SCHEDULE)
    if case.level + 1 > grant.threat_max:
        found.append(Code.THREAT_CEILING)
    if not _mode_listed(case, grant):
        found.append(Code.MODE_NOT_LISTED)
    if case.sheltering:  # nobody is kept from a refuge because he is alone
        return found
    if (grant.escorted or case.standing.visitor) and not request.escorted:
        found.append(Code.NOT_ESCORTED)
    if grant.two_person and (case.standing.visitor or not request.second_person):
        found.append(Code.TWO_PERSON)
    return found


def _mode_listed(case: _Case, grant: GrantRule) -> bool:
    """The grant lists the mode; or lists normal, and the holder may pass in spite of the mode.

    An override never makes a grant hold in a mode that its author left out beside others: a grant
    for shelter alone stays shut in an evacuation.
    """
    mode = case.request.mode
    if mode in grant.modes:
        return True
    if Mode.NORMAL not in grant.modes:
        return False
    if case.sheltering:
        return True
    return _by_override(case, grant)


def _by_override(case: _Case, grant: GrantRule) -> bool:
    """Whether the grant holds in the mode in force only because the holder overrides the mode."""
    mode = case.request.mode
    if mode in grant.modes or case.sheltering:
        return False
    gate = _MODE_GATE.get(mode)
    return gate is not None and gate[1] in case.standing.overrides


def _factors(
    case: _Case, held: list[GrantRule]
) -> tuple[list[Objection], tuple[tuple[Factor, ...], ...], GrantRule | None]:
    """Gate 7: objections, what is missing, and the grant that carries the decision."""
    if case.failed:
        return [Objection(Code.FACTOR_FAILED)], (), None
    if not held:  # no rule, no question: what would be asked for is not known
        return [], (), None
    base = case.asked(case.passage)
    table = 0
    for grant in held:
        needed = base & _table(case, grant.factors)
        if needed >> case.passed & 1:
            return [], (), grant
        table |= needed
    weak = table >> case.shown & 1  # enough, had it come over a better line
    code = Code.ASSURANCE_TOO_LOW if weak else Code.FACTORS_MISSING
    found = [Objection(code, held[0].id, held[0].line)]
    return found, missing_sets(table, case.passed), None


def _state(case: _Case, notes: list[Objection], *, is_first: bool) -> list[Objection]:
    """Gate 8. On the way into a refuge limits are notes: a valid badge opens it."""
    request, passage = case.request, case.passage
    found: list[Objection] = []
    if passage.limited:
        found, noted = limits(case.policy, request, passage, case.standing, is_first=is_first)
        notes += noted
        if case.sheltering:
            notes += found
            found = []
    if not request.interlock_clear:
        found.append(Objection(Code.INTERLOCK))
    if not request.operable:
        found.append(Objection(Code.INOPERABLE))
    return found
