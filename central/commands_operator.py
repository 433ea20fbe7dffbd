"""`sentrypost central operator`: who uses the wall, and what each may and has done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from central.control_client import CentralClient
from central.control_commands import json_option, state_option, when
from central.operator_messages import OperatorChanged
from central.operator_words import OperatorRight
from edge.commands.common import say_json
from edge.control.calling import ControlClientError
from edge.control.messages_pages import CodeMade
from edge.failed import Failed, failed_by
from edge.present import clean

F = TypeVar("F", bound=Callable[..., Any])

NOT_SOUND = 3
"""The record does not hold."""


@contextmanager
def _connected(state: Path) -> Iterator[CentralClient]:
    try:
        with CentralClient(state) as central:
            yield central
    except ControlClientError as error:
        raise failed_by(error) from None


def _rights_option(text: str) -> Callable[[F], F]:
    return click.option(
        "--right",
        "rights",
        type=click.Choice([one.value for one in OperatorRight]),
        multiple=True,
        help=text,
    )


@click.group()
def operator() -> None:
    """Operators of the wall. Central's own account, or root, says who they are.

    watch: edges, alarms, entries without names, figures, orders. names: people's names, searches,
    incidents. alarms: acknowledge. orders: send an order that others have signed. operators: who
    the operators are.
    """


@operator.command()
@click.argument("operator_", metavar="OPERATOR")
@click.option("--name", required=True, help="Who it is.")
@_rights_option("What the operator may; can be given several times.")
@state_option
@json_option
def add(operator_: str, name: str, rights: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Make OPERATOR one who may use the wall; `invite` says how to sign in."""
    with _connected(state) as central:
        done = central.put_operator(operator_, name, tuple(map(OperatorRight, rights)), new=True)
    _told(done, f"{operator_} is an operator", as_json=as_json)


@operator.command("list")
@state_option
@json_option
def list_(state: Path, as_json: bool) -> None:
    """Show who there is, what each may, and by what each signs in."""
    with _connected(state) as central:
        found, signing = central.operators(), central.sign_ins()
    if as_json:
        click.echo(msgspec.json.encode({"operators": found, "sign_ins": signing}))
        return
    means = {one.person: one for one in signing.people}
    for one in found:
        has = means.get(one.operator)
        by = [] if has is None else ["password"] * has.has_password
        by += [] if has is None or not has.passkeys else [f"passkeys: {len(has.passkeys)}"]
        if has is not None and has.invited_until_utc_us:
            by.append(f"invited until {when(has.invited_until_utc_us)}")
        rights = ", ".join(one.rights) or "nothing"
        says = ", ".join(by) or "nothing yet"
        click.echo(clean(f"{one.operator} ({one.name}) may: {rights}; signs in by: {says}"))
    for session in signing.sessions:
        since = when(session.signed_in_utc_us)
        click.echo(clean(f"-- signed in: {session.person}, since {since}, {session.session}"))


@operator.command()
@click.argument("operator_", metavar="OPERATOR")
@click.option("--name", help="Who it is; left out: as before.")
@_rights_option("What the operator may from now on, all of it; left out: as before.")
@click.option("--no-right", is_flag=True, help="Nothing, until it is changed again.")
@state_option
@json_option
def change(
    operator_: str,
    name: str | None,
    rights: tuple[str, ...],
    no_right: bool,
    state: Path,
    as_json: bool,
) -> None:
    """Give OPERATOR another name or other rights; it counts at once, in open sessions too."""
    if rights and no_right:
        raise click.UsageError("--right and --no-right exclude each other")
    with _connected(state) as central:
        known = next((one for one in central.operators() if one.operator == operator_), None)
        if known is None:
            raise Failed(
                clean(f"there is no operator {operator_}"),
                "`sentrypost central operator list` names them",
            )
        given = tuple(map(OperatorRight, rights)) if rights or no_right else known.rights
        done = central.put_operator(operator_, name or known.name, given, new=False)
    _told(done, f"{operator_} is changed", as_json=as_json)


@operator.command()
@click.argument("operator_", metavar="OPERATOR")
@state_option
@json_option
def remove(operator_: str, state: Path, as_json: bool) -> None:
    """OPERATOR is none any more: sessions end, and nothing signs in."""
    with _connected(state) as central:
        done = central.remove_operator(operator_)
    _told(done, f"{operator_} is no operator any more", as_json=as_json)


@operator.command()
@click.argument("operator_", metavar="OPERATOR")
@state_option
@json_option
def invite(operator_: str, state: Path, as_json: bool) -> None:
    """Make a one-time code by which OPERATOR sets a password and an authenticator, within a day."""
    with _connected(state) as central:
        _code(central.invite_operator(operator_), as_json=as_json)


@operator.command()
@click.argument("operator_", metavar="OPERATOR")
@state_option
@json_option
def link(operator_: str, state: Path, as_json: bool) -> None:
    """Make a one-time code that signs OPERATOR in, for ten minutes.

    Whoever has it acts as OPERATOR, and the record says that you made it.
    """
    with _connected(state) as central:
        _code(central.link_operator(operator_), as_json=as_json)


@operator.command()
@click.option("--from", "from_seq", type=click.IntRange(min=1), default=1, help="From this entry.")
@state_option
@json_option
def log(from_seq: int, state: Path, as_json: bool) -> None:
    """Show what operators have done. The exit code is 3 where the record was changed."""
    with _connected(state) as central:
        page = central.operator_log(from_seq)
        while page.lines:
            for one in page.lines:
                click.echo(one.json if as_json else clean(one.text))
            page = central.operator_log(page.lines[-1].seq + 1)
    if not page.sound:
        click.echo(clean(f"the record was changed: {page.problem}"), err=True)
        sys.exit(NOT_SOUND)


def _told(done: OperatorChanged, what: str, *, as_json: bool) -> None:
    if as_json:
        say_json(done, done=done.done)
    elif not done.done:
        raise Failed(clean(done.reason), clean(done.remedy))
    else:
        click.echo(clean(what))


def _code(made: CodeMade, *, as_json: bool) -> None:
    """By itself on standard output, so that a program may take it."""
    if not made.code:
        raise Failed(clean(made.reason), clean(made.remedy))
    click.echo(msgspec.json.encode(made) if as_json else made.code)
