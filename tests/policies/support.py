"""Policies and questions for the tests of the policy layer."""

from datetime import datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from policies import (
    Assurance,
    CompiledPolicy,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    PolicyError,
    Presented,
    Problem,
    Request,
    SourceFile,
    load,
)

VIENNA = ZoneInfo("Europe/Vienna")
IN, OUT = Direction.ENTRY, Direction.EXIT


def embassy_text() -> str:
    return resources.files("policies.examples").joinpath("embassy.toml").read_text("utf-8")


def compiled(*texts: str, tzdata_version: str = "2025.2") -> CompiledPolicy:
    sources = [SourceFile(f"{n}.toml", text.encode()) for n, text in enumerate(texts)]
    return load(sources, timezone=ZoneInfo, tzdata_version=tzdata_version)


def problems(*texts: str | bytes) -> tuple[Problem, ...]:
    """What the loader says; empty when it accepts the policy."""
    sources = [
        SourceFile(f"{n}.toml", text if isinstance(text, bytes) else text.encode())
        for n, text in enumerate(texts)
    ]
    try:
        load(sources, timezone=ZoneInfo, tzdata_version="2025.2")
    except PolicyError as error:
        return error.problems
    return ()


@cache
def embassy() -> CompiledPolicy:
    return compiled(embassy_text())


def changed(old: str, new: str, text: str | None = None) -> str:
    """The example with one passage of its text replaced; the passage must stand there once."""
    text = embassy_text() if text is None else text
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)


def vienna(text: str, fold: int = 0) -> int:
    """`2026-11-20 10:00` on the wall clock in Vienna, as seconds since the epoch."""
    wall = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=VIENNA, fold=fold)
    return int(wall.timestamp())


FRIDAY_10H = vienna("2026-11-20 10:00")


def shown(factors: str) -> tuple[Presented, ...]:
    """`badge+pin` as presented; `pin!` is a PIN that failed."""
    return tuple(
        Presented(Factor(name.rstrip("!")), Assurance.SECURE, not name.endswith("!"))
        for name in factors.split("+")
        if name
    )


def holder(*roles: str, **facts: object) -> HolderFacts:
    return HolderFacts("s-1", 1, roles, **facts)  # type: ignore[arg-type]


def ask(
    portal: str,
    direction: Direction,
    who: str | HolderFacts | None,
    factors: str = "badge",
    **facts: object,
) -> Request:
    """A question on a calm Friday at ten; `who` is a role, a holder or nobody."""
    person = holder(who) if isinstance(who, str) else who
    status = CredentialStatus.NONE if person is None else CredentialStatus.ACTIVE
    plain: dict[str, object] = {
        "utc_s": FRIDAY_10H,
        "clock_trusted": True,
        "credential": status,
        "holder": person,
        "presented": shown(factors if person is not None else ""),
    }
    return Request(portal=portal, direction=direction, **(plain | facts))  # type: ignore[arg-type]
