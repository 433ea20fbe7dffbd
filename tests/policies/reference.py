"""A slow second reading of a policy, straight from its source tree, to hold the engine against.

It is written from the pages about the policy (docs/policy.md) and shares no line with the engine.
"""

from dataclasses import dataclass, field
from functools import cached_property

from msgspec import UNSET
from msgspec.structs import replace

from policies import Code, CredentialStatus, Direction, Factor, Mode, Request, ScreeningResult
from tests.policies.reading import Expected, Passage, Tree, granted, refused

MODE = {
    Mode.LOCKDOWN: Code.LOCKDOWN,
    Mode.SHELTER: Code.SHELTER,
    Mode.EVACUATE: Code.EVACUATION_ENTRY,
}


def expected(tree: Tree, ask: Request) -> Expected:
    """What the pages say about this question. The note that a posture was overridden is left out:
    it goes with `GRANTED_BY_OVERRIDE`.
    """
    said = {Code.NOTE_DURESS} if ask.duress else set()
    said |= {Code.NOTE_SEALED_BAG} if ask.sealed_bag else set()
    if ask.portal not in tree["portal"]:
        return refused({Code.UNKNOWN_PORTAL}, said)
    outward = Passage(tree, ask, said).outward
    return (WayOut if outward else WayIn)(tree, ask, said).judged()


@dataclass
class WayOut(Passage):
    """The way out: five causes keep a reader exit shut, and nothing else does."""

    def judged(self) -> Expected:
        """Fire, evacuation, free exit; then protected persons; then the five causes. What else
        would be against this person is noted.
        """
        ask, causes = self.ask, self.causes_to_keep_shut()
        self.note_leaving()
        if self.failed() and Code.FACTOR_FAILED not in causes:
            self.said.add(Code.FACTOR_FAILED)
        known = ask.credential is CredentialStatus.ACTIVE or Factor.GUARD in self.shown()
        reasons = (
            (ask.fire, Code.LIFE_SAFETY),
            (ask.mode is Mode.EVACUATE, Code.EVACUATION),
            (self.portal["exit"] == "free", Code.FREE_EXIT),
            (self.has("protected") and known, Code.PROTECTED_EXIT),
            (not causes, Code.GRANTED),
        )
        code = next((code for holds, code in reasons if holds), None)
        if code is None:
            return refused(causes, self.said)
        self.said |= causes - {Code.FACTORS_MISSING}
        if code is Code.PROTECTED_EXIT and causes:
            self.said.add(Code.NOTE_PROTECTED)
        if self.nobody:
            self.said.discard(Code.UNKNOWN_CREDENTIAL)
        return granted(code, self.said)

    def note_leaving(self) -> None:
        ask = self.ask
        self.said |= {Code.NOTE_OBSERVED} if self.lists("observe") else set()
        self.said |= set() if ask.recorded else {Code.NOT_RECORDED}
        self.said |= set() if ask.operable else {Code.INOPERABLE}
        inward = Direction.EXIT if ask.direction is Direction.ENTRY else Direction.ENTRY
        back = WayIn(self.tree, replace(ask, direction=inward), set(), leaves=True)
        against = back.barred() | back.permitted()[1]
        against -= self.credential() - {Code.SUSPENDED}
        if Code.WATCHLISTED in against:
            against = (against - {Code.WATCHLISTED}) | {Code.NOTE_WATCHLISTED}
        if ask.holder is not None and against:
            self.said |= against | {Code.NOTE_OUTSIDE_RULES}
        seen = self.lineage(ask.whereabouts)
        if "anti-passback" in back.zone and seen and self.left not in seen:
            self.said.add(Code.NOTE_PASSBACK)
        if (
            0
            < ask.inside.get(self.left, 0) - 1 - (ask.party or 0)
            < back.zone.get("occupancy-min", 0)
        ):
            self.said.add(Code.NOTE_OCCUPANCY)

    def causes_to_keep_shut(self) -> set[Code]:
        ask, against = self.ask, self.credential() - {Code.SUSPENDED}
        if ask.hold_egress and "may-hold" in self.portal:
            against.add(Code.EGRESS_HELD)
        profile, shown = self.portal.get("exit-factors"), self.shown()
        enough = self.suffices(profile, ask.threat, shown) if profile else "badge" in shown
        if self.portal["exit"] == "reader" and not enough:
            against.add(Code.FACTOR_FAILED if self.failed() else Code.FACTORS_MISSING)
        if not ask.interlock_clear:
            against.add(Code.INTERLOCK)
        return against


