"""`sentrypost badge`: the badges of one person, put on file, blocked and given back."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import (
    Failed,
    coloured,
    config_option,
    failed_by,
    json_option,
    painted,
    table,
    zone_named,
)
from edge.commands.person_list import badge_row, shown
from edge.commands.person_put import put
from edge.commands.person_sets import FILE_BEHIND, made_here
from edge.config import Config
from edge.control.client import ControlClientError, NoDaemonError
from edge.control.client_people import PeopleClient
from edge.control.messages_people import (
    BadgeEnd,
    BadgeReply,
    ChangeBadge,
    EnrolBadge,
    PutPerson,
)
from edge.people import PeopleError
from edge.present import clean
from policies.facts import CredentialStatus

WITHIN_S = 30
"""To walk to a reader at one's desk, and to take the badge out."""

HEARTBEAT_TICKS = 2
"""A sign of life comes twice a second while a badge is waited for."""

F = TypeVar("F", bound=Callable[..., Any])

badge_option = click.option(
    "--badge", default=None, help="Which of them: its id of `badge list`, or how that begins."
)


@click.group()
def badge() -> None:
    """The badges of one person: put on file, blocked, given back, replaced."""


@badge.command("list")
@click.argument("person")
@json_option
@config_option
def list_(person: str, as_json: bool, config: Path) -> None:
    """Show the badges of one PERSON: what each is, and since when; nobody can read a number."""
    said = shown(loaded(config), person)
    if said.detail is None:
        raise Failed(clean(said.reason), clean(said.remedy))
    if as_json:
        click.echo(msgspec.json.encode(said.detail.badges))
        return
    zone = zone_named(said.timezone)
    rows = [badge_row(one, zone) for one in said.detail.badges]
    for line in list(table(f"badges of {person}", rows))[1:]:
        click.echo(painted(line), color=coloured())


def _how(command: F) -> F:
    """By a reader or by the number."""
    for option in reversed(
        (
            click.option("--reader", help="Wait until the badge is held to this reader."),
            click.option("--number", help="The badge as in a file of people, as h10301:118/1603."),
            click.option(
                "--within",
                "within_s",
                type=click.IntRange(1, 120),
                default=WITHIN_S,
                show_default=True,
                help="For how many seconds it is waited for at the reader.",
            ),
        )
    ):
        command = option(command)
    return command


@badge.command()
@click.argument("person")
@_how
@json_option
@config_option
def add(
    person: str, reader: str | None, number: str | None, within_s: int, as_json: bool, config: Path
) -> None:
    """Put a badge on file for PERSON: held to a reader, or by its number.

    At the reader the next badge that nobody has is no attempt and opens nothing; whose badge is on
    file comes in as ever. Take a reader at no door: a stranger's badge would do as well. Readers on
    a way out are not taken. By its number a badge revokes those before it, as in a file of people.
    """
    _give(loaded(config), person, reader, number, within_s, replaces=False, as_json=as_json)


@badge.command()
@click.argument("person")
@_how
@json_option
@config_option
def replace(
    person: str, reader: str | None, number: str | None, within_s: int, as_json: bool, config: Path
) -> None:
    """Give PERSON another badge, as `badge add` does; every earlier one is revoked for good."""
    _give(loaded(config), person, reader, number, within_s, replaces=True, as_json=as_json)


@badge.command()
@click.argument("person")
@badge_option
@click.option("--lost", is_flag=True, help="It is lost: exit readers stay shut for it, too.")
@json_option
@config_option
def block(person: str, badge: str | None, lost: bool, as_json: bool, config: Path) -> None:
    """Let nobody in by a badge of PERSON until `badge unblock`."""
    to = CredentialStatus.LOST if lost else CredentialStatus.SUSPENDED
    _change(loaded(config), person, badge, to, as_json=as_json)


@badge.command()
@click.argument("person")
@badge_option
@json_option
@config_option
def unblock(person: str, badge: str | None, as_json: bool, config: Path) -> None:
    """Let a badge of PERSON count again that was blocked, or lost and is found.

    One that was revoked never does: give another one.
    """
    _change(loaded(config), person, badge, CredentialStatus.ACTIVE, as_json=as_json)


