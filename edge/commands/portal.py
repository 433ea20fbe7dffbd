"""`sentrypost portal`"""

import sys
from pathlib import Path

import click
import msgspec

from controller.consents import PARTY_MAX
from edge.commands.common import Failed, connected, json_option, state_option
from edge.control.messages_visits import LetPass, PassReply
from edge.failed import FAILED
from edge.orders import REASON_CHARS_MAX
from edge.present import clean
from policies.facts import Direction


@click.group()
def portal() -> None:
    """Doors, gates, turnstiles and barriers."""


@portal.command()
@click.argument("portal")
@click.argument("person")
@click.option("--reason", required=True, help="Why without a badge; it is recorded.")
@click.option("--out", "leaving", is_flag=True, help="The other direction: the exit.")
@click.option("--host", default="", help="Who is at the person's side and escorts him.")
@click.option(
    "--party",
    type=click.IntRange(0, PARTY_MAX),
    default=0,
    help="How many people without badges come with PERSON, under the consent that names him.",
)
@click.option("--sealed-bag", is_flag=True, help="PERSON carries a sealed bag, which stays shut.")
@state_option
@json_option
def release(
    portal: str,
    person: str,
    reason: str,
    leaving: bool,
    host: str,
    party: int,
    sealed_bag: bool,
    state: Path,
    as_json: bool,
) -> None:
    """Let PERSON through PORTAL, whom you know and who stands before you.

    PERSON is the id that the file of people has. Your word is the factor `guard`: whether it is
    enough the policy says, and no posture and no limit gives way to it. It is recorded under your
    account's name. The exit code is 1 where the passage is refused.
    """
    if len(reason) > REASON_CHARS_MAX:
        raise click.BadParameter(f"at most {REASON_CHARS_MAX} letters", param_hint="--reason")
    asked = LetPass(
        portal=portal,
        direction=Direction.EXIT if leaving else Direction.ENTRY,
        person=person,
        host=host,
        party=party,
        sealed_bag=sealed_bag,
        reason=reason,
    )
    with connected(state) as daemon:
        reply = daemon.let_pass(asked)
    if as_json:
        click.echo(msgspec.json.encode(reply))
    else:
        _say(portal, person, reply)
    if not reply.granted:
        sys.exit(FAILED)


def _say(portal: str, person: str, reply: PassReply) -> None:
    """Raises Failed where there was nothing to decide."""
    if reply.remedy:
        raise Failed(clean(reply.reasons[0][1]), clean(reply.remedy))
    verdict = "granted" if reply.granted else "refused"
    click.echo(clean(f"{portal}: {verdict} to '{person}'"))
    for code, text in (*reply.reasons, *reply.notes):
        click.echo(clean(f"  {text} ({code})"))
    if reply.granted and not reply.released:
        click.echo("  it stands open already, or its lock does not answer")
