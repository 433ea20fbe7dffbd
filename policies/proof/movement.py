"""Who gets where: passages as steps, and the shortest way through them.

Every step is an answer of `decide()` itself, or a lock that lets go by its hardware. A question is
asked in the most permissive state for what must never be, and in the most adverse one for what must
always be possible.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import msgspec

from policies.compiled import (
    CompiledPolicy,
    Egress,
    Lock,
    OnFire,
    Passage,
    ZoneKind,
)
from policies.decide import decide
from policies.facts import (
    Assurance,
    CredentialStatus,
    Decision,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
    Screened,
    ScreeningResult,
)
from policies.proof.hours import Hours
from policies.proof.people import Names, facts_of, taking
from policies.proof.results import Means, Step
from policies.proof.stories import step_of

ALL_FACTORS = tuple(Presented(factor, Assurance.SECURE, True) for factor in Factor)
AGES_MAX_S = 2**31 - 1
"""Older than any rule allows knowledge to be."""

Key = tuple[object, ...]
Way = tuple[tuple[str, Direction], Passage]
"""A passage with the portal and the direction that name it."""


class Given(msgspec.Struct, frozen=True):
    """What a person may have with him. Without: never at any time of the story."""

    consent: bool = True
    escorted: bool = True
    second_person: bool = True


class World:
    """One policy with what was found out about it; `asked` counts the questions to `decide()`."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self.policy = policy
        self.hours = Hours(policy)
        self.asked = 0
        self.taking = taking(policy)
        self.outside = [z.id for z in policy.zones if z.kind is ZoneKind.PUBLIC]
        self.passages = tuple(policy.passages.items())
        self.from_zone: dict[str, list[Way]] = {}
        for key, passage in self.passages:
            self.from_zone.setdefault(passage.source.id, []).append((key, passage))
        self.ways_out = tuple((k, p) for k, p in self.passages if p.way_out)
        self.entries = tuple(_of_each_kind(policy, way_out=False))
        self.exits = tuple(_of_each_kind(policy, way_out=True))
        self._seen: dict[Key, Step | None] = {}
        self._carriers: dict[Names, Names] = {}
        self._roles: dict[int, tuple[frozenset[str], frozenset[str]]] = {}
        self._screened = tuple(
            Screened(name, ScreeningResult.CLEARED, 0) for name in policy.screenings
        )
        self._fewest = {
            coming: {
                zone.id: max(0, (zone.occupancy.least or 0) - coming)
                for zone in policy.zones
                if zone.occupancy is not None
            }
            for coming in (1, 2)
        }
        self._full = {
            zone.id: zone.occupancy.most or 0 for zone in policy.zones if zone.occupancy is not None
        }

    def decide(self, request: Request) -> Decision:
        """The production `decide()`."""
        self.asked += 1
        return decide(self.policy, request)

    # --- questions -------------------------------------------------------------------------------

    def permissive(self, key: tuple[str, Direction], names: Names | None, given: Given) -> Request:
        """The state in which most is let through, at a calm hour; no `names`: nobody shows
        anything."""
        person = None if names is None else HolderFacts("", 1, names)
        return Request(
            portal=key[0],
            direction=key[1],
            utc_s=0,
            clock_trusted=True,
            credential=CredentialStatus.NONE if person is None else CredentialStatus.ACTIVE,
            holder=person,
            presented=() if person is None else ALL_FACTORS,
            consent=given.consent,
            escorted=given.escorted,
            second_person=given.second_person,
            inside=self._fewest[2 if given.second_person or given.escorted else 1],
            screened=self._screened,
        )

    def adverse(self, key: tuple[str, Direction], names: Names, mode: Mode, threat: int) -> Request:
        """The state in which least is let through, to somebody in good standing who can give every
        factor. No fire; what machines have to do, they do."""
        return Request(
            portal=key[0],
            direction=key[1],
            utc_s=0,
            clock_trusted=False,
            credential=CredentialStatus.ACTIVE,
            holder=HolderFacts("", 1, names),
            presented=ALL_FACTORS,
            mode=mode,
            threat=threat,
            first_person_in=False,
            inside=self._full,
            whereabouts=self.policy.passages[key].judged.id,
            whereabouts_age_s=0,
            knowledge_age_s=AGES_MAX_S,
        )

    def schedules_of(self, passage: Passage, names: Names | None) -> frozenset[str]:
        """The schedules on which it depends whether this person passes."""
        grants = passage.grants if names else ()
        found = {grant.when for grant in grants if not grant.roles.isdisjoint(names or ())}
        found.add(passage.portal.open_schedule)
        return frozenset(name for name in found if name is not None)

    def named_at(self, passage: Passage) -> tuple[frozenset[str], frozenset[str]]:
        """The roles that the passage's grants name, and those that its denials name."""
        found = self._roles.get(id(passage))
        if found is None:
            granted = frozenset(role for grant in passage.grants for role in grant.roles)
            denied = frozenset(role for deny in passage.denies for role in deny.roles)
            found = self._roles[id(passage)] = granted, denied
        return found

    # --- steps -----------------------------------------------------------------------------------

    def steps(
        self, key: tuple[str, Direction], passage: Passage, names: Names | None, given: Given
    ) -> Iterator[Step]:
        """Every means by which this person passes at some time, in some posture; the calmest
        circumstances of each. No `names`: somebody without a badge."""
        free = self._cached((key, None), key, passage, None, given)
        if free is not None:
            yield free
        if names is not None:
            granted, denied = self.named_at(passage)
            relevant = granted.intersection(names)
            standing = self.policy.standing(names)
            seen: Key = (key, standing.protected)
            if not passage.way_out:
                # Whom no rule of the passage names is granted nothing, whatever else he is.
                barred = denied.intersection(names)
                seen = (key, relevant, barred, facts_of(standing), given) if relevant else (key, ())
                names = tuple(sorted({*relevant, *barred, *self._telling(names)}))
                names = names if relevant else ()
            granted_step = self._cached(seen, key, passage, names, given)
            if granted_step is not None:
                yield granted_step
        yield from self._by_hardware(key, passage)

    def _telling(self, names: Names) -> Names:
        """The first roles to which somebody owes what he is, whatever rules name him."""
        found = self._carriers.get(names)
        if found is None:
            roles = [self.policy.roles[name] for name in names]
            first: dict[object, str] = {}
            for role in sorted(roles, key=lambda role: -role.clearance):
                first.setdefault("clearance", role.id)
                for fact in ("protected", "host_state", "visitor", "exempt"):
                    if getattr(role, fact):
                        first.setdefault(fact, role.id)
                for override in role.overrides:
                    first.setdefault(override, role.id)
            found = self._carriers[names] = tuple(sorted(set(first.values())))
        return found

    def _cached(
        self,
        seen: Key,
        key: tuple[str, Direction],
        passage: Passage,
        names: Names | None,
        given: Given,
    ) -> Step | None:
        if seen not in self._seen:
            self._seen[seen] = self._found(key, passage, names, given)
        return self._seen[seen]

    def _found(
        self, key: tuple[str, Direction], passage: Passage, names: Names | None, given: Given
    ) -> Step | None:
        """The first circumstances that let him pass, the calm ones tried first.

        Threat levels are left at 1: that a higher one opens nothing is an invariant of its own.
        """
        basis = self.permissive(key, names, given)
        means = Means.ANYBODY if names is None else Means.BADGE
        for request in self.moments(basis, passage):
            if self.decide(request).granted:
                plain = self.plainest(request)
                return step_of(self.policy, passage, plain, self.decide(plain), means)
        return None

    def plainest(self, request: Request) -> Request:
        """A question that is granted, without what it is granted without."""
        for plainer in (
            {"second_person": False},
            {"escorted": False},
            {"consent": False},
            {"presented": ()},
        ):
            candidate = msgspec.structs.replace(request, **plainer)
            decision = self.decide(candidate)
            if not decision.granted and decision.missing:
                asked = tuple(Presented(f, Assurance.SECURE, True) for f in decision.missing[0])
                candidate = msgspec.structs.replace(candidate, presented=asked)
                decision = self.decide(candidate)
            if decision.granted:
                request = candidate
        return request

    def moments(
        self,
        basis: Request,
        passage: Passage,
        fires: Iterable[bool] = (False, True),
        *,
        every_hour: bool = False,
    ) -> Iterator[Request]:
        """The question in every mode, with fire and without, at the hours at which most is open; or
        at every hour that makes a difference."""
        names = None if basis.holder is None else basis.holder.roles
        schedules = self.schedules_of(passage, names)
        hours = self.hours.all(schedules) if every_hour else self.hours.fullest(schedules)
        for asked in self._accompanied(basis, passage):
            for fire in fires:
                for mode in Mode:
                    for utc_s in hours:
                        yield msgspec.structs.replace(asked, fire=fire, mode=mode, utc_s=utc_s)

    def _accompanied(self, basis: Request, passage: Passage) -> Iterator[Request]:
        """With whoever comes along, and alone: where people are counted company takes a place."""
        yield basis
        counted = any(zone.occupancy is not None for zone in passage.entered)
        if counted and (basis.second_person or basis.escorted):
            yield msgspec.structs.replace(
                basis, second_person=False, escorted=False, inside=self._fewest[1]
            )

    def _by_hardware(self, key: tuple[str, Direction], passage: Passage) -> Iterator[Step]:
        portal = passage.portal
        if passage.way_out:
            return
        for means, lets_go in (
            (Means.FIRE, portal.on_fire is OnFire.RELEASE),
            (Means.NO_POWER, portal.lock is Lock.POWER_TO_LOCK),
        ):
            if lets_go:
                yield step_of(self.policy, passage, _question(key, means), None, means)

    # --- ways ------------------------------------------------------------------------------------

    def shortest(
        self,
        names: Names | None,
        given: Given,
        sources: Iterable[str],
        wrong: Callable[[Step], bool],
    ) -> tuple[Step, ...] | None:
        """The shortest way to a step that is `wrong`, posture and hour changing as they like in
        between; None where there is none."""
        reached: dict[str, tuple[Step, ...]] = dict.fromkeys(sources, ())
        queue = deque(reached)
        while queue:
            zone = queue.popleft()
            for key, passage in self.from_zone.get(zone, ()):
                for step in self.steps(key, passage, names, given):
                    if wrong(step):
                        return (*reached[zone], step)
                    if step.target not in reached:
                        reached[step.target] = (*reached[zone], step)
                        queue.append(step.target)
        return None

    def reached(self, names: Names | None, given: Given, sources: Iterable[str]) -> frozenset[str]:
        """Every zone that this person can ever get into from there, the sources included."""
        found: set[str] = set(sources)

        def note(step: Step) -> bool:
            found.add(step.target)
            return False

        self.shortest(names, given, sources, note)
        return frozenset(found)


