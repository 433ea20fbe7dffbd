"""Who asks, in which posture and when, as options of a command."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from edge.failed import Failed
from edge.people.cells import CellError, read_roles
from edge.people.importer import COLUMNS
from edge.people.table import read_table
from policies import (
    Assurance,
    CompiledPolicy,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
)
from policies.asked import unhindered
from policies.factors import FactorSyntaxError, parse
from policies.problems import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--role",
        "roles",
        multiple=True,
        help="A role of the person; once for each. Left out: nobody who shows a credential.",
    ),
    click.option(
        "--mode",
        type=click.Choice([mode.value for mode in Mode]),
        default=Mode.NORMAL.value,
        show_default=True,
        help="The mode in force.",
    ),
    click.option("--fire", is_flag=True, help="There is fire on either side."),
    click.option(
        "--threat",
        type=click.IntRange(1, 5),
        default=1,
        show_default=True,
        help="The threat level in force.",
    ),
    click.option("--escorted", is_flag=True, help="An escort is there."),
    click.option("--consent", is_flag=True, help="The head of mission's consent is recorded."),
    click.option("--second-person", is_flag=True, help="Another entitled person is there."),
    click.option(
        "--before-first", is_flag=True, help="Nobody who opens the zone for others is in."
    ),
    click.option("--no-biometrics", is_flag=True, help="The person gives no biometrics."),
)


def asker_options(command: F) -> F:
    """The options that `asker_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asker_of(policy: CompiledPolicy, options: Mapping[str, Any]) -> Request:
    """The question without its place and time, at a site where no limit of people stands in the
    way. Raises click.UsageError for a role that the policy does not have."""
    roles: tuple[str, ...] = tuple(sorted(set(options["roles"])))
    for role in roles:
        refuse_unknown("role", role, policy.roles)
    request = Request(
        portal="",
        direction=Direction.ENTRY,
        utc_s=0,
        clock_trusted=True,
        credential=CredentialStatus.ACTIVE if roles else CredentialStatus.NONE,
        holder=HolderFacts("", 1, roles, biometrics=not options["no_biometrics"])
        if roles
        else None,
        mode=Mode(options["mode"]),
        threat=options["threat"],
        fire=options["fire"],
        consent=options["consent"],
        escorted=options["escorted"],
        second_person=options["second_person"],
        first_person_in=not options["before_first"],
    )
    return unhindered(policy).before(request)


def refuse_unknown(kind: str, name: str, known: Iterable[str]) -> None:
    """Raises click.UsageError where the policy does not have it, with what was meant perhaps."""
    names = list(known)
    if name not in names:
        hint = did_you_mean(name, names) or f"it has {', '.join(names)}"
        raise click.UsageError(f"the policy has no {kind} '{name}'; {hint}")


def presented_of(text: str) -> tuple[Presented, ...]:
    """`badge+pin`, all of them right and over a trusted line. Raises click.UsageError."""
    if not text:
        return ()
    try:
        alternatives = parse(text)
    except FactorSyntaxError as error:
        raise click.UsageError(f"--factors {text}: {error}") from error
    if len(alternatives) > 1:
        raise click.UsageError(f"--factors {text}: say one set of factors, as badge+pin")
    names = {name.strip() for name in text.split("+")}
    return tuple(
        Presented(factor, Assurance.SECURE, True) for factor in Factor if factor.value in names
    )


def utc_of(text: str, policy: CompiledPolicy) -> float:
    """`2026-11-22T09:00` on the site's wall, or with its own offset. Raises click.UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"'{text}' is no time; write it as 2026-11-22T09:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=policy.zone)).timestamp()


def together_of(
    given: Iterable[str], people: Path | None, policies: Iterable[CompiledPolicy]
) -> set[tuple[str, ...]]:
    """Sets of roles that are looked at as one: `staff+guard`, and those of the people's file.

    Raises click.UsageError for an unknown role, Failed for a file that cannot be read.
    """
    known = {name: role for policy in policies for name, role in sorted(policy.roles.items())}
    found = set()
    for text in given:
        roles = tuple(sorted({name.strip() for name in text.split("+")}))
        for role in roles:
            refuse_unknown("role", role, known)
        found.add(roles)
    if people is not None:
        rows, problems = read_table(people.read_bytes(), COLUMNS)
        for problem in problems:
            raise Failed(f"{people}: {problem}", "mend it as for `sentrypost person import`")
        for row in rows:
            try:
                found.add(read_roles(row.cells.get("roles", ""), known))
            except CellError as error:
                raise Failed(f"{people}: row {row.number}: {error}", error.hint or "") from error
    return found
