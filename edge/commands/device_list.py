"""`sentrypost device list`"""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from edge.commands.common import (
    coloured,
    connected,
    json_option,
    painted,
    state_option,
    zone_named,
)
from edge.control.messages_devices import DevicesReply
from edge.failed import Failed
from edge.present import Line
from edge.present_devices import page
from edge.tone import Tone
from policies.problems import did_you_mean


@click.command("list")
@click.argument("names", metavar="[DEVICE]...", nargs=-1)
@json_option
@state_option
def list_(names: tuple[str, ...], as_json: bool, state: Path) -> None:
    """Show every device, or those named: since when it answers or why not, how far it is believed,
    who it is, and what hangs on its inputs and outputs.

    The running daemon knows it. What it knows is as old as its start.
    """
    with connected(state) as daemon:
        reply = chosen(daemon.devices(), names)
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    for line in _lines(reply):
        click.echo(painted(line), color=coloured())


def chosen(reply: DevicesReply, names: tuple[str, ...]) -> DevicesReply:
    """With those devices alone; with no name, all. Raises Failed for a name there is not."""
    known = {device.id: device for device in reply.devices}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or "`sentrypost device list` names all of them"
            raise Failed(f"no device '{name}'", hint)
    devices = tuple(known[name] for name in dict.fromkeys(names)) if names else reply.devices
    return msgspec.structs.replace(reply, devices=devices)


def _lines(reply: DevicesReply) -> Iterator[Line]:
    if not reply.devices:
        yield Line(Tone.PLAIN, "no devices in the site file")
    zone = zone_named(reply.timezone)
    for device in reply.devices:
        yield from page(device, zone)
