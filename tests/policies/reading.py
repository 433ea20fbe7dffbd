"""A question beside its policy's source tree: names followed anew, factors as plain sets, hours
read off a wall clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from policies import Code, CredentialStatus, Direction, Request

Tree = dict[str, Any]
VIENNA = ZoneInfo("Europe/Vienna")
CREDENTIAL = {
    CredentialStatus.NONE: Code.UNKNOWN_CREDENTIAL,
    CredentialStatus.UNKNOWN: Code.UNKNOWN_CREDENTIAL,
    CredentialStatus.LOST: Code.CREDENTIAL_LOST,
    CredentialStatus.REVOKED: Code.CREDENTIAL_REVOKED,
    CredentialStatus.SUSPENDED: Code.SUSPENDED,
}
ASSURANCES = ("weak", "inside", "secure")
BIOMETRIC = {"face", "finger"}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Expected(NamedTuple):
    """What should be answered.

    `carriers`: the code of a grant by the rule on which it rests, which is one of these (None: it
    rests on no rule); empty for a refusal.
    """

    objections: frozenset[Code]
    notes: frozenset[Code]
    carriers: Mapping[str | None, Code]


def refused(objections: set[Code], notes: set[Code]) -> Expected:
    return Expected(frozenset(objections), frozenset(notes), {})


def granted(code: Code, notes: set[Code], rule: str | None = None) -> Expected:
    return Expected(frozenset(), frozenset(notes), {rule: code})


@dataclass
class Passage:
    """One question beside its policy, with what the policy says about its portal and person."""

    tree: Tree
    ask: Request
    said: set[Code]
    """Notes so far."""

    @cached_property
    def portal(self) -> Tree:
        portal: Tree = self.tree["portal"][self.ask.portal]
        return portal

    @cached_property
    def outward(self) -> bool:
        return self.ask.direction.value == (
            "entry" if self.portal.get("egress-route") == "entry" else "exit"
        )

    @cached_property
    def entered(self) -> str:
        """The zone to which this passage leads."""
        zone: str = self.portal["to" if self.ask.direction is Direction.ENTRY else "from"]
        return zone

    @cached_property
    def left(self) -> str:
        zone: str = self.portal["from" if self.ask.direction is Direction.ENTRY else "to"]
        return zone

    @cached_property
    def roles(self) -> dict[str, Tree]:
        names = self.ask.holder.roles if self.ask.holder else ()
        return {name: self.tree["role"][name] for name in names if name in self.tree["role"]}

    @cached_property
    def nobody(self) -> bool:
        """Somebody who shows nothing."""
        return self.ask.credential is CredentialStatus.NONE and self.ask.holder is None

    def has(self, key: str, value: object = True) -> bool:
        """Whether one of the person's roles says so."""
        return any(role.get(key) == value for role in self.roles.values())

    def lineage(self, zone: str | None) -> list[str]:
        """The zone and those around it, from the inside out; none of a zone nobody knows."""
        around = []
        while zone in self.tree["zone"]:
            around.append(zone)
            zone = self.tree["zone"][zone].get("inside")
        return around

    @cached_property
    def newly_entered(self) -> list[str]:
        behind = self.lineage(self.left)
        return [name for name in self.lineage(self.entered) if name not in behind]

    def lists(self, action: str) -> bool:
        """Whether the person is on a watchlist with this action; one that is not known denies."""
        person = self.ask.holder
        if person is None:
            return False
        known = self.tree["watchlist"]
        actions = {known[name]["action"] if name in known else "deny" for name in person.watchlists}
        return action in actions or (action == "deny" and person.watchlisted)

    def shown(self, least: str = "weak") -> set[str]:
        """The factors that passed, over lines worth at least so much."""
        enough = ASSURANCES[ASSURANCES.index(least) :]
        return {p.factor.value for p in self.ask.presented if p.passed and p.assurance in enough}

    def failed(self) -> bool:
        return any(not p.passed for p in self.ask.presented)

    def suffices(self, profile: str | None, level: int, shown: set[str]) -> bool:
        """Whether the factors shown are enough at this level; no profile asks for nothing."""
        if profile is None:
            return True
        stated = self.tree["factors"][profile]
        text = stated[max(key for key in stated if int(key) <= level)]
        wanted = [{name.strip() for name in part.split("+")} for part in text.split("|")]
        gives = self.ask.holder is None or self.ask.holder.biometrics
        if not gives or self.ask.without:
            wanted += [self.instead(factors) for factors in wanted]
        return any(factors <= shown for factors in wanted)

    def instead(self, factors: set[str]) -> set[str]:
        """The same with what the policy takes in place of biometrics."""
        alternative = self.tree["alternative"]
        replaced = {name for name in factors & BIOMETRIC if name in alternative}
        return (factors - replaced).union(*(alternative[name].split("+") for name in replaced))

    def credential(self) -> set[Code]:
        ask = self.ask
        if ask.holder and ask.credential is CredentialStatus.NONE and "guard" in self.shown():
            return set()
        if ask.credential in CREDENTIAL:
            return {CREDENTIAL[ask.credential]}
        return {Code.UNKNOWN_CREDENTIAL} if ask.holder is None else set()

    def hours(self, schedule: str) -> set[Code]:
        """What is against the schedule now."""
        if not self.ask.clock_trusted:
            return {Code.CLOCK_UNTRUSTED}
        stated = self.tree["schedule"][schedule]
        wall = datetime.fromtimestamp(self.ask.utc_s, VIENNA)
        if "except" in stated and not 1970 <= wall.year <= 2100:
            return {Code.SCHEDULE_HORIZON}
        now, day = wall.strftime("%H:%M"), wall.date()
        for span in self.spans(stated, day):
            start, end = span.split("-")
            if start <= now < end or (end < start <= now):
                return set()
        for span in self.spans(stated, day - timedelta(days=1)):
            start, end = span.split("-")
            if now < end < start:
                return set()
        return {Code.OUT_OF_SCHEDULE}

    def spans(self, stated: Tree, day: date) -> Iterator[str]:
        """The spans that start on this day."""
        if "except" in stated and day in self.tree["calendar"][stated["except"]]["dates"]:
            yield from stated.get("holiday", ())
            return
        workday = day.weekday() < 5
        for key in ("daily", WEEK[day.weekday()], "mon-fri" if workday else "sat-sun"):
            yield from stated.get(key, ())
