"""`sentrypost person erase`: nothing of somebody is kept from here on."""

import asyncio
from pathlib import Path

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import Failed, config_option, failed_by, json_option
from edge.commands.person_sets import made_here
from edge.config import Config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.faces import FacesError
from edge.journal import JournalError
from edge.people import PeopleError
from edge.present import clean
from edge.still_there import StillThereError

ASIDE_IS = "a journal that is kept as evidence, with names: remove it when it is needed no more"


@click.command()
@click.argument("person")
@click.option(
    "--reason",
    required=True,
    help="On what grounds. It stands in the log for good: leave names out.",
)
@click.option(
    "--even-inside",
    is_flag=True,
    help="Also where the person is known to be inside, whence no badge lets out any more.",
)
@click.option("--dry-run", is_flag=True, help="Say what there is and erase nothing.")
@config_option
@json_option
def erase(
    person: str, reason: str, even_inside: bool, dry_run: bool, config: Path, as_json: bool
) -> None:
    """Erase PERSON, the id that the file of people has: recorded first, then done.

    Name, badges, PIN and the template of the face go, and so do the values beside the journal's
    entries, here and in the archive. Entries, their commitments and the random id stay, and the log
    still verifies. Nobody brings it back: copies and backups are yours to erase.
    """
    site = loaded(config)
    try:
        asked = msgspec.convert(
            {"person": person, "reason": reason, "even_inside": even_inside, "dry_run": dry_run},
            ErasePerson,
        )
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    try:
        try:
            with Client(site.state) as daemon:
                done = daemon.erase_person(asked)
        except NoDaemonError:
            done = _closed(site, asked)
    except (
        ControlClientError,
        JournalError,
        PeopleError,
        FacesError,
        StillThereError,
    ) as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
    elif not done.reason:
        click.echo(_said(done, person))
        for folder in done.aside:
            click.echo(clean(f"not looked into: {site.state / folder}, {ASIDE_IS}"))
    if done.reason:
        what = "not erased yet" if done.kept else "not erased"
        raise Failed(f"{what}: {clean(done.reason)}", done.remedy)


def _closed(site: Config, asked: ErasePerson) -> ErasePersonReply:
    from edge.erase_closed import erase_closed

    return asyncio.run(erase_closed(site, asked, made_here(site.edge)))


def _said(done: ErasePersonReply, person: str) -> str:
    beside = f"{done.values} values beside {done.entries} entries"
    pin = "a PIN" if done.pin else "no PIN"
    face = "a template of the face, " if done.face else ""
    what = f"name, {done.badges} badges, {pin}, {face}{beside}"
    return clean(f"'{person}' {'is erased' if done.erased else 'would be erased'}: {what}")