@badge.command()
@click.argument("person")
@badge_option
@json_option
@config_option
def revoke(person: str, badge: str | None, as_json: bool, config: Path) -> None:
    """Revoke one badge of PERSON for good; `person revoke` takes all, at every edge."""
    _change(loaded(config), person, badge, CredentialStatus.REVOKED, as_json=as_json)


def _change(
    site: Config, person: str, badge: str | None, to: CredentialStatus, *, as_json: bool
) -> None:
    try:
        asked = msgspec.convert(
            {"person": person, "badge": badge, "to": to, "type": "ChangeBadge"}, ChangeBadge
        )
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    _tell(_changed(site, asked), person, as_json=as_json)


def _changed(site: Config, asked: ChangeBadge) -> BadgeReply:
    try:
        with PeopleClient(site.state) as daemon:
            return daemon.change_badge(asked)
    except NoDaemonError:
        pass
    except ControlClientError as error:
        raise failed_by(error) from None
    from edge.person_closed import change_badge_closed

    try:
        return change_badge_closed(site, asked, made_here(site.edge))
    except PeopleError as error:
        raise failed_by(error) from None


def _give(
    site: Config,
    person: str,
    reader: str | None,
    number: str | None,
    within_s: int,
    *,
    replaces: bool,
    as_json: bool,
) -> None:
    if (reader is None) is (number is None):
        raise click.UsageError("say either --reader or --number")
    if reader is not None:
        asked = EnrolBadge(person=person, reader=reader, replaces=replaces, within_s=within_s)
        _tell(_enrolled(site, asked), person, as_json=as_json)
        return
    assert number is not None, "one of the two was said"
    done = put(site, PutPerson(person=person, new=False, badge=number))
    if as_json:
        click.echo(msgspec.json.encode(done))
        if done.problems:
            sys.exit(1)
        return
    if done.problems:
        raise Failed(clean(done.problems[0].message), "nothing was changed")
    what = "has it" if done.changed else "had it before"
    click.echo(clean(f"{person} {what}, version {done.version} of the people"))
    if done.kept:
        click.echo(FILE_BEHIND, err=True)


def _enrolled(site: Config, asked: EnrolBadge) -> BadgeReply:
    """With what is left of the time on a terminal, on standard error."""
    try:
        with PeopleClient(site.state) as daemon:
            for ticks, reply in enumerate(daemon.enrol_badge(asked), 1):
                if isinstance(reply, BadgeReply):
                    _count_down(None, asked.reader)
                    return reply
                _count_down(max(0, asked.within_s - ticks // HEARTBEAT_TICKS), asked.reader)
    except ControlClientError as error:
        raise failed_by(error) from None
    raise AssertionError("the last that comes is what became of it")


def _count_down(left_s: int | None, reader: str) -> None:
    if not sys.stderr.isatty():
        return
    said = "" if left_s is None else f"Hold the badge to {clean(reader)}: {left_s:3} s left"
    click.echo(f"\r\x1b[K{said}", nl=False, err=True)


def _tell(done: BadgeReply, person: str, *, as_json: bool) -> None:
    """Raises Failed where nothing came of it."""
    if as_json:
        click.echo(msgspec.json.encode(done))
        if done.end in {BadgeEnd.REFUSED, BadgeEnd.LATE}:
            sys.exit(1)
        return
    if done.end in {BadgeEnd.REFUSED, BadgeEnd.LATE}:
        raise Failed(clean(done.reason), clean(done.remedy))
    if done.end is BadgeEnd.ALREADY:
        click.echo(clean(done.reason))
        return
    gone = f", and {done.revoked} before it revoked" if done.revoked else ""
    click.echo(
        clean(
            f"badge {done.badge[:8]} of {person} is {done.status}{gone}, "
            f"version {done.version} of the people; other edges get it by a change set"
        )
    )
    if done.kept:
        click.echo(FILE_BEHIND, err=True)
