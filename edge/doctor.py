"""`sentrypost doctor`: what a check is, and the one list of them.

A check is a function that looks at one thing and says what it finds; it changes nothing, and what
it cannot see it says. To add one, write it and name it in CHECKS.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.config import Config


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `remedy`: what to do, wherever something is not as it should be."""

    verdict: Verdict
    said: str
    remedy: str = ""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, and the check that has made it."""

    check: str
    verdict: Verdict
    said: str
    remedy: str


class Machine(NamedTuple):
    """What is looked at outside of the site. `root`: under which the system's files are seen."""

    root: Path
    utc_s: float


class Patient(NamedTuple):
    """One edge. `config`: None where its site file has mistakes. `volumes`: what else keeps records
    and has to lie on an encrypted volume. `progress`: told how far a long look is.
    """

    file: Path
    state: Path
    config: Config | None
    mistakes: int
    volumes: tuple[Path, ...]
    machine: Machine
    progress: Callable[[int, int], None]


Check = Callable[[Patient], Iterable[Finding]]


def ok(said: str) -> Finding:
    return Finding(verdict=Verdict.OK, said=said)


def warn(said: str, remedy: str) -> Finding:
    return Finding(verdict=Verdict.WARN, said=said, remedy=remedy)


def fail(said: str, remedy: str) -> Finding:
    return Finding(verdict=Verdict.FAIL, said=said, remedy=remedy)


def named(check: str, found: Finding) -> Named:
    """As the finding of this check."""
    return Named(check=check, verdict=found.verdict, said=found.said, remedy=found.remedy)


def findings(patient: Patient, checks: Mapping[str, Check]) -> Iterator[Named]:
    """Every finding of every check, in their order, as it is made."""
    for name, check in checks.items():
        for found in check(patient):
            yield named(name, found)
