"""A slow second reading of a policy, straight from its source tree, to hold the engine against.

It knows nothing of the compiled form: names are followed anew for every question and factors are
plain sets.
"""

from datetime import datetime
from typing import Any

from policies import Code, CredentialStatus, Direction, HolderFacts, Mode, Request
from tests.policies.support import VIENNA

Verdict = tuple[bool, set[Code]]
CREDENTIAL = {
    "none": Code.UNKNOWN_CREDENTIAL,
    "unknown": Code.UNKNOWN_CREDENTIAL,
    "lost": Code.CREDENTIAL_LOST,
    "revoked": Code.CREDENTIAL_REVOKED,
    "suspended": Code.SUSPENDED,
}
MODE = {
    Mode.LOCKDOWN: Code.LOCKDOWN,
    Mode.SHELTER: Code.SHELTER,
    Mode.EVACUATE: Code.EVACUATION_ENTRY,
}


def expected(tree: dict[str, Any], ask: Request) -> Verdict:
    portal = tree["portal"].get(ask.portal)
    if portal is None:
        return False, {Code.UNKNOWN_PORTAL}
    return (_out if ask.direction is Direction.EXIT else _in)(tree, ask, portal)


def _roles(tree: dict[str, Any], ask: Request) -> dict[str, dict[str, Any]]:
    names = ask.holder.roles if ask.holder else ()
    return {name: tree["role"][name] for name in names if name in tree["role"]}


def _enough(tree: dict[str, Any], profile: str | None, level: int, shown: set[str]) -> bool:
    """Whether the factors shown satisfy the profile at this level; no profile asks for nothing."""
    if profile is None:
        return True
    stated = tree["factors"][profile]
    text = stated[max(key for key in stated if int(key) <= level)]
    return any({n.strip() for n in part.split("+")} <= shown for part in text.split("|"))


def _out(tree: dict[str, Any], ask: Request, portal: dict[str, Any]) -> Verdict:
    if ask.fire or ask.mode is Mode.EVACUATE or portal["exit"] == "free":
        return True, set()
    passed = {p.factor.value for p in ask.presented if p.passed}
    protected = any(role.get("protected") for role in _roles(tree, ask).values())
    if protected and (ask.credential is CredentialStatus.ACTIVE or "guard" in passed):
        return True, set()
    against = set()
    if ask.credential in ("none", "unknown", "lost", "revoked"):
        against.add(CREDENTIAL[ask.credential])
    if ask.hold_egress and "may-hold" in portal:
        against.add(Code.EGRESS_HELD)
    profile = portal.get("exit-factors")
    if not (_enough(tree, profile, ask.threat, passed) if profile else "badge" in passed):
        failed = any(not p.passed for p in ask.presented)
        against.add(Code.FACTOR_FAILED if failed else Code.FACTORS_MISSING)
    if not ask.interlock_clear:
        against.add(Code.INTERLOCK)
    return not against, against


def _active(schedule: str, utc_s: int) -> bool:
    wall = datetime.fromtimestamp(utc_s, VIENNA)
    hands = wall.strftime("%H:%M")
    if schedule == "night":
        return hands >= "22:00" or hands < "06:00"
    return wall.weekday() < 5 and "07:30" <= hands < "18:30"


def _person(ask: Request, holder: HolderFacts) -> set[Code]:
    against = set()
    if (holder.valid_from_s, holder.valid_until_s) != (None, None) and not ask.clock_trusted:
        against.add(Code.CLOCK_UNTRUSTED)
    elif holder.valid_from_s is not None and ask.utc_s < holder.valid_from_s:
        against.add(Code.NOT_YET_VALID)
    if ask.clock_trusted and holder.valid_until_s is not None and ask.utc_s >= holder.valid_until_s:
        against.add(Code.EXPIRED)
    if holder.suspended:
        against.add(Code.SUSPENDED)
    if holder.locked_out:
        against.add(Code.LOCKED_OUT)
    if holder.watchlisted:
        against.add(Code.WATCHLISTED)
    return against


def _surroundings(tree: dict[str, Any], zone: str) -> set[str]:
    around = {zone}
    while tree["zone"][zone].get("inside"):
        zone = tree["zone"][zone]["inside"]
        around.add(zone)
    return around


def _barred(tree: dict[str, Any], ask: Request, zone_id: str) -> set[Code]:
    """Gates 3 and 4."""
    roles, zone = _roles(tree, ask), tree["zone"][zone_id]
    against = set()
    if ask.credential is not CredentialStatus.ACTIVE:
        against.add(CREDENTIAL[ask.credential])
    if ask.holder is not None:
        against |= _person(ask, ask.holder)
    for deny in tree["deny"]:
        if set(deny["roles"]) & set(roles) and set(deny["zones"]) & _surroundings(tree, zone_id):
            against.add(Code.DENIED_BY_RULE)
    presumed = ask.fire and zone.get("consent-presumed-in-fire", False)
    if any(role.get("host-state") for role in roles.values()) and not (ask.consent or presumed):
        against.add(Code.NO_CONSENT)
    return against


