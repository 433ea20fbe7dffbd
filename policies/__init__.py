"""The policy language: files in, a compiled policy out, and `decide()` over it. Pure: no I/O.

policy = load([SourceFile(name, data)], timezone=ZoneInfo, tzdata_version="2025.2")
decision = decide(policy, Request(...))
"""

from policies.codes import TEXTS, Code
from policies.compiled import CompiledPolicy, FireInput, PortalRule, ZoneRule
from policies.decide import decide
from policies.facts import (
    Assurance,
    CredentialStatus,
    Decision,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Objection,
    Presented,
    Request,
    Screened,
    ScreeningResult,
)
from policies.loader import included, load
from policies.problems import PolicyError, Problem, SourceFile
from policies.rights import RoleRule

__all__ = [
    "TEXTS",
    "Assurance",
    "Code",
    "CompiledPolicy",
    "CredentialStatus",
    "Decision",
    "Direction",
    "Factor",
    "FireInput",
    "HolderFacts",
    "Mode",
    "Objection",
    "PolicyError",
    "PortalRule",
    "Presented",
    "Problem",
    "Request",
    "RoleRule",
    "Screened",
    "ScreeningResult",
    "SourceFile",
    "ZoneRule",
    "decide",
    "included",
    "load",
]