@dataclass
class WayIn(Passage):
    """The gates of the way in, in their order."""

    against: set[Code] = field(default_factory=set)
    overridden: bool = False
    leaves: bool = False
    """Asked about somebody on his way out, who flees nowhere."""

    @cached_property
    def zone(self) -> Tree:
        zone: Tree = self.tree["zone"][self.entered]
        return zone

    @cached_property
    def from_outside(self) -> bool:
        return bool(self.tree["zone"][self.left]["kind"] == "public")

    @cached_property
    def visitor(self) -> bool:
        return self.has("kind", "visitor")

    @cached_property
    def overrides(self) -> set[str]:
        if self.visitor:
            return set()
        return {name for role in self.roles.values() for name in role.get("overrides", ())}

    @cached_property
    def fleeing(self) -> bool:
        """From inside into a refuge, or along the way there, in lockdown or shelter."""
        if self.leaves:
            return False
        to_refuge = self.zone["kind"] == "refuge" or self.portal.get("refuge-route", False)
        return (
            to_refuge and not self.from_outside and self.ask.mode in (Mode.LOCKDOWN, Mode.SHELTER)
        )

    @cached_property
    def level(self) -> int:
        return 1 if self.fleeing else self.ask.threat

    @cached_property
    def recorded(self) -> bool:
        return self.ask.recorded or bool(self.portal.get("emergency", False))

    def judged(self) -> Expected:
        if self.lists("observe"):
            self.said.add(Code.NOTE_OBSERVED)
        barred = self.barred()
        shut = self.why_not_open()
        if shut == set() and (self.nobody or not barred):
            return granted(Code.OPEN_PORTAL, self.said, self.portal["open"])
        self.against |= barred | ((shut or set()) if self.nobody else set())
        if not self.recorded:
            self.against.add(Code.NOT_RECORDED)
        self.posture()
        carriers = self.permit_and_factors()
        self.state()
        if self.against:
            return refused(self.against, self.said)
        codes = {grant["id"]: self.code_by(grant) for grant in carriers}
        if Code.GRANTED in codes.values():  # a rule of its own before one that is lent the mode
            codes = {rule: code for rule, code in codes.items() if code is Code.GRANTED}
        return Expected(frozenset(), frozenset(self.said), codes)

    def code_by(self, grant: Tree) -> Code:
        """The code of an entry that rests on this grant."""
        lifted = self.overridden or not (self.fleeing or self.lists_mode(grant))
        return Code.GRANTED_BY_OVERRIDE if lifted else Code.GRANTED

    def lists_mode(self, grant: Tree) -> bool:
        return self.listed_mode.value in grant.get("in", ["normal"])

    def barred(self) -> set[Code]:
        """Gates 3 and 4."""
        ask, against = self.ask, self.credential()
        if ask.holder is not None:
            against |= self.record()
        if self.lists("deny"):
            against.add(Code.WATCHLISTED)
        around = set(self.lineage(self.entered))
        for deny in self.tree["deny"]:
            if set(deny["roles"]) & set(self.roles) and set(deny["zones"]) & around:
                against.add(Code.DENIED_BY_RULE)
        presumed = ask.fire and self.zone.get("consent-presumed-in-fire", False)
        if (self.has("host-state") or ask.party) and self.zone["kind"] != "public":
            against |= set() if ask.consent or presumed else {Code.NO_CONSENT}
        return against

    def record(self) -> set[Code]:
        ask, person, against = self.ask, self.ask.holder, set()
        assert person is not None
        dated = person.valid_from_s is not None or person.valid_until_s is not None
        if dated and not ask.clock_trusted:
            against.add(Code.CLOCK_UNTRUSTED)
        elif person.valid_from_s is not None and ask.utc_s < person.valid_from_s:
            against.add(Code.NOT_YET_VALID)
        if ask.clock_trusted and person.valid_until_s is not None:
            against |= {Code.EXPIRED} if ask.utc_s >= person.valid_until_s else set()
        against |= {Code.SUSPENDED} if person.suspended else set()
        against |= {Code.LOCKED_OUT} if person.locked_out else set()
        return against

    def why_not_open(self) -> set[Code] | None:
        """Nothing when the portal stands open by schedule; what alone is in the way of that when it
        would; None when it does not.
        """
        ask = self.ask
        calm = ask.mode is Mode.NORMAL and not ask.fire and ask.interlock_clear and ask.operable
        if "open" not in self.portal or not calm or not self.recorded:
            return None
        if ask.threat > self.portal["open-threat-max"]:
            return None
        why = self.hours(self.portal["open"])
        if why & {Code.CLOCK_UNTRUSTED, Code.SCHEDULE_HORIZON}:
            return why
        if why:
            return None
        waits = any(self.tree["zone"][name].get("first-person") for name in self.newly_entered)
        return {Code.FIRST_PERSON_OUT} if waits and not ask.first_person_in else set()

    def lifts(self, posture: str) -> bool:
        """Whether an override lifts this posture; that it did so is noted."""
        lifted = posture in self.overrides
        self.overridden |= lifted
        return lifted

    def posture(self) -> None:
        """Gate 5."""
        ask = self.ask
        for mode in () if self.fleeing else self.shut_by():
            if not self.lifts(mode.value):
                self.against.add(MODE[mode])
        if ask.fire and not self.lifts("fire"):
            self.against.add(Code.FIRE_ENTRY)
        has = max((role.get("clearance", 0) for role in self.roles.values()), default=0)
        short = has < self.clearance(self.level)
        if has < self.clearance(1) or (short and not self.lifts("threat")):
            self.against.add(Code.THREAT_LEVEL)

    def shut_by(self) -> set[Mode]:
        """What the edge says of it; where it says nothing the mode is in force everywhere."""
        if self.ask.mode is Mode.NORMAL:
            return set()
        if self.ask.shut_by is not UNSET:
            return set(self.ask.shut_by) - {Mode.NORMAL}
        inside = self.ask.mode is Mode.SHELTER and not self.from_outside
        return set() if inside else {self.ask.mode}

    @property
    def listed_mode(self) -> Mode:
        """A lockdown at the perimeter leaves the doors inside as they are."""
        left_alone = self.ask.shut_by is not UNSET and Mode.LOCKDOWN not in self.ask.shut_by
        return Mode.NORMAL if self.ask.mode is Mode.LOCKDOWN and left_alone else self.ask.mode

    def clearance(self, level: int) -> int:
        stated = self.zone.get("clearance", {})
        return max((least for key, least in stated.items() if int(key) <= level), default=0)

    def permitted(self) -> tuple[list[Tree], set[Code]]:
        """Gate 6: the grants that hold; the reasons of the nearest when there is none."""
        holding, reasons = [], []
        for grant in self.tree["grant"]:
            here = self.entered in grant.get("zones", ()) or self.ask.portal in grant.get(
                "portals", ()
            )
            if here and set(grant["roles"]) & set(self.roles):
                why = self.why_grant_does_not_hold(grant)
                reasons += [why] if why else []
                holding += [] if why else [grant]
        return holding, set() if holding else nearest(reasons)

    def why_grant_does_not_hold(self, grant: Tree) -> set[Code]:
        ask, why = self.ask, set()
        if "when" in grant and not self.fleeing:
            why |= self.hours(grant["when"])
        if self.level > grant.get("threat-max", 5):
            why.add(Code.THREAT_CEILING)
        calm = self.fleeing or self.listed_mode.value in self.overrides
        if not self.lists_mode(grant) and not (calm and "normal" in grant.get("in", ["normal"])):
            why.add(Code.MODE_NOT_LISTED)
        if (grant.get("escorted") or self.visitor) and not (ask.escorted or self.fleeing):
            why.add(Code.NOT_ESCORTED)
        alone = not (ask.second_person or self.fleeing)
        if grant.get("two-person") and (alone or (self.visitor and not self.fleeing)):
            why.add(Code.TWO_PERSON)
        return why

    def permit_and_factors(self) -> list[Tree]:
        """Gates 6, 7 and first-person-in, which chooses among the grants."""
        holding, reasons = self.permitted()
        self.against |= reasons
        closed = any(self.tree["zone"][name].get("first-person") for name in self.newly_entered)
        if closed and not self.ask.first_person_in:
            first = [grant for grant in holding if grant.get("first-person")]
            if self.fleeing or not first:
                self.limit(Code.FIRST_PERSON_OUT)
            else:
                holding = first
        if self.failed():
            self.against.add(Code.FACTOR_FAILED)
            return []
        counted = self.shown(self.zone.get("assurance", "weak"))
        enough = [grant for grant in holding if self.proven(grant, counted)]
        if holding and not enough:
            any_line = any(self.proven(grant, self.shown()) for grant in holding)
            self.against.add(Code.ASSURANCE_TOO_LOW if any_line else Code.FACTORS_MISSING)
        return enough

    def proven(self, grant: Tree, shown: set[str]) -> bool:
        """Zone AND portal AND grant."""
        profiles = (part.get("factors") for part in (self.zone, self.portal, grant))
        return all(self.suffices(profile, self.level, shown) for profile in profiles)

    def state(self) -> None:
        """Gate 8, first-person-in excepted."""
        ask = self.ask
        if not ask.interlock_clear:
            self.against.add(Code.INTERLOCK)
        if not ask.operable:
            self.against.add(Code.INOPERABLE)
        for name in self.newly_entered:
            self.state_of(name, self.tree["zone"][name])

    def state_of(self, name: str, zone: Tree) -> None:
        """Gate 8 of one zone newly entered."""
        ask = self.ask
        if zone.get("two-person") and (self.visitor or not ask.second_person):
            self.limit(Code.TWO_PERSON)
        if ask.knowledge_age_s > zone.get("knowledge-max-s", ask.knowledge_age_s):
            self.limit(Code.KNOWLEDGE_TOO_OLD)
        if zone.get("screening"):
            self.screening(zone["screening"])
        self.occupancy(name, zone)
        self.passback(name, zone)

    def screening(self, stations: list[str]) -> None:
        if self.has("protected") or self.has("screening", "exempt"):
            self.said.add(Code.NOTE_NOT_SEARCHED)
            return
        words = [word for word in self.ask.screened if word.station in stations]
        results = {word.result for word in words}
        if ScreeningResult.REFUSED in results:
            self.limit(Code.SCREENING_REFUSED)
        elif ScreeningResult.DECLINED in results:
            self.limit(Code.SCREENING_DECLINED)
        else:
            valid = [self.tree["screening"][word.station].get("valid-s", 28_800) for word in words]
            ages = [word.age_s for word in words]
            if not any(a is not None and a < v for a, v in zip(ages, valid, strict=True)):
                self.limit(Code.NOT_SCREENED)

    def limit(self, code: Code, soft: Code | None = None) -> None:
        """What is against it refuses, but is noted of somebody who flees; `soft`: noted anyway."""
        if soft is not None:
            self.said.add(soft)
        elif self.fleeing:
            self.said.add(code)
        else:
            self.against.add(code)

    def occupancy(self, name: str, zone: Tree) -> None:
        inside, soft = self.ask.inside.get(name, 0), None
        if zone.get("occupancy") == "soft":
            soft = Code.NOTE_OCCUPANCY
        together = (2 if self.ask.second_person or self.ask.escorted else 1) + (self.ask.party or 0)
        if "occupancy-max" in zone and inside + together > zone["occupancy-max"]:
            self.limit(Code.OCCUPANCY_FULL, soft)
        if inside + together < zone.get("occupancy-min", 0):
            self.limit(Code.BELOW_MINIMUM, soft)

    def passback(self, name: str, zone: Tree) -> None:
        ask, kind = self.ask, zone.get("anti-passback")
        seen = self.lineage(ask.whereabouts)
        again = name in seen
        if "anti-passback-region" in zone:
            word = zone["anti-passback-region"]
            again |= self.within(seen, word) and not self.within(self.lineage(self.left), word)
        age = ask.whereabouts_age_s
        if kind == "timed" and age is not None and age >= zone["anti-passback-s"]:
            return
        if kind is not None and again:
            self.limit(Code.PASSBACK, Code.NOTE_PASSBACK if kind == "soft" else None)

    def within(self, lineage: list[str], region: str) -> bool:
        zones = (self.tree["zone"][name] for name in lineage)
        return any(zone.get("anti-passback-region") == region for zone in zones)


def nearest(reasons: list[set[Code]]) -> set[Code]:
    """Of the rules for this mode, else of all, those with the fewest reasons against."""
    if not reasons:
        return {Code.NO_GRANT}
    near = [why for why in reasons if Code.MODE_NOT_LISTED not in why] or reasons
    fewest = min(len(why) for why in near)
    return {code for why in near if len(why) == fewest for code in why}
