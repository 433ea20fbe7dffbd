"""`sentrypost device watch`"""

import time
from pathlib import Path

import click
import msgspec

from edge.commands.common import (
    coloured,
    connected,
    failed_by,
    json_option,
    painted,
    state_option,
    zone_named,
)
from edge.commands.device_list import chosen
from edge.control.client import (
    Client,
    ConnectionLostError,
    ControlClientError,
    NoDaemonError,
    RefusedError,
)
from edge.control.messages import Refusal
from edge.control.messages_devices import DeviceShown, DevicesReply
from edge.present import Line, clean, local
from edge.present_devices import news

AGAIN_S = 1.0
"""Between tries to reach a daemon that restarts."""

GOES_ON_AFTER = frozenset({Refusal.SLOW, Refusal.STOPPING, Refusal.BUSY})


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
    watcher = Watcher(state, frozenset(names), as_json=as_json)
    while True:
        try:
            watcher.follow()
        except RefusedError as error:
            if error.code not in GOES_ON_AFTER:
                raise failed_by(error) from error
            watcher.note(str(error))
        except (ConnectionLostError, NoDaemonError) as error:
            watcher.note(str(error))
        except ControlClientError as error:
            raise failed_by(error) from error
        time.sleep(AGAIN_S)


class Watcher:
    """Remembers each device as it was shown last, whatever happens to the connection."""

    def __init__(self, state: Path, names: frozenset[str], *, as_json: bool) -> None:
        self._state = state
        self._names = names
        self._as_json = as_json
        self._seen: dict[str, DeviceShown] = {}
        self._said = ""

    def follow(self) -> None:
        """Show what changes until the connection ends, which is a ControlClientError."""
        with Client(self._state) as daemon:
            for reply in daemon.follow_devices():
                self._said = ""
                if isinstance(reply, DevicesReply):
                    self._show(reply)

    def note(self, text: str) -> None:
        """Beside the stream, once for each trouble."""
        if text != self._said:
            click.echo(f"-- {text}; trying again", err=True)
        self._said = text

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
