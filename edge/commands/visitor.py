"""`sentrypost visitor`: people who come once, their visits and codes."""

import asyncio
import io
import os
from pathlib import Path

import click
import segno

from edge.code_closed import code_closed
from edge.commands.check import loaded
from edge.commands.common import Failed, coloured, config_option, failed_by, zone_named
from edge.commands.person_sets import made_here
from edge.commands.policy_asking import utc_of
from edge.commands.visits import (
    arrive,
    cancel,
    expect,
    extend,
    leave,
    left,
    list_,
    print_,
    seen,
)
from edge.config import Config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages_visits import CODE_HOURS_MAX, CodeReply, MakeCode
from edge.journal import JournalError
from edge.people import PeopleError, SiteKeyError
from edge.present import clean, local
from edge.secret_file import write_new_secret

LIGHT_ON_DARK = ("\x1b[38;5;231;48;5;16m", "\x1b[0m")
"""Light blocks on a dark ground, whatever the terminal's own colours are."""

SVG_SCALE = 4


@click.group()
def visitor() -> None:
    """People who come once: who is expected, who is there, and codes that a scanner reads."""


for command in (expect, arrive, print_, leave, extend, cancel, list_, left, seen):
    visitor.add_command(command)


@visitor.command()
@click.argument("person")
@click.option(
    "--hours",
    type=click.IntRange(1, CODE_HOURS_MAX),
    required=True,
    help="For how many hours it is valid.",
)
@click.option("--from", "begin", help="From when, as 2026-11-22T09:00 on the site's wall; or now.")
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw it into this file, for print; mode 600.",
)
@click.option("--text", is_flag=True, help="Print the code's text alone.")
@config_option
def code(
    person: str, hours: int, begin: str | None, svg: Path | None, text: bool, config: Path
) -> None:
    """Make a code for visitor PERSON (the id of the file of people) and draw it as a QR code.

    Whoever has it, or a picture of it, has the badge: give it to nobody else. It opens what the
    person may enter and no longer than the person is valid; `person revoke` takes it away. It is in
    force here when the command ends, and at other edges by a change set.
    """
    if text and svg is not None:
        raise click.UsageError("say --text or --svg, not both")
    if svg is not None:
        _see_to(svg)
    site = loaded(config)
    from_s = None if begin is None else int(utc_of(begin, site.policy))
    try:
        done = _made(site, MakeCode(person=person, hours=hours, from_s=from_s))
    except (ControlClientError, JournalError, PeopleError, SiteKeyError) as error:
        raise failed_by(error) from None
    if not done.code:
        raise Failed(clean(done.reason), clean(done.remedy))
    if text:
        click.echo(done.code)
    elif svg is None:
        show_code(done.code)
    else:
        _write(svg, done.code)
    click.echo(clean(_times(person, done)), err=True)


def _see_to(file: Path) -> None:
    """What can be wrong with the file is wrong before a code is made."""
    if file.exists():
        raise Failed(f"{file}: there is such a file", "choose another name")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise Failed(f"{file}: nothing can be written there", "choose another folder")


def _made(site: Config, asked: MakeCode) -> CodeReply:
    try:
        with Client(site.state) as daemon:
            return daemon.make_code(asked)
    except NoDaemonError:
        return asyncio.run(code_closed(site, asked, made_here(site.edge)))


def _times(person: str, done: CodeReply) -> str:
    zone = zone_named(done.timezone)
    begins, ends = (local(s * 1_000_000, zone) for s in (done.valid_from_s, done.valid_until_s))
    return f"a code for '{person}', valid from {begins} until {ends}"


def qr_code(code: str) -> segno.QRCode:
    """Always of the same size, whatever stands in it."""
    return segno.make_qr(code, error="m", boost_error=False)


def drawn(code: str) -> str:
    """The code in characters of a terminal, two rows of dots in each line of it."""
    lines = io.StringIO()
    qr_code(code).terminal(lines, compact=True)
    return lines.getvalue()


def show_code(code: str) -> None:
    """Draw it on the terminal."""
    on, off = LIGHT_ON_DARK if coloured() else ("", "")
    for line in drawn(code).splitlines():
        click.echo(f"{on}{line}{off}", color=coloured())


def _write(file: Path, code: str) -> None:
    picture = io.BytesIO()
    qr_code(code).save(picture, kind="svg", scale=SVG_SCALE, light="white")
    try:
        write_new_secret(file, picture.getvalue())
    except OSError as error:
        click.echo(code)
        raise Failed(
            f"{file} cannot be written: {error.strerror}",
            "the code is made, and stands above as text: draw it, or keep it from sight",
        ) from None
    click.echo(f"{file}: the code, for print")
