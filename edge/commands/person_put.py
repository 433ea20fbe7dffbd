"""`sentrypost person add`, `change`, `suspend` and `resume`: one person, without a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import Failed, config_option, failed_by, json_option
from edge.commands.person_sets import FILE_BEHIND, made_here
from edge.config import Config
from edge.control.client import ControlClientError, NoDaemonError
from edge.control.client_people import PeopleClient
from edge.control.messages import ImportPeopleReply, ImportProblem
from edge.control.messages_people import PutPerson
from edge.people import PeopleError, PinHashError, SiteKeyError
from edge.people.cells import AWAY_WORD
from edge.present import clean

SECRET_BYTES_MAX = 64
"""Of a PIN that is read from a descriptor, with its line's end; a longer one is none."""

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = {
    "id": "PERSON",
    "roles": "--role",
    "watchlists": "--watchlist",
    "status": "",
}
"""How a column of the file of people is called on this command line, where that is otherwise."""


def _options(*, new: bool) -> Callable[[F], F]:
    """What may be said of a person; `none` takes something away from one who is on file."""
    away = "" if new else ", or none"
    options = [
        click.option("--name", required=new, help="As a guard calls the person."),
        click.option("--role", "roles", multiple=True, required=new, help="One of the policy's."),
        click.option("--valid-from", default="", help=f"As 2026-01-31, or with a time{away}."),
        click.option("--valid-until", default="", help=f"The last day, or a time{away}."),
        click.option("--badge", default="", help=f"As in a file of people: h10301:17-4711{away}."),
        click.option(
            "--watchlist", "watchlists", multiple=True, help=f"One of the policy's{away}."
        ),
        click.option("--biometrics", type=click.Choice(["yes", "no"]), help="Gives face, finger."),
        click.option("--pin", "ask_pin", is_flag=True, help="Ask for a PIN on the terminal."),
        click.option("--duress-pin", "ask_duress", is_flag=True, help="Ask for a second PIN, too."),
        click.option(
            "--pin-fd", type=click.IntRange(min=0), help="Read the PIN from a descriptor."
        ),
        click.option("--dry-run", is_flag=True, help="Say what would change and write nothing."),
        json_option,
        config_option,
    ]
    if not new:
        options.insert(-3, click.option("--no-pin", is_flag=True, help="Take the PIN away."))

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command()
@click.argument("person")
@_options(new=True)
def add(person: str, config: Path, as_json: bool, **said: Any) -> None:
    """Put one PERSON on file, who is not there yet, under the id of your own system.

    What it does is what `person import` does with one row: recorded first, then in force. A badge
    can be given here by its number, or by `badge add` at a reader. A PIN never stands on the
    command line: it is asked for, or read from a descriptor.
    """
    _put(loaded(config), _asked(person, new=True, **said), as_json=as_json)


@click.command()
@click.argument("person")
@_options(new=False)
def change(person: str, config: Path, as_json: bool, **said: Any) -> None:
    """Change what is on file of one PERSON; what is not said stays as it is.

    The roles that are given take the place of those on file, and so do the watchlists. A badge that
    is given revokes those before it.
    """
    _put(loaded(config), _asked(person, new=False, **said), as_json=as_json)


@click.command()
@click.argument("person")
@json_option
@config_option
def suspend(person: str, as_json: bool, config: Path) -> None:
    """Let one PERSON in no more until `person resume`; ways out stay open, badges stay on file."""
    _put(loaded(config), PutPerson(person=person, new=False, status="suspended"), as_json=as_json)


@click.command()
@click.argument("person")
@json_option
@config_option
def resume(person: str, as_json: bool, config: Path) -> None:
    """End the suspension of one PERSON. A lost or revoked badge stays what it is."""
    _put(loaded(config), PutPerson(person=person, new=False, status="active"), as_json=as_json)


def _asked(
    person: str,
    *,
    new: bool,
    name: str | None,
    roles: tuple[str, ...],
    watchlists: tuple[str, ...],
    biometrics: str | None,
    ask_pin: bool,
    ask_duress: bool,
    pin_fd: int | None,
    dry_run: bool,
    no_pin: bool = False,
    **cells: str,
) -> PutPerson:
    """Raises UsageError for what cannot be meant."""
    if ask_duress and not ask_pin:
        raise click.UsageError("--duress-pin goes with --pin: the two are compared")
    if sum((ask_pin, pin_fd is not None, no_pin)) > 1:
        raise click.UsageError("say one of --pin, --pin-fd and --no-pin")
    if name is not None and not name.strip():
        raise click.UsageError("--name: a guard has to call the person by it")
    pin = AWAY_WORD if no_pin else ""
    if pin_fd is not None:
        pin = _read_pin(pin_fd)
    elif ask_pin:
        pin = _prompted("PIN")
    try:
        return msgspec.convert(
            {
                "type": "PutPerson",
                "person": person,
                "new": new,
                "name": name or "",
                "roles": " ".join(roles),
                "watchlists": " ".join(watchlists),
                "biometrics": biometrics or "",
                "pin": pin,
                "duress_pin": _prompted("Duress PIN") if ask_duress else "",
                "dry_run": dry_run,
            }
            | cells,
            PutPerson,
        )
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None


def _prompted(what: str) -> str:
    asked: str = click.prompt(what, hide_input=True, confirmation_prompt=True, err=True)
    return asked


def _read_pin(descriptor: int) -> str:
    try:
        with open(descriptor, "rb", closefd=False) as file:  # it has no path
            line = file.readline(SECRET_BYTES_MAX)
    except OSError as error:
        raise Failed(
            f"descriptor {descriptor} cannot be read: {error.strerror}",
            "open it for reading, as in: --pin-fd 3 3<file",
        ) from None
    text = line.decode("ascii", "replace").strip()
    if not text:
        raise Failed(f"descriptor {descriptor} holds no PIN", "write it as the first line")
    return text


def put(site: Config, asked: PutPerson) -> ImportPeopleReply:
    """By the running daemon, or into the file where none runs. Raises Failed."""
    try:
        with PeopleClient(site.state) as daemon:
            return daemon.put_person(asked)
    except NoDaemonError:
        pass
    except ControlClientError as error:
        raise failed_by(error) from None
    from edge.person_closed import put_closed

    try:
        return put_closed(site, asked, made_here(site.edge))
    except (PeopleError, SiteKeyError, PinHashError) as error:
        raise failed_by(error) from None


def _put(site: Config, asked: PutPerson, *, as_json: bool) -> None:
    done = put(site, asked)
    if as_json:
        click.echo(msgspec.json.encode(done))
        if done.problems:
            sys.exit(1)
        return
    if done.problems:
        for problem in done.problems:
            click.echo(clean(_said(problem)), err=True)
        raise Failed(
            "not on record yet" if done.kept else "nothing was changed", "see what is said above"
        )
    would = "would be " if asked.dry_run else ""
    what = "added" if done.added else "changed" if done.changed else "unchanged: it was so before"
    behind = "" if asked.dry_run else f", version {done.version} of the people"
    click.echo(clean(f"{asked.person} {would if not done.unchanged else ''}{what}{behind}"))
    if done.kept:
        click.echo(FILE_BEHIND, err=True)


def _said(problem: ImportProblem) -> str:
    option = _OPTIONS.get(problem.column, f"--{problem.column}" if problem.column else "")
    return f"{option}: {problem.message}" if option else problem.message
