"""`sentrypost person revoke`: a badge opens nothing any more, here, and by a set at every edge."""

import csv
import io
from pathlib import Path

import click

from edge.commands.check import loaded
from edge.commands.common import Failed, config_option, failed_by, json_option, passphrase, say_json
from edge.commands.person_import import imported, tell_import
from edge.commands.person_sets import exported_set, write_set
from edge.control.client import ControlClientError
from edge.control.messages import ImportPeopleReply
from edge.key_files import KeyFileError
from edge.people import PeopleError, PinHashError, SiteKeyError
from edge.present import clean
from edge.signing_keys import load_signing_key

REACH = 50
"""So many changes an edge may be behind and still take the set."""


@click.command()
@click.argument("person")
@click.option(
    "--set",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a change set for the other edges into this file.",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The private key to sign the set with, of `sentrypost key new`.",
)
@json_option
@config_option
def revoke(
    person: str, file: Path | None, key_file: Path | None, as_json: bool, config: Path
) -> None:
    """Revoke every badge of PERSON (the id of the file of people) for good.

    It is in force here when the command ends. The other edges get it by the set:
    `sentrypost central distribute`, or `sentrypost person take` at each.
    """
    if (file is None) is not (key_file is None):
        raise click.UsageError("say both --set and --key, or neither: here alone then")
    site = loaded(config)
    try:
        key = None if key_file is None else load_signing_key(key_file, passphrase)
        done = imported(site, _row(person), dry_run=False)
        if as_json:
            say_json(done, done=not done.problems)
        else:
            _tell(done, person)
        if file is None or key is None:
            click.echo("at this edge alone; other edges get it by a change set", err=as_json)
            return
        to_sign, set_ = exported_set(site, max(0, done.version - REACH))
        if not to_sign:
            # The line does not reach back so far: whoever is level but for this takes it.
            to_sign, set_ = exported_set(site, done.version - 1)
        if not to_sign:
            raise Failed(f"revoked here, and no set is made: {set_.reason}", set_.remedy)
        write_set(file, to_sign, key)
    except (ControlClientError, PeopleError, SiteKeyError, KeyFileError, PinHashError) as error:
        raise failed_by(error) from None
    click.echo(
        f"{file}: what has changed since version {set_.base}, version {set_.number}", err=as_json
    )
    click.echo(f"for the other edges: sentrypost central distribute {file}", err=as_json)


def _row(person: str) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows((("id", "status"), (person, "revoked")))
    return text.getvalue().encode()


def _tell(done: ImportPeopleReply, person: str) -> None:
    """Raises Failed where nothing is revoked, or it is not on record yet."""
    if done.problems:
        tell_import(done, dry_run=False)
        raise Failed(
            "not on record yet" if done.kept else "nothing is revoked",
            "see what is said above" if done.kept else "see with what id the person is on file",
        )
    what = "revoked" if done.changed else "was revoked before"
    click.echo(clean(f"{person} {what}, version {done.version} of the people"))
