"""`sentrypost journal key`: what the journal's size is signed with."""

import json
from pathlib import Path

import click

from edge.commands.common import failed_by, json_option, state_option


@click.group()
def key() -> None:
    """The key that the journal's size is signed with; it signs nothing else."""


@key.command()
@state_option
@json_option
def show(state: Path, as_json: bool) -> None:
    """Show which keys have signed, by their ids, the newest first."""
    from edge.journal_keys import RotationError, rotation_of
    from edge.signatures import key_id

    try:
        found = rotation_of(state)
    except RotationError as error:
        raise failed_by(error) from error
    if as_json:
        said = {
            "key": found.key.id,
            "next": None if found.successor is None else found.successor.id,
            "former": [key_id(public) for public in found.former],
        }
        click.echo(json.dumps(said))
        return
    if found.successor is not None:
        click.echo(f"next       {found.successor.id}, until then both sign")
    click.echo(f"in force   {found.key.id}")
    for public in found.former:
        click.echo(f"former     {key_id(public)}")


@key.command()
@state_option
def rotate(state: Path) -> None:
    """Put another key in the place of the present one, whether or not the edge runs.

    Both sign until the witness has followed, then the old one is gone. A power cut in between
    leaves the old one, or both, or the new one, and the edge goes on from there by itself.
    """
    from edge.journal_keys import RotationError, begin_rotation

    try:
        made = begin_rotation(state)
    except RotationError as error:
        raise failed_by(error) from error
    click.echo(f"next key {made.id}: signed with from the edge's next checkpoint on", err=True)
