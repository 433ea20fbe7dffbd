"""`sentrypost privacy`: what is kept of people here."""

from pathlib import Path

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import config_option, json_option


@click.group()
def privacy() -> None:
    """What is kept of people here, why, and for how long."""


@privacy.command()
@config_option
@json_option
def sheet(config: Path, as_json: bool) -> None:
    """Print a record of processing for this edge, in Markdown, from its site file and policy.

    It says what is kept of whom, for which purpose, who receives it, how long it is kept and what
    protects it. Nobody's data is looked at. What only the site can say (who is responsible, on what
    legal basis) is left open.
    """
    from edge.policy_start import served_next
    from edge.privacy import page
    from edge.privacy import sheet as made_of

    site = loaded(config)
    made = made_of(site, served_next(site))
    click.echo(msgspec.json.encode(made) if as_json else page(made), nl=as_json)
