"""`sentrypost device trace`"""

import os
import time
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import click
import msgspec

from drivers.api import Spoken
from drivers.osdp.capture import file_header, record
from edge.commands.common import connected, json_option, state_option, zone_named
from edge.control.client import Client
from edge.control.messages_devices import SpokenShown, TraceReply
from edge.failed import Failed
from edge.present import clean, local

CAPTURED = "osdp"
"""The driver whose frames Wireshark can be taught to read."""

PRIVATE_MODE = 0o600


@click.command()
@click.argument("name", metavar="LINE|DEVICE")
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), help="End after so long.  [default: at Ctrl-C]"
)
@click.option(
    "--pcap",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this new file, for Wireshark, and show nothing (OSDP lines).",
)
@json_option
@state_option
def trace(name: str, seconds: float | None, pcap: Path | None, as_json: bool, state: Path) -> None:
    """Show what passes on LINE, or to and from DEVICE, message by message.

    What was encrypted is shown in the open. Badges, PINs, keys and proofs are hidden: whoever reads
    it learns nothing that opens a door. Watching changes nothing that is said. With --json one line
    holds one message.
    """
    with connected(state) as daemon:
        zone = zone_named(daemon.status().timezone)
        heard = replies(daemon, name, seconds)
        if pcap is not None:
            _capture(heard, pcap)
            return
        for reply in heard:
            for one in reply.spoken:
                click.echo(msgspec.json.encode(one) if as_json else _line(one, zone))


def replies(daemon: Client, name: str, seconds: float | None) -> Iterator[TraceReply]:
    """All that comes; what was missed is said on standard error. Raises Failed."""
    end_s = None if seconds is None else time.monotonic() + seconds
    for reply in daemon.trace(name):
        if isinstance(reply, TraceReply):
            if reply.reason:
                raise Failed(clean(reply.reason), clean(reply.remedy))
            if reply.missed:
                click.echo(f"-- {reply.missed} messages came too fast and are missing", err=True)
            yield reply
        if end_s is not None and time.monotonic() >= end_s:
            return


def _line(one: SpokenShown, zone: tzinfo) -> str:
    way = "->" if one.outgoing else "<-"
    return clean(f"{local(one.utc_us, zone)} {way} {one.device:<12} {one.text}")


def _capture(heard: Iterator[TraceReply], path: Path) -> None:
    """Into a new file of the caller's alone, whole up to the last message whenever it ends."""
    driver = next(heard).driver
    if driver != CAPTURED:
        raise Failed(f"a line of '{driver}' has no capture file", "leave out --pcap: it is shown")
    count = 0
    try:
        with open(path, "xb", opener=_private) as file:
            file.write(file_header())
            for reply in heard:
                for one in reply.spoken:
                    frame = record(_spoken(one), 0)
                    file.write(frame)
                    count += bool(frame)
                file.flush()
    except FileExistsError:
        raise Failed(f"{path}: there is such a file", "choose another name") from None
    except OSError as error:
        said = f"{path} cannot be written: {error.strerror}"
        raise Failed(said, "choose another place") from error
    finally:
        click.echo(f"{count} messages were written", err=True)


def _spoken(one: SpokenShown) -> Spoken:
    """Again as the driver told it, on the clock of the wall."""
    return Spoken(
        at_ns=one.utc_us * 1_000,
        device=one.device,
        outgoing=one.outgoing,
        text=one.text,
        frame=one.frame,
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_MODE)
