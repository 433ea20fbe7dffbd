"""`sentrypost fire`"""

from pathlib import Path

import click

from edge.commands.common import Failed, connected, json_option, say_json, state_option


@click.group()
def fire() -> None:
    """Fire inputs and their latches."""


@fire.command()
@click.argument("input", metavar="INPUT")
@state_option
@json_option
def reset(input: str, state: Path, as_json: bool) -> None:
    """End the fire of INPUT: its line must be normal again, and somebody must say so by name.

    The name is that of the account which runs this command; it is recorded.
    """
    with connected(state) as client:
        reply = client.reset_fire(input)
        name = client.me
    if as_json:
        say_json(reply, done=reply.accepted)
        return
    if not reply.accepted:
        raise Failed(
            f"fire input '{input}' is not reset: {reply.reason}", "see `sentrypost status`"
        )
    click.echo(f"fire input '{input}' is reset by {name}: {reply.reason}")