def _in(tree: dict[str, Any], ask: Request, portal: dict[str, Any]) -> Verdict:
    zone = tree["zone"][portal["to"]]
    roles = _roles(tree, ask)
    guest = any(role.get("kind") == "visitor" for role in roles.values())
    overrides = {o for role in roles.values() for o in role.get("overrides", ()) if not guest}
    from_street = tree["zone"][portal["from"]]["kind"] == "public"
    to_refuge = zone["kind"] == "refuge" or portal.get("refuge-route", False)
    fleeing = to_refuge and not from_street and ask.mode in (Mode.LOCKDOWN, Mode.SHELTER)
    level = 1 if fleeing else ask.threat
    recorded = ask.recorded or portal.get("emergency", False)
    barred = _barred(tree, ask, portal["to"])
    nobody = ask.credential is CredentialStatus.NONE and ask.holder is None

    calm = ask.mode is Mode.NORMAL and not ask.fire and ask.interlock_clear and ask.operable
    may_stand_open = calm and recorded and "open" in portal and ask.threat <= 3
    first = set()
    if may_stand_open and not ask.clock_trusted:
        first = {Code.CLOCK_UNTRUSTED}
    elif may_stand_open and _active(portal["open"], ask.utc_s):
        if ask.first_person_in and (nobody or not barred):
            return True, set()
        first = set() if ask.first_person_in else {Code.FIRST_PERSON_OUT}

    against = barred | (first if nobody else set())
    against |= set() if recorded else {Code.NOT_RECORDED}
    against |= set() if ask.interlock_clear else {Code.INTERLOCK}
    against |= set() if ask.operable else {Code.INOPERABLE}
    if ask.mode in MODE and not fleeing and ask.mode.value not in overrides:
        against |= {MODE[ask.mode]} if from_street or ask.mode is not Mode.SHELTER else set()
    if ask.fire and "fire" not in overrides:
        against.add(Code.FIRE_ENTRY)
    clearance = max((role.get("clearance", 0) for role in roles.values()), default=0)
    counted = 1 if "threat" in overrides else level
    needed = [value for key, value in zone.get("clearance", {}).items() if int(key) <= counted]
    if clearance < max(needed, default=0):
        against.add(Code.THREAT_LEVEL)
    return _permitted(tree, ask, portal, against, level, fleeing, guest, overrides)


def _permitted(
    tree: dict[str, Any],
    ask: Request,
    portal: dict[str, Any],
    against: set[Code],
    level: int,
    fleeing: bool,
    guest: bool,
    overrides: set[str],
) -> Verdict:
    """Gates 6 and 7."""
    holding, reasons = [], []
    for grant in tree["grant"]:
        here = portal["to"] in grant.get("zones", ()) or ask.portal in grant.get("portals", ())
        if not here or not set(grant["roles"]) & set(_roles(tree, ask)):
            continue
        why = set()
        if "when" in grant and not ask.clock_trusted:
            why.add(Code.CLOCK_UNTRUSTED)
        elif "when" in grant and not _active(grant["when"], ask.utc_s):
            why.add(Code.OUT_OF_SCHEDULE)
        if level > grant.get("threat-max", 5):
            why.add(Code.THREAT_CEILING)
        modes = grant.get("in", ["normal"])
        lifted = "normal" in modes and (fleeing or ask.mode.value in overrides)
        if ask.mode.value not in modes and not lifted:
            why.add(Code.MODE_NOT_LISTED)
        if (grant.get("escorted") or guest) and not ask.escorted:
            why.add(Code.NOT_ESCORTED)
        (reasons if why else holding).append(why or grant)
    if any(not p.passed for p in ask.presented):
        against.add(Code.FACTOR_FAILED)
    if not holding:
        return False, against | _nearest(reasons)
    shown = {p.factor.value for p in ask.presented if p.passed}
    base = [tree["zone"][portal["to"]]["factors"], portal.get("factors")]
    enough = any(
        all(_enough(tree, profile, level, shown) for profile in (*base, grant.get("factors")))
        for grant in holding
    )
    if not enough and Code.FACTOR_FAILED not in against:
        against.add(Code.FACTORS_MISSING)
    return not against, against


def _nearest(reasons: list[set[Code]]) -> set[Code]:
    """Of the rules for this mode, else of all, those with the fewest reasons against."""
    if not reasons:
        return {Code.NO_GRANT}
    near = [why for why in reasons if Code.MODE_NOT_LISTED not in why] or reasons
    fewest = min(len(why) for why in near)
    told = [why if fewest == 1 else why - {Code.CLOCK_UNTRUSTED} for why in near]
    return {code for why, t in zip(near, told, strict=True) if len(why) == fewest for code in t}
