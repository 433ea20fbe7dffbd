"""`sentrypost device trace`"""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from edge.commands.common import connected, json_option, state_option, zone_named
from edge.control.client import Client
from edge.control.messages_devices import SpokenShown, TraceReply
from edge.failed import Failed
from edge.present import clean, local


@click.command()
@click.argument("name", metavar="LINE|DEVICE")
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), help="End after so long.  [default: at Ctrl-C]"
)
@json_option
@state_option
def trace(name: str, seconds: float | None, as_json: bool, state: Path) -> None:
    """Show what passes on LINE, or to and from DEVICE, message by message.

    What was encrypted is shown in the open. Badges, PINs, keys and proofs are hidden: whoever reads
    it learns nothing that opens a door. Watching changes nothing that is said. With --json one line
    holds one message.
    """
    with connected(state) as daemon:
        zone = zone_named(daemon.status().timezone)
        for one in spoken(daemon, name, seconds):
            if as_json:
                click.echo(msgspec.json.encode(one))
            else:
                way = "->" if one.outgoing else "<-"
                said = f"{local(one.utc_us, zone)} {way} {one.device:<12} {one.text}"
                click.echo(clean(said))


def spoken(daemon: Client, name: str, seconds: float | None) -> Iterator[SpokenShown]:
    """Every message; what was missed is said on standard error. Raises Failed."""
    end_s = None if seconds is None else time.monotonic() + seconds
    for reply in daemon.trace(name):
        if isinstance(reply, TraceReply):
            if reply.reason:
                raise Failed(clean(reply.reason), clean(reply.remedy))
            if reply.missed:
                click.echo(f"-- {reply.missed} messages came too fast and are missing", err=True)
            yield from reply.spoken
        if end_s is not None and time.monotonic() >= end_s:
            return
