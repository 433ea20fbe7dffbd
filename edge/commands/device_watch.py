"""`sentrypost device watch`"""

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
from edge.commands.device_list import chosen
from edge.commands.following import Following
from edge.control.client import Client
from edge.control.messages_devices import DeviceShown, DevicesReply
from edge.present import Line, clean, local
from edge.present_devices import news


@click.command()
@click.argument("names", metavar="[DEVICE]...", nargs=-1)
@json_option
@state_option
def watch(names: tuple[str, ...], as_json: bool, state: Path) -> None:
    """Show how every device is, or those named, and then what changes, until Ctrl-C.

    Badges are told of without their numbers. A daemon that restarts is waited for. With --json one
    line holds one device, whole, each time something of it has changed.
    """
    with connected(state) as daemon:
        chosen(daemon.devices(), names)
    Watcher(state, frozenset(names), as_json=as_json).forever()


class Watcher(Following):
    """Remembers each device as it was shown last, whatever happens to the connection."""

    def __init__(self, state: Path, names: frozenset[str], *, as_json: bool) -> None:
        super().__init__()
        self._state = state
        self._names = names
        self._as_json = as_json
        self._seen: dict[str, DeviceShown] = {}

    def follow(self) -> None:
        """Show what changes until the connection ends, which is a ControlClientError."""
        with Client(self._state) as daemon:
            for reply in daemon.follow_devices():
                self.heard()
                if isinstance(reply, DevicesReply):
                    self._show(reply)

    def _show(self, reply: DevicesReply) -> None:
        zone = zone_named(reply.timezone)
        for device in reply.devices:
            if self._names and device.id not in self._names:
                continue
            before = self._seen.get(device.id)
            self._seen[device.id] = device
            if self._as_json:
                if before != device:
                    click.echo(msgspec.json.encode(device))
                continue
            for tone, said in news(before, device):
                head = f"{local(reply.utc_us, zone)} {device.id}"
                click.echo(painted(Line(tone, clean(f"{head}  {said}"))), color=coloured())
