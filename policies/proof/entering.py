"""Invariants about single entries: what no rule of a policy may ever come to.

They are asked of one passage of each kind, of every set of roles that its rules tell apart, in the
most permissive state but for the one fact that has to keep the door shut.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from policies.codes import Code
from policies.compiled import LEVELS, Passage
from policies.facts import (
    Assurance,
    CredentialStatus,
    Decision,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
)
from policies.proof.movement import Given, World
from policies.proof.people import Names
from policies.proof.results import Means, Story
from policies.proof.stories import step_of
from policies.rights import Override

Asked = tuple[Passage, Request]
_SHELTERING = (Mode.LOCKDOWN, Mode.SHELTER)


def _people(world: World, passage: Passage, *, each: bool) -> Iterator[Names]:
    """Sets of the roles that rules here name: those that can do most, and `each` of them alone."""
    granted, denied = world.named_at(passage)
    regular = {role.id for role in world.policy.roles.values() if not role.visitor}
    alone = granted if each else granted - regular
    yield ()
    for role in sorted(alone):
        yield (role,)
    most = granted & regular
    kept = most - world.taking
    sets = {kept, most, (granted | denied) & regular}
    sets |= {kept | {role} for role in most - kept}
    known = {frozenset({role}) for role in alone}
    yield from sorted(tuple(sorted(names)) for names in sets - known if names)


def _anywhere(_: Passage) -> bool:
    return True


def _anyone(_: Names) -> bool:
    return True


def _questions(
    world: World,
    at: Callable[[Passage], bool] = _anywhere,
    who: Callable[[Names], bool] = _anyone,
    *,
    each: bool = True,
    every_hour: bool = False,
) -> Iterator[Asked]:
    """Entries of each kind, in the most permissive state, for people of each kind.

    One more role takes nothing away from who is in good standing, so where nothing is excused those
    who have most stand for `each`.
    """
    for key, passage in world.entries:
        if not at(passage):
            continue
        for names in _people(world, passage, each=each):
            if not who(names):
                continue
            basis = world.permissive(key, names, Given())
            fires = (False, True) if Override.FIRE in _overrides(world, names) else (False,)
            alone = every_hour and len(names) == 1
            for request in world.moments(basis, passage, fires, every_hour=alone):
                yield passage, request


def _overrides(world: World, names: Names) -> frozenset[Override]:
    return world.policy.standing(names).overrides


def _anonymous(world: World, at: Callable[[Passage], bool] = _anywhere) -> Iterator[Asked]:
    for key, passage in world.entries:
        if at(passage):
            basis = world.permissive(key, None, Given())
            for request in world.moments(basis, passage):
                yield passage, request


def _story(world: World, passage: Passage, request: Request, decision: Decision, end: str) -> Story:
    means = Means.BADGE if request.holder is not None else Means.ANYBODY
    step = step_of(world.policy, passage, request, decision, means)
    roles = () if request.holder is None else request.holder.roles
    return Story(roles=roles, steps=(step,), end=end)


def _with(
    world: World,
    asked: Iterator[Asked],
    change: Mapping[str, object],
    end: str,
    excused: Callable[[Passage, Request, Decision], bool],
) -> Story | None:
    """The first question that is granted in spite of the change, and not excused."""
    for passage, request in asked:
        changed = msgspec.structs.replace(request, **change)
        decision = world.decide(changed)
        if decision.granted and not excused(passage, changed, decision):
            return _story(world, passage, changed, decision, end)
    return None


def _sheltering(passage: Passage, request: Request, _: Decision) -> bool:
    """On the way into a refuge limits are notes: it has to open to whoever flees."""
    return passage.refuge and request.mode in _SHELTERING


def _never(*_: object) -> bool:
    return False


# --- who ---------------------------------------------------------------------------------------


def bad_standing(world: World) -> Story | None:
    """Unknown, lost, revoked, suspended, locked out, expired, not yet valid, watchlisted."""
    for passage, request in _questions(world, each=False):
        for asked in _in_bad_standing(request):
            decision = world.decide(asked)
            if decision.granted:
                end = "it opens to a credential or a person not in good standing"
                return _story(world, passage, asked, decision, end)
    return None


def _in_bad_standing(request: Request) -> Iterator[Request]:
    holder = request.holder
    assert holder is not None, "asked of somebody with a badge"
    shown = tuple(one for one in request.presented if one.factor is not Factor.GUARD)
    for status in CredentialStatus:
        if status is CredentialStatus.NONE:  # whom the guard knows needs no credential
            yield msgspec.structs.replace(request, credential=status, presented=shown)
        elif status is not CredentialStatus.ACTIVE:
            yield msgspec.structs.replace(request, credential=status)
    records: tuple[HolderFacts, ...] = (
        msgspec.structs.replace(holder, suspended=True),
        msgspec.structs.replace(holder, locked_out=True),
        msgspec.structs.replace(holder, watchlisted=True),
        msgspec.structs.replace(holder, watchlists=("no-such-list",)),
        msgspec.structs.replace(holder, valid_until_s=request.utc_s),
        msgspec.structs.replace(holder, valid_from_s=request.utc_s + 1),
    )
    for record in records:
        yield msgspec.structs.replace(request, holder=record)
        yield msgspec.structs.replace(request, holder=record, credential=CredentialStatus.NONE)


def visitor_alone(world: World) -> Story | None:
    """A visitor's badge opens nothing without an escort, but what stands open to anybody, and the
    way into a refuge to whoever flees."""
    visitors = {role.id for role in world.policy.roles.values() if role.visitor}
    asked = _questions(world, who=lambda names: not visitors.isdisjoint(names))
    end = "a visitor's badge opens it without an escort"
    return _with(world, asked, {"escorted": False}, end, _open_or_sheltering)


def _open_or_sheltering(passage: Passage, request: Request, decision: Decision) -> bool:
    return decision.code is Code.OPEN_PORTAL or _sheltering(passage, request, decision)


def alone(world: World) -> Story | None:
    """A zone of two people, and one person."""

    def for_two(passage: Passage) -> bool:
        return any(zone.two_person for zone in passage.entered)

    asked = _questions(world, for_two)
    end = "one person alone gets into a zone that two have to enter together"
    story = _with(world, asked, {"second_person": False}, end, _sheltering)
    if story is not None:
        return story
    return _with(world, _anonymous(world, for_two), {}, end, _never)


# --- when --------------------------------------------------------------------------------------


def timed_without_clock(world: World) -> Story | None:
    """A rule with hours, while the clock is not trusted, but on the flight into a refuge."""
    timed = {grant.id for grant in world.policy.grants if grant.when is not None}

    def excused(passage: Passage, request: Request, decision: Decision) -> bool:
        untimed = decision.code is not Code.OPEN_PORTAL and decision.rule not in timed
        return untimed or _sheltering(passage, request, decision)

    end = "a rule with hours holds although nobody knows the time"
    change = {"clock_trusted": False}
    story = _with(world, _questions(world), change, end, excused)
    return story or _with(world, _anonymous(world), change, end, excused)


def open_in_calm(world: World) -> Story | None:
    """A portal that stands open, in any posture but calm."""
    for passage, request in _anonymous(world):
        for threat in range(1, LEVELS + 1):
            asked = msgspec.structs.replace(request, threat=threat)
            calm = request.mode is Mode.NORMAL and threat <= passage.portal.open_threat_max
            decision = world.decide(asked)
            if decision.granted and (asked.fire or not calm):
                end = "it stands open although it is not calm"
                return _story(world, passage, asked, decision, end)
    return None


def fire_entry(world: World) -> Story | None:
    """Entry in a fire, but for those who override it."""

    def excused(_: Passage, request: Request, __: Decision) -> bool:
        holder = request.holder
        return holder is not None and Override.FIRE in _overrides(world, holder.roles)

    end = "a badge opens it in a fire without an override for fire"
    return _with(world, _questions(world), {"fire": True}, end, excused)


def threat_opens(world: World) -> Story | None:
    """What a higher level lets through and the one below does not.

    More factors never refuse, so the smallest sets of factors that suffice stand for all. That a
    mode which no rule names opens nothing at any level is said by `mode_opens`.
    """
    for passage, request in _questions(world, every_hour=True):
        if not _named(world, passage, request):
            continue
        for threat in range(2, LEVELS + 1):
            for asked in _smallest(world, msgspec.structs.replace(request, threat=threat)):
                below = msgspec.structs.replace(asked, threat=threat - 1)
                if not world.decide(below).granted:
                    end = f"threat level {threat - 1} refuses what level {threat} lets through"
                    return _story(world, passage, asked, world.decide(asked), end)
    return None


def _named(world: World, passage: Passage, request: Request) -> bool:
    """Whether a rule for this person holds in this mode, or he overrides it, or flees from it."""
    assert request.holder is not None, "asked of somebody with a badge"
    standing = world.policy.standing(request.holder.roles)
    return (
        request.mode is Mode.NORMAL
        or request.mode.value in standing.overrides
        or (passage.refuge and request.mode in _SHELTERING)
        or any(request.mode in grant.modes for grant in passage.grants)
    )


def _smallest(world: World, request: Request) -> Iterator[Request]:
    """The question with each smallest set of factors with which it is granted."""
    bare = msgspec.structs.replace(request, presented=())
    decision = world.decide(bare)
    if decision.granted:
        yield bare
    for missing in decision.missing:
        shown = tuple(Presented(factor, Assurance.SECURE, True) for factor in missing)
        yield msgspec.structs.replace(request, presented=shown)


def mode_opens(world: World) -> Story | None:
    """What a stricter mode lets through and normal does not, by a rule that does not name it."""
    grants = {grant.id: grant for grant in world.policy.grants}
    for passage, request in _questions(world, every_hour=True):
        if request.mode is Mode.NORMAL:
            continue
        decision = world.decide(request)
        if not decision.granted or _sheltering(passage, request, decision):
            continue
        calm = world.decide(msgspec.structs.replace(request, mode=Mode.NORMAL))
        rule = grants.get(decision.rule or "")
        if not calm.granted and (rule is None or request.mode not in rule.modes):
            end = f"the mode '{request.mode}' opens what is shut in normal"
            return _story(world, passage, request, decision, end)
    return None


# --- machines ----------------------------------------------------------------------------------


def interlock_opens(world: World) -> Story | None:
    """Entry through a portal of an interlock while another of its portals is not secured."""
    end = "two portals of an interlock are open together"
    story = _with(world, _questions(world, each=False), {"interlock_clear": False}, end, _never)
    return story or _with(world, _anonymous(world), {"interlock_clear": False}, end, _never)


def unrecorded(world: World) -> Story | None:
    """Entry while nothing can be recorded, but at an emergency portal."""

    def excused(passage: Passage, _: Request, __: Decision) -> bool:
        return passage.portal.emergency

    end = "it opens while nothing can be recorded"
    story = _with(world, _questions(world, each=False), {"recorded": False}, end, excused)
    return story or _with(world, _anonymous(world), {"recorded": False}, end, excused)


def duress_tells(world: World) -> Story | None:
    """Duress changes no verdict and no reason."""
    for passage, request in _questions(world):
        plain = world.decide(request)
        asked = msgspec.structs.replace(request, duress=True)
        decision = world.decide(asked)
        if (plain.granted, plain.code) != (decision.granted, decision.code):
            end = "the verdict under duress is another"
            return _story(world, passage, asked, decision, end)
    return None
