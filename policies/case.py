"""The question with what the gates ask of it again and again.

Gates read members of enums and objections without arguments from names of their module: Python 3.11
takes as long to find a member in its class as for a whole gate.
"""

import msgspec
from msgspec import UNSET

from policies.compiled import LEVELS, CompiledPolicy, Concerned, Passage
from policies.factors import BITS, FactorTable, Profile
from policies.facts import Assurance, CredentialStatus, Factor, Mode, Objection, Request

Objections = list[Objection]
"""A gate appends what it has to say."""

_RANK: dict[Assurance, int] = {Assurance.WEAK: 0, Assurance.INSIDE: 1, Assurance.SECURE: 2}
_REFUGE_MODES = (Mode.LOCKDOWN, Mode.SHELTER)
_NORMAL, _LOCKDOWN = Mode.NORMAL, Mode.LOCKDOWN
_NO_CREDENTIAL = CredentialStatus.NONE
_GUARD = BITS[Factor.GUARD]


class Case(msgspec.Struct, frozen=True, gc=False):
    """One question to one passage."""

    policy: CompiledPolicy
    request: Request
    passage: Passage
    concerned: Concerned
    sheltering: bool  # on the way into a refuge, in a mode that people flee from
    mode: Mode  # by which grants are looked at
    level: int  # index into tables per level
    passed: int  # factors that count here
    shown: int  # factors that were checked and right, whatever line they came over
    vouched: bool  # the guard says who this is
    failed: bool
    biometrics: bool  # False: this person gives none, or none can be had of him here

    def table(self, profile: Profile) -> FactorTable:
        """What the profile asks this person for."""
        return (profile.regular if self.biometrics else profile.alternative)[self.level]

    @property
    def anonymous(self) -> bool:
        """Nobody says who he is."""
        return self.request.holder is None and self.request.credential is _NO_CREDENTIAL


def case_of(policy: CompiledPolicy, request: Request, passage: Passage) -> Case:
    """Everything that is looked up once."""
    holder = request.holder
    concerned = policy.concerned(() if holder is None else holder.roles, passage)
    sheltering = passage.refuge and request.mode in _REFUGE_MODES
    # A valid badge opens its way into a refuge: what the threat adds elsewhere would keep people
    # out where they are safest, just when they need it.
    level = 0 if sheltering else min(max(request.threat, 1), LEVELS) - 1
    least = 0 if passage.way_out else _RANK[passage.judged.assurance]
    passed = shown = 0
    failed = False
    for factor in request.presented:
        if not factor.passed:
            failed = True
            continue
        bit = BITS[factor.factor]
        shown |= bit
        if _RANK[factor.assurance] >= least:
            passed |= bit
    biometrics = not request.without and (holder is None or holder.biometrics)
    return Case(
        policy,
        request,
        passage,
        concerned,
        sheltering,
        _mode(request),
        level,
        passed,
        shown,
        holder is not None and shown & _GUARD != 0,
        failed,
        biometrics,
    )


def _mode(request: Request) -> Mode:
    """Doors inside what is locked down at its perimeter are what they are in calm times."""
    inside = request.shut_by is not UNSET and _LOCKDOWN not in request.shut_by
    return _NORMAL if request.mode is _LOCKDOWN and inside else request.mode
