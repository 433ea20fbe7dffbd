"""Gates 0, 1b and 3 to 5: record, open portal, credential, person, prohibition and posture.

Each appends what it has against the passage, or notes. Which of them keep somebody out, and that
none of them keeps anybody in, is said where they are put in order: `policies.decide`.
"""

from msgspec import UNSET

from policies.case import Case, Objections
from policies.codes import Code
from policies.compiled import Regime, ZoneKind
from policies.facts import CredentialStatus, HolderFacts, Mode, Objection, Request
from policies.limits import watched
from policies.rights import Override

_NORMAL, _SHELTER = Mode.NORMAL, Mode.SHELTER
_PUBLIC, _CONSULAR = ZoneKind.PUBLIC, Regime.CONSULAR
_SUSPENDED_CREDENTIAL = CredentialStatus.SUSPENDED
_NO_CREDENTIAL = CredentialStatus.NONE

_NOT_RECORDED = Objection(Code.NOT_RECORDED)
_FIRST_PERSON_OUT = Objection(Code.FIRST_PERSON_OUT)
_UNKNOWN = Objection(Code.UNKNOWN_CREDENTIAL)
_CREDENTIAL: dict[CredentialStatus, Objection] = {
    CredentialStatus.NONE: _UNKNOWN,
    CredentialStatus.UNKNOWN: _UNKNOWN,
    CredentialStatus.LOST: Objection(Code.CREDENTIAL_LOST),
    CredentialStatus.REVOKED: Objection(Code.CREDENTIAL_REVOKED),
    CredentialStatus.SUSPENDED: Objection(Code.SUSPENDED),
}
_CLOCK_UNTRUSTED = Objection(Code.CLOCK_UNTRUSTED)
_NOT_YET_VALID, _EXPIRED = Objection(Code.NOT_YET_VALID), Objection(Code.EXPIRED)
_SUSPENDED, _LOCKED_OUT = Objection(Code.SUSPENDED), Objection(Code.LOCKED_OUT)

_Raised = tuple[Objection, Override]
_MODE: dict[Mode, _Raised] = {
    Mode.LOCKDOWN: (Objection(Code.LOCKDOWN), Override.LOCKDOWN),
    Mode.SHELTER: (Objection(Code.SHELTER), Override.SHELTER),
    Mode.EVACUATE: (Objection(Code.EVACUATION_ENTRY), Override.EVACUATE),
}
_FIRE: _Raised = (Objection(Code.FIRE_ENTRY), Override.FIRE)
_THREAT: _Raised = (Objection(Code.THREAT_LEVEL), Override.THREAT)


def recording(case: Case, against: Objections) -> None:
    """Gate 0: nobody enters unrecorded, but where the policy says that lives depend on it."""
    if not (case.request.recorded or case.passage.portal.emergency):
        against.append(_NOT_RECORDED)


def open_portal(case: Case) -> Objections | None:
    """Gate 1b. None: the portal does not stand open now. Else what still keeps it shut, which is
    worth telling only to somebody who presented nothing."""
    portal = case.passage.portal
    if portal.open_schedule is None or case.level + 1 > portal.open_threat_max:
        return None
    request = case.request
    if request.mode is not _NORMAL or request.fire:
        return None
    recorded = request.recorded or portal.emergency
    if not (request.operable and request.interlock_clear and recorded):
        return None
    if not request.clock_trusted:
        return [Objection(Code.CLOCK_UNTRUSTED, portal.open_schedule)]
    open_now = case.policy.is_open(portal.open_schedule, request.utc_s)
    if open_now is None:
        return [Objection(Code.SCHEDULE_HORIZON, portal.open_schedule)]
    if not open_now:
        return None
    waits = case.passage.first_person and not request.first_person_in
    return [_FIRST_PERSON_OUT] if waits else []


def credential(case: Case, against: Objections) -> None:
    """Gate 3, the credential itself. Whoever shows none may be known to the guard."""
    if case.vouched and case.request.credential is _NO_CREDENTIAL:
        return
    found = _CREDENTIAL.get(case.request.credential)
    if found is not None:
        against.append(found)
    elif case.request.holder is None:
        against.append(_UNKNOWN)


def validity(request: Request, against: Objections) -> None:
    """Gate 3, the person behind it. With an untrusted clock no window can be judged, so nobody
    whose record has one enters: whoever must get in without a clock has none."""
    holder = request.holder
    if holder is None:
        return
    if holder.valid_from_s is not None or holder.valid_until_s is not None:
        if request.clock_trusted:
            _window(holder, request.utc_s, against)
        else:
            against.append(_CLOCK_UNTRUSTED)
    if holder.suspended and request.credential is not _SUSPENDED_CREDENTIAL:
        against.append(_SUSPENDED)
    if holder.locked_out:
        against.append(_LOCKED_OUT)


def _window(holder: HolderFacts, utc_s: int, against: Objections) -> None:
    """Half-open: valid from the first second, no longer in the last one named."""
    if holder.valid_from_s is not None and utc_s < holder.valid_from_s:
        against.append(_NOT_YET_VALID)
    if holder.valid_until_s is not None and utc_s >= holder.valid_until_s:
        against.append(_EXPIRED)


def prohibition(case: Case, against: Objections, notes: Objections) -> None:
    """Gate 4. No override reaches it."""
    holder = case.request.holder
    if holder is not None and (holder.watchlisted or holder.watchlists):
        watched(case.policy, holder, against, notes)
    concerned = case.concerned
    against += concerned.denied
    led = bool(case.request.party)  # nobody knows who these are but by the consent
    if (concerned.standing.host_state or led) and not _consent(case):
        against.append(Objection(Code.NO_CONSENT, line=case.passage.judged.line))


def _consent(case: Case) -> bool:
    """VCDR art. 22(1): agents of the receiving State enter only with the head of mission's consent,
    a fire included. VCCR art. 31(2) lets it be presumed in a fire, for consular premises."""
    zone = case.passage.judged
    if zone.kind is _PUBLIC or case.request.consent:
        return True
    return case.request.fire and zone.regime is _CONSULAR and zone.consent_presumed_in_fire


def posture(case: Case, against: Objections) -> bool:
    """Gate 5; whether an override lifted an objection. An override lifts exactly the posture it
    names; the clearance a zone asks for in calm times is no posture."""
    request, zone = case.request, case.passage.judged
    standing = case.concerned.standing
    raised: list[_Raised] = []
    if request.mode is not _NORMAL and not case.sheltering:
        raised += [_MODE[mode] for mode in _shut_by(case) if mode is not _NORMAL]
    if request.fire:
        raised.append(_FIRE)
    calm = zone.clearance[0]
    if calm <= standing.clearance < zone.clearance[case.level]:
        raised.append(_THREAT)
    overridden = False
    for objection, override in raised:
        if override in standing.overrides:
            overridden = True
        else:
            against.append(objection)
    if standing.clearance < calm:
        against.append(Objection(Code.THREAT_LEVEL, line=zone.line))
    return overridden


def _shut_by(case: Case) -> tuple[Mode, ...]:
    """The modes that shut the passage; shelter for the whole site lets people move inside it."""
    request = case.request
    if request.shut_by is not UNSET:
        return request.shut_by
    if request.mode is _SHELTER and case.passage.source.kind is not _PUBLIC:
        return ()
    return (request.mode,)
