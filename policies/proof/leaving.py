"""Invariants about the way out, asked in the worst state that a person can be in."""

from collections.abc import Callable, Iterator

import msgspec

from policies.codes import Code
from policies.compiled import LEVELS, Egress, ExitKind, Lock, OnFire, Passage, ZoneKind
from policies.facts import (
    Assurance,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
)
from policies.proof.movement import AGES_MAX_S, ALL_FACTORS, Given, World, usable
from policies.proof.people import Names, unlike
from policies.proof.reaching import stuck
from policies.proof.results import Means, Step, Story
from policies.proof.stories import step_of

KEEPS_IN = frozenset(
    {
        Code.UNKNOWN_CREDENTIAL,
        Code.CREDENTIAL_LOST,
        Code.CREDENTIAL_REVOKED,
        Code.EGRESS_HELD,
        Code.FACTORS_MISSING,
        Code.FACTOR_FAILED,
        Code.INTERLOCK,
    }
)
"""The five causes of the design, section 4, that keep a reader exit shut."""
_FAILED = tuple(Presented(factor, Assurance.WEAK, False) for factor in Factor)
_GUARD = Presented(Factor.GUARD, Assurance.WEAK, True)
_UNHEARD_OF = "no-such-list"
_CROWD = 2**31 - 1


def _worst(world: World, key: tuple[str, Direction], names: Names | None) -> Request:
    """Everything stands against him; no `names`: he has no badge."""
    holder = HolderFacts(
        "",
        1,
        names or (),
        valid_until_s=0,
        suspended=True,
        locked_out=True,
        watchlisted=True,
        watchlists=(_UNHEARD_OF,),
        biometrics=False,
    )
    return Request(
        portal=key[0],
        direction=key[1],
        utc_s=0,
        clock_trusted=False,
        credential=CredentialStatus.NONE,
        holder=None if names is None else holder,
        presented=() if names is None else _FAILED,
        threat=LEVELS,
        hold_egress=True,
        first_person_in=False,
        inside=dict.fromkeys(world.policy.zones_by_id, _CROWD),
        whereabouts=world.policy.zones[0].id,
        whereabouts_age_s=0,
        knowledge_age_s=AGES_MAX_S,
        interlock_clear=False,
        operable=False,
        recorded=False,
    )


def _anyhow(world: World, key: tuple[str, Direction]) -> Iterator[Request]:
    """The worst state for people of every kind, with credentials of every kind."""
    yield _worst(world, key, None)
    for names in unlike(world.policy):
        worst = _worst(world, key, names)
        for status in CredentialStatus:
            yield msgspec.structs.replace(worst, credential=status)


def _kept(world: World, passage: Passage, request: Request, end: str) -> Story | None:
    """A story where this question is refused."""
    decision = world.decide(request)
    if decision.granted:
        return None
    means = Means.ANYBODY if request.holder is None else Means.BADGE
    step = step_of(world.policy, passage, request, decision, means)
    roles = () if request.holder is None else request.holder.roles
    return Story(roles=roles, steps=(step,), end=end)


def free_in_fire(world: World) -> Story | None:
    """Whoever he is and whatever else is the matter."""
    for key, passage in world.exits:
        for request in _anyhow(world, key):
            for mode in Mode:
                asked = msgspec.structs.replace(request, fire=True, mode=mode)
                story = _kept(world, passage, asked, "a way out is shut in a fire")
                if story is not None:
                    return story
    return None


def free_in_evacuation(world: World) -> Story | None:
    """The same while there is an evacuation."""
    for key, passage in world.exits:
        for request in _anyhow(world, key):
            asked = msgspec.structs.replace(request, mode=Mode.EVACUATE)
            story = _kept(world, passage, asked, "a way out is shut in an evacuation")
            if story is not None:
                return story
    return None


def free_exit(world: World) -> Story | None:
    """An exit that the policy calls free, in every mode."""
    for key, passage in world.exits:
        if passage.portal.exit is not ExitKind.FREE:
            continue
        for request in _anyhow(world, key):
            for mode in Mode:
                asked = msgspec.structs.replace(request, mode=mode)
                story = _kept(world, passage, asked, "a free exit is shut")
                if story is not None:
                    return story
    return None


def protected_leave(world: World) -> Story | None:
    """VCDR art. 29: with a credential in good standing, or recognised by the guard."""
    people = {name: role for name, role in world.policy.roles.items() if role.protected}
    sets = [names for names in unlike(world.policy) if people.keys() & set(names)]
    for key, passage in world.exits:
        for names in sets:
            worst = _worst(world, key, names)
            recognised = (*worst.presented, _GUARD)
            for change in (
                {"credential": CredentialStatus.ACTIVE},
                {"credential": CredentialStatus.UNKNOWN, "presented": recognised},
            ):
                for mode in Mode:
                    asked = msgspec.structs.replace(worst, mode=mode, **change)
                    story = _kept(world, passage, asked, "a protected person is kept in")
                    if story is not None:
                        return story
    return None


