"""`sentrypost person`: who is known to the site."""

import sys
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from edge.commands.person_erase import erase
from edge.commands.person_import import imported, tell_import
from edge.commands.person_list import list_, show
from edge.commands.person_put import add, change, resume, suspend
from edge.commands.person_report import report
from edge.commands.person_revoke import revoke
from edge.commands.person_sets import export, history, take
from edge.config import ConfigError, load_config
from edge.control.client import ControlClientError
from edge.people import (
    FILE_BYTES_MAX,
    PeopleError,
    PinHashError,
    SiteKeyError,
)


@click.group()
def person() -> None:
    """The people who are known to the site."""


person.add_command(add)
person.add_command(change)
person.add_command(suspend)
person.add_command(resume)
person.add_command(list_)
person.add_command(show)
person.add_command(export)
person.add_command(take)
person.add_command(history)
person.add_command(erase)
person.add_command(report)
person.add_command(revoke)


@person.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would change and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("site.toml"),
    show_default=True,
    help="The site file.",
)
def import_(file: BinaryIO, dry_run: bool, as_json: bool, config_file: Path) -> None:
    """Take the people in FILE (CSV) into the site; - reads standard input.

    Columns, in any order: id, name, roles, badge, pin, duress-pin, valid-from, valid-until, status,
    watchlists, biometrics. An empty cell leaves what is on file, none takes it away. With one
    mistake nothing is imported; all mistakes are named.
    """
    data = file.read(FILE_BYTES_MAX + 1)
    try:
        done = imported(load_config(config_file), data, dry_run=dry_run)
    except ControlClientError as error:
        raise click.ClickException("; ".join(filter(None, (str(error), error.remedy)))) from None
    except (ConfigError, SiteKeyError, PeopleError, PinHashError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        tell_import(done, dry_run=dry_run)
    if done.problems:
        sys.exit(1)
