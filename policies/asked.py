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
    if missing:
        return Asked(Way.ASKED, missing)
    return Asked(Way.MISSING) if decision.code is Code.UNKNOWN_PORTAL else NEVER


class Unhindered(msgspec.Struct, frozen=True):
    """A state of the site in which no limit stands in anybody's way; for `Request`."""

    inside: dict[str, int]  # people by zone
    screened: tuple[Screened, ...]


def unhindered(policy: CompiledPolicy) -> Unhindered:
    """Every minimum of people is met but for the one who asks, every station has cleared him."""
    inside = {
        zone.id: zone.occupancy.least - 1
        for zone in policy.zones
        if zone.occupancy is not None and zone.occupancy.least is not None
    }
    screened = tuple(Screened(station, ScreeningResult.CLEARED, 0) for station in policy.screenings)
    return Unhindered(inside, screened)
