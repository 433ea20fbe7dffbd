"""`sentrypost screening`"""

from pathlib import Path

import click

from edge.commands.common import connected, json_option, state_option, told_of_visit
from policies.facts import ScreeningResult


@click.command()
@click.argument("person")
@click.argument("station")
@click.argument("result", type=click.Choice([result.value for result in ScreeningResult]))
@state_option
@json_option
def screening(person: str, station: str, result: str, state: Path, as_json: bool) -> None:
    """Note what the screening station STATION says of PERSON.

    PERSON is the id that the file of people has. cleared and exempt let in where a zone asks for
    the station, for as long as the policy says; refused keeps out. Nobody is searched against his
    will: who declined is denied entry politely, and the protocol officer is called.
    """
    with connected(state) as daemon:
        done = daemon.screen(person, station, ScreeningResult(result))
        told_of_visit(done, "noted", as_json=as_json)