def nobody_kept_in(world: World) -> Story | None:
    """Without one of the five causes every exit opens; with them nothing else is told as one."""
    for key, passage in world.exits:
        for names in unlike(world.policy):
            worst = _worst(world, key, names)
            plain = msgspec.structs.replace(
                worst,
                presented=ALL_FACTORS,
                interlock_clear=True,
                hold_egress=passage.portal.may_hold is None,
            )
            for status in (CredentialStatus.ACTIVE, CredentialStatus.SUSPENDED):
                for mode in Mode:
                    asked = msgspec.structs.replace(plain, credential=status, mode=mode)
                    story = _kept(world, passage, asked, "somebody is kept in without a cause")
                    if story is not None:
                        return story
        for request in _anyhow(world, key):
            if not {objection.code for objection in world.decide(request).objections} <= KEEPS_IN:
                return _kept(world, passage, request, "what is no cause keeps somebody in")
    return None


# --- from every zone -----------------------------------------------------------------------------


def way_out_in_fire(world: World) -> Story | None:
    """Through portals that count as ways out, for anybody, with what their locks do in a fire."""

    def opens(key: tuple[str, Direction], passage: Passage) -> str | None:
        portal = passage.portal
        if portal.egress is Egress.ELECTRIC and portal.on_fire is OnFire.LEAVE:
            return "electric egress that fire does not release"
        asked = msgspec.structs.replace(_worst(world, key, None), fire=True)
        return None if world.decide(asked).granted else "refused to people without a badge"

    return _out_of_every_zone(world, opens, Means.FIRE)


def way_out_without_power(world: World) -> Story | None:
    """The same with all power off: a bar or a lever, or a lock that lets go without power."""

    def opens(_: tuple[str, Direction], passage: Passage) -> str | None:
        portal = passage.portal
        if portal.egress is Egress.MECHANICAL or portal.lock is Lock.POWER_TO_LOCK:
            return None
        return "electric egress, and the lock needs power to open"

    return _out_of_every_zone(world, opens, Means.NO_POWER)


def _out_of_every_zone(
    world: World,
    opens: Callable[[tuple[str, Direction], Passage], str | None],
    means: Means,
) -> Story | None:
    """`opens` says what keeps a portal shut, or None."""
    verdicts: dict[tuple[str, Direction], str | None] = {}
    for key, passage in world.ways_out:
        verdicts[key] = opens(key, passage) if _counts(passage) else "not counted as a way out"
    safe = {zone.id for zone in world.policy.zones if zone.kind is ZoneKind.PUBLIC}
    growing = True
    while growing:
        found = {
            passage.source.id
            for key, passage in world.ways_out
            if verdicts[key] is None and passage.target.id in safe
        }
        growing = not found <= safe
        safe |= found
    for zone in world.policy.zones:
        if zone.id not in safe:
            steps = tuple(
                _shut(world, key, passage, means, verdicts[key] or "leads nowhere that is out")
                for key, passage in world.from_zone.get(zone.id, ())
                if passage.way_out
            )
            end = f"no way leads out of '{zone.id}' into a public zone"
            return Story(roles=(), steps=steps, end=end)
    return None


def _counts(passage: Passage) -> bool:
    return passage.portal.egress_route is not None and usable(passage)


def _shut(
    world: World, key: tuple[str, Direction], passage: Passage, means: Means, why: str
) -> Step:
    request = msgspec.structs.replace(_worst(world, key, None), fire=means is Means.FIRE)
    step = step_of(world.policy, passage, request, None, means)
    return msgspec.structs.replace(step, granted=False, given=(why,))


def badge_reaches_safety(world: World) -> Story | None:
    """From each zone that a role can get into, with a badge in good standing: a refuge, or outside.

    Where exits alone lead out nobody has to be asked how he came in.
    """
    policy = world.policy
    safe = frozenset(z.id for z in policy.zones if z.kind in (ZoneKind.PUBLIC, ZoneKind.REFUGE))
    staff = [r.id for r in policy.roles.values() if not r.visitor and not r.host_state]
    for mode in Mode:
        for threat in range(1, LEVELS + 1):
            unsafe = _without_exits(world, safe, mode, threat)
            for role in staff if unsafe else ():
                inside = world.reached((role,), Given(), world.outside)
                for zone in sorted(unsafe & inside):
                    story = stuck(world, (role,), zone, safe, mode, threat)
                    if story is not None:
                        return story
    return None


def _without_exits(world: World, safe: frozenset[str], mode: Mode, threat: int) -> frozenset[str]:
    """Zones from which exits alone lead no ordinary holder to safety."""
    edges: dict[str, list[str]] = {}
    for key, passage in world.ways_out:
        if usable(passage) and world.decide(world.adverse(key, (), mode, threat)).granted:
            edges.setdefault(passage.target.id, []).append(passage.source.id)
    found = set(safe)
    queue = list(safe)
    for zone in queue:
        for source in edges.get(zone, ()):
            if source not in found:
                found.add(source)
                queue.append(source)
    return frozenset(world.policy.zones_by_id) - found
