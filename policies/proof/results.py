"""What a proof comes to: plain values for people, JSON and the loader."""

from enum import StrEnum

import msgspec

from policies.codes import Code
from policies.facts import Direction, Factor, Mode


class Means(StrEnum):
    """What lets somebody pass."""

    BADGE = "badge"  # `decide()` grants it to who he is
    ANYBODY = "anybody"  # `decide()` grants it to whoever shows nothing
    FIRE = "fire"  # the lock lets go in a fire
    NO_POWER = "no-power"  # the lock lets go when the power is off


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One passage of a story, and what `decide()` said to it.

    `given` are the circumstances beside mode, threat level and hour. `utc_s` and `local` are None
    where the hour does not count; `code` is None where nobody is asked, hardware alone lets go.
    """

    portal: str
    portal_line: int
    direction: Direction
    source: str
    target: str
    means: Means
    mode: Mode
    threat: int
    fire: bool
    utc_s: int | None = None
    local: str | None = None  # the wall clock of the site
    factors: tuple[Factor, ...] = ()
    given: tuple[str, ...] = ()
    granted: bool = True
    code: Code | None = None
    rule: str | None = None
    line: int | None = None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest way to what must not be. No `roles`: anybody, without a badge."""

    roles: tuple[str, ...]
    steps: tuple[Step, ...]
    end: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One invariant; it holds where there is no story against it. `line` is that of a declared
    one; `asked` says how often `decide()` was."""

    id: str
    statement: str
    line: int | None
    asked: int
    story: Story | None

    @property
    def holds(self) -> bool:
        return self.story is None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A portal whose lock lets go, from its outer side too: it leads `source` into `target`."""

    portal: str
    line: int
    source: str
    target: str


class Proofs(msgspec.Struct, frozen=True, kw_only=True):
    """All invariants of one policy, and what hardware opens inward whatever a policy says."""

    policy: str
    version: int
    digest: str
    proofs: tuple[Proof, ...]
    opened_by_fire: tuple[Opened, ...]
    opened_without_power: tuple[Opened, ...]
    assumptions: tuple[str, ...]

    @property
    def hold(self) -> bool:
        return all(proof.holds for proof in self.proofs)
