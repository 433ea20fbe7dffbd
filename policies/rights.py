"""Who may what, compiled: roles and what a set of them comes to, grants, denials, watchlists,
orders, and what is declared never or always to be so. `policies.compiled` has the places.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from policies.factors import Profile
from policies.facts import Mode
from policies.schedule import Schedule


class Override(StrEnum):
    """The posture that a role may pass in spite of; exactly the one named, nothing else."""

    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"
    FIRE = "fire"
    THREAT = "threat"


class WatchAction(StrEnum):
    """What follows when somebody on the list wants in: never detention, search or capture."""

    DENY = "deny"
    OBSERVE = "observe"


class OrderKind(StrEnum):
    """What somebody may order; `raise` is a threat level, `lower` ends one, `lift` a posture.
    `succeed`: a deputy takes the place of who cannot be reached. `counters`: an edge that may lack
    what was ordered believes orders made from now on."""

    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"
    RAISE = "raise"
    END_HOLD = "end-hold"
    END_DRILL = "end-drill"
    END_UNLOCK = "end-unlock"
    END_DELEGATION = "end-delegation"
    RELEASE = "release"
    DRILL = "drill"
    CONSENT = "consent"
    DELEGATE = "delegate"
    SUCCEED = "succeed"
    LIFT = "lift"
    LOWER = "lower"
    UNLOCK = "unlock"
    HOLD = "hold"
    FIRE_OVERRIDE = "fire-override"
    COUNTERS = "counters"
    POLICY = "policy"


TWO_PEOPLE = frozenset(
    {
        OrderKind.LIFT,
        OrderKind.LOWER,
        OrderKind.UNLOCK,
        OrderKind.HOLD,
        OrderKind.FIRE_OVERRIDE,
        OrderKind.COUNTERS,
        OrderKind.POLICY,
    }
)
"""Orders that take protection away: two people sign them, whatever a policy says (design, 5)."""


class Right(StrEnum):
    """What somebody may do at the pages; each is a table of the policy."""

    GATE = "gate"  # the guard's terminal
    CONSOLE = "console"  # the chief's
    PEOPLE = "people"  # who may sign in, and what is on file of people


class ProtectedShown(StrEnum):
    """What a guard's terminal shows of somebody protected who passes."""

    HIDDEN = "hidden"  # nothing
    STATUS = "status"  # that a protected person passed, and how that was decided
    NAME = "name"  # who


class Unless(StrEnum):
    """What makes an exception from a declared `never`."""

    CONSENT = "consent"
    ESCORTED = "escorted"
    SECOND_PERSON = "second-person"


class RoleRule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    line: int
    clearance: int
    protected: bool  # inviolable, VCDR art. 29: never detained
    host_state: bool  # an agent of the receiving State, VCDR art. 22
    emergency: bool
    visitor: bool
    exempt: bool  # never searched
    escort: bool  # may escort visitors
    per_host: int | None  # so many of this role to one escort
    stay_max_s: int | None
    extended: bool  # needs more time at doors
    protocol: bool  # is called where a protected person is refused
    overrides: frozenset[Override]


class PageRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who has one right at the pages. `protected` concerns the gate alone."""

    right: Right
    line: int
    roles: frozenset[str]
    protected: ProtectedShown


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a set of roles comes to. Who is also a visitor overrides nothing and escorts nobody."""

    roles: frozenset[str]
    clearance: int
    protected: bool
    host_state: bool
    visitor: bool
    exempt: bool
    escort: bool
    extended: bool
    overrides: frozenset[Override]


class GrantRule(msgspec.Struct, frozen=True, kw_only=True):
    """One permission; it opens the ways into `zones`, or the `portals`, exactly one of the two."""

    id: str
    line: int
    roles: frozenset[str]
    zones: frozenset[str]
    portals: frozenset[str]
    hours: Schedule | None  # None: always, and no clock is needed
    threat_max: int
    modes: frozenset[Mode]
    escorted: bool
    two_person: bool
    first_person: bool
    factors: Profile
    needs: int  # what it does not hold without, see `policies.grants`

    @property
    def when(self) -> str | None:
        """The id of its schedule."""
        return None if self.hours is None else self.hours.id


class DenyRule(msgspec.Struct, frozen=True, kw_only=True):
    """One prohibition for `zones` and everything inside them; it beats every grant."""

    id: str
    line: int
    roles: frozenset[str]
    zones: frozenset[str]
    reason: str


def standing_of(roles: Sequence[RoleRule]) -> Standing:
    """What the roles of one person come to together."""
    visitor = any(role.visitor for role in roles)
    overrides = frozenset(o for role in roles for o in role.overrides)
    return Standing(
        roles=frozenset(role.id for role in roles),
        clearance=max((role.clearance for role in roles), default=0),
        protected=any(role.protected for role in roles),
        host_state=any(role.host_state for role in roles),
        visitor=visitor,
        # The person of a protected holder is inviolable (VCDR art. 29): he is never searched.
        exempt=any(role.exempt or role.protected for role in roles),
        escort=not visitor and any(role.escort for role in roles),
        extended=any(role.extended for role in roles),
        overrides=frozenset() if visitor else overrides,
    )


class WatchlistRule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    line: int
    action: WatchAction
    reason: str


class OrderRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who may give an order of this kind, and how many of them have to sign."""

    kind: OrderKind
    line: int
    roles: frozenset[str]
    people: int


class SuccessionRule(msgspec.Struct, frozen=True, kw_only=True):
    """Roles that may take a role's place, in order, where nobody who has it can be reached."""

    id: str
    line: int
    deputies: tuple[str, ...]


class NeverRule(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody with one of `roles` gets into `reach`; see `policies.prove`."""

    id: str
    line: int
    roles: frozenset[str]
    reach: frozenset[str]
    unless: frozenset[Unless]
    reason: str


class AlwaysRule(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever has one of `roles` gets from each of `sources` into one of `reach`."""

    id: str
    line: int
    roles: frozenset[str]
    sources: frozenset[str]
    reach: frozenset[str]
    modes: frozenset[Mode]
    threat_max: int
    reason: str
