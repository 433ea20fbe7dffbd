"""`sentrypost breakglass`"""

from pathlib import Path

import click
import msgspec

from edge.commands.common import failed_by, json_option, state_option
from edge.failed import Failed


@click.group()
def breakglass() -> None:
    """Codes on paper that stand for one more person, once each."""


@breakglass.command()
@click.option(
    "--count", type=click.IntRange(1, 20), default=5, show_default=True, help="How many codes."
)
@click.option("--replace", is_flag=True, help="The codes that there are act no more.")
@state_option
@json_option
def make(count: int, replace: bool, state: Path, as_json: bool) -> None:
    """Make codes and print them, once: write them down, one for each sealed envelope.

    Each counts as one more person beside somebody who signs, at this edge alone; that it was used
    is on record. The edge keeps hashes.
    """
    from edge.break_glass import BreakGlassError, make_codes
    from edge.people.pins import PinHasher

    if not state.is_dir():
        raise Failed(f"{state}: there is no such folder", "start the edge once, or make it")
    try:
        made = make_codes(state, count, PinHasher(), replace=replace)
    except BreakGlassError as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode([one._asdict() for one in made]))
        return
    click.echo("printed this once; each is good once, at this edge:", err=True)
    for one in made:
        click.echo(f"{one.code}  (in the journal: {one.id})")
