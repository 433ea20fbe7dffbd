"""`sentrypost device pair`, `rekey`, `accept` and `speed`: what is done to a device by hand."""

from pathlib import Path

import click

from edge.commands.common import Failed, connected, json_option, say_json, state_option
from edge.control.messages_devices import (
    PAIR_S_MAX,
    AcceptDevice,
    ChangeLineSpeed,
    DeviceStep,
    PairDevice,
    RekeyDevice,
    ServiceReply,
)
from edge.present import clean

PAIR_S = 60
"""As long as it takes to put a reader into install mode and to see it blink."""


@click.command()
@click.argument("device")
@click.option(
    "--seconds",
    type=click.IntRange(1, PAIR_S_MAX),
    default=PAIR_S,
    show_default=True,
    help="For how long it may be paired.",
)
@state_option
@json_option
def pair(device: str, seconds: int, state: Path, as_json: bool) -> None:
    """Give DEVICE, which is in install mode, a key of its own.

    For so long, and for it alone, the key that everybody knows is used, to give it a fresh one, and
    for nothing else: nothing that it says is believed before it has proved the new key. Whoever
    listens on the line meanwhile learns that key, so watch the cable, or pair it on a bench.
    Recorded under your account's name.
    """
    click.echo(
        f"asking for {device} to be paired: put it into install mode within {seconds} s", err=True
    )
    _serve(PairDevice(device=device, seconds=seconds), state, as_json=as_json)


@click.command()
@click.argument("device")
@state_option
@json_option
def rekey(device: str, state: Path, as_json: bool) -> None:
    """Give DEVICE, which answers under its own key, a fresh one.

    It is sent encrypted, in the session that stands. A power cut at any step leaves one of the two
    in force, and the edge tries both. Recorded under your account's name.
    """
    _serve(RekeyDevice(device=device), state, as_json=as_json)


@click.command()
@click.argument("device")
@state_option
@json_option
def accept(device: str, state: Path, as_json: bool) -> None:
    """Believe DEVICE, which has the right key and is another than it was, or can less.

    Look at it first: `sentrypost device list` says what speaks against it. Recorded under your
    account's name.
    """
    _serve(AcceptDevice(device=device), state, as_json=as_json)


@click.command("try")
@click.argument("device")
@state_option
@json_option
def try_(device: str, state: Path, as_json: bool) -> None:
    """Let reader DEVICE blink amber and beep twice, to see that it is the one, and works.

    No lock moves. Whoever stands at it takes it for a badge to be tried again.
    """
    with connected(state) as daemon:
        _told(device, daemon.try_device(device), as_json=as_json)


@click.command()
@click.argument("line")
@click.argument("baud", type=int)
@state_option
@json_option
def speed(line: str, baud: int, state: Path, as_json: bool) -> None:
    """Bring LINE and every device on it to BAUD.

    Each device is told and then found there. Whoever is not brings the others back: a line ends at
    one speed with all of them, or at the old one. Meanwhile, for some seconds, none of its readers
    and boards answers. Recorded under your account's name.
    """
    click.echo(f"{line} goes to {baud} baud: its devices answer nothing meanwhile", err=True)
    with connected(state) as daemon:
        reply = daemon.serve_device(ChangeLineSpeed(line=line, baud=baud))
    _told(line, reply, as_json=as_json)
    click.echo(f"write baud = {baud} for it into the site file", err=as_json)


def _serve(step: DeviceStep, state: Path, *, as_json: bool) -> None:
    with connected(state) as daemon:
        reply = daemon.serve_device(step)
    _told(step.device, reply, as_json=as_json)


def _told(device: str, reply: ServiceReply, *, as_json: bool) -> None:
    if as_json:
        say_json(reply, done=reply.accepted)
        return
    if not reply.accepted:
        raise Failed(clean(reply.reason), clean(reply.remedy))
    click.echo(clean(f"{device}: {reply.reason}"))