def _of_each_kind(policy: CompiledPolicy, *, way_out: bool) -> Iterator[Way]:
    """One passage for all those that the gates cannot tell apart."""
    seen = set()
    for key, passage in policy.passages.items():
        if passage.way_out is not way_out:
            continue
        kind = _kind_of_exit(passage) if way_out else _kind_of_entry(passage)
        if kind not in seen:
            seen.add(kind)
            yield key, passage


def _kind_of_exit(passage: Passage) -> Key:
    portal = passage.portal
    return passage.judged.id, portal.exit, portal.may_hold is None, passage.factors


def _kind_of_entry(passage: Passage) -> Key:
    portal = passage.portal
    return (
        passage.judged.id,
        tuple(zone.id for zone in passage.entered),
        passage.source.kind,
        passage.factors,
        tuple(grant.id for grant in passage.grants),
        passage.refuge,
        portal.emergency,
        portal.open_schedule,
        portal.open_threat_max,
        portal.interlock is None,
    )


def usable(passage: Passage) -> bool:
    """Whether somebody to whom it is granted can pass: with `egress = "none"` nobody gets out."""
    return not (passage.way_out and passage.portal.egress is Egress.NONE)


def _question(key: tuple[str, Direction], means: Means) -> Request:
    return Request(
        portal=key[0],
        direction=key[1],
        utc_s=0,
        clock_trusted=False,
        credential=CredentialStatus.NONE,
        holder=None,
        fire=means is Means.FIRE,
    )
