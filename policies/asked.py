"""What opens a passage for somebody: asked of `decide()`, never worked out beside it."""

from enum import StrEnum

import msgspec

from policies.codes import Code
from policies.compiled import CompiledPolicy
from policies.decide import decide
from policies.facts import (
    Assurance,
    CredentialStatus,
    Factor,
    Presented,
    Request,
    Screened,
    ScreeningResult,
)


class Way(StrEnum):
    ASKED = "asked"  # one of the sets of factors opens it
    OPEN = "open"  # stands open to anybody
    FREE = "free"  # leads out, and nobody is asked
    NEVER = "never"
    MISSING = "no such portal"


class Asked(msgspec.Struct, frozen=True):
    """How a passage opens. `sets`, where factors are asked: any one of them suffices."""

    way: Way
    sets: tuple[tuple[Factor, ...], ...] = ()

    def __str__(self) -> str:
        """`badge+pin or badge+face`, `open`, `free`, `never`."""
        if self.way is not Way.ASKED:
            return self.way.value
        return " or ".join("+".join(factors) or "nothing" for factors in self.sets)


_FREE = (Code.LIFE_SAFETY, Code.EVACUATION, Code.FREE_EXIT, Code.PROTECTED_EXIT)
_GUARD = (Presented(Factor.GUARD, Assurance.SECURE, True),)
NEVER = Asked(Way.NEVER)


def asked_for(policy: CompiledPolicy, request: Request) -> Asked:
    """What would have to be presented. What `request` says was presented counts for nothing."""
    if request.presented:
        request = msgspec.structs.replace(request, presented=())
    decision = decide(policy, request)
    if decision.granted:
        if decision.code is Code.OPEN_PORTAL:
            return Asked(Way.OPEN)
        return Asked(Way.FREE) if decision.code in _FREE else Asked(Way.ASKED, ((),))
    missing = decision.missing
    if request.holder is not None and request.credential is not CredentialStatus.ACTIVE:
        recognised = decide(policy, msgspec.structs.replace(request, presented=_GUARD))
        if recognised.code is Code.PROTECTED_EXIT:  # gate 2: the guard's word is enough
            others = (factors for factors in missing if Factor.GUARD not in factors)
            missing = ((Factor.GUARD,), *others)
        elif request.credential is CredentialStatus.NONE:  # gate 3: whom he knows needs no badge
            wanted = ((),) if recognised.granted else recognised.missing
            missing = tuple((*factors, Factor.GUARD) for factors in wanted)
    if missing:
        return Asked(Way.ASKED, missing)
    return Asked(Way.MISSING) if decision.code is Code.UNKNOWN_PORTAL else NEVER


class Unhindered(msgspec.Struct, frozen=True):
    """A state of the site in which no limit stands in anybody's way: every minimum of people is met
    by who comes, every maximum leaves him room, every station has cleared him."""

    alone: dict[str, int]  # people by zone, where one person comes
    together: dict[str, int]  # where he comes with another
    screened: tuple[Screened, ...]

    def before(self, request: Request) -> Request:
        """The question, asked in this state."""
        together = request.escorted or request.second_person
        return msgspec.structs.replace(
            request,
            inside=self.together if together else self.alone,
            screened=self.screened,
            whereabouts=None,
            knowledge_age_s=0,
        )


def unhindered(policy: CompiledPolicy) -> Unhindered:
    """That state for the limits of this policy."""
    least = {
        zone.id: zone.occupancy.least
        for zone in policy.zones
        if zone.occupancy is not None and zone.occupancy.least is not None
    }
    return Unhindered(
        {zone: people - 1 for zone, people in least.items()},
        {zone: max(people - 2, 0) for zone, people in least.items()},
        tuple(Screened(station, ScreeningResult.CLEARED, 0) for station in policy.screenings),
    )
