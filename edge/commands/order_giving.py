"""How a command gives an order to the running edge, and shows how far it comes."""

import sys
import time
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from edge.arrival_words import missing, sentence
from edge.commands.common import Failed, coloured, connected, zone_named
from edge.control.client import Client
from edge.control.messages_orders import ArrivalReply, Carrier, OrderReply
from edge.present import clean

NOT_OBEYED = 3
"""Exit code: the order holds, and not every door obeys it."""

READ_MAX = 16 * 1024
"""More than any order has, so that one with white space around it is taken."""

WAIT_S = 5.0
"""Longer than a door that answers takes; whoever is missing then is named."""

wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3600),
    default=WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to watch whether the doors obey.",
)


class NotObeyed(Failed):
    """It was accepted, and doors are missing."""

    exit_code = NOT_OBEYED


class Given(NamedTuple):
    """What became of one order, and how far it had come at last."""

    reply: OrderReply
    arrival: ArrivalReply | None

    @property
    def missing(self) -> bool:
        return self.arrival is not None and bool(missing(self.arrival.portals))


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """As JSON."""

    file: str
    reply: OrderReply
    arrival: ArrivalReply | None


def given(
    state: Path, envelope: bytes, carrier: Carrier, wait_s: float, *, code: str = "", show: bool
) -> Given:
    """Give it, and follow it until every door that answers obeys, or `wait_s` are over. `show`: say
    how far it is meanwhile. Raises Failed where nobody can be asked.
    """
    with connected(state) as client:
        reply = client.give_order(envelope, carrier, code)
        if not reply.accepted or not reply.standing:
            return Given(reply, None)
        if show:
            click.echo(said(reply))
        arrival = None
        for arrival in _until(client, reply.order, time.monotonic() + wait_s):
            if show and coloured():
                click.echo(f"\r\x1b[K{_sentence(arrival)}", nl=False)
        if show and arrival is not None:
            click.echo(f"\r\x1b[K{_sentence(arrival)}" if coloured() else _sentence(arrival))
        return Given(reply, arrival)


def told(file: str, one: Given, *, as_json: bool) -> None:
    """Say what became of an order that was given without being shown."""
    if as_json:
        click.echo(msgspec.json.encode(_Told(file=file, reply=one.reply, arrival=one.arrival)))
    elif not one.reply.accepted or not one.reply.standing:
        click.echo(said(one.reply), err=not one.reply.accepted)


def ended(done: list[tuple[str, Given]]) -> None:
    """The command's end: Failed where an order was refused, NotObeyed where doors are missing."""
    refused = [(file, one.reply) for file, one in done if not one.reply.accepted]
    if refused:
        file, reply = refused[0]
        more = f"; {len(refused)} of {len(done)} are refused" if len(done) > 1 else ""
        about = f"{file}: " if file else ""
        raise Failed(clean(f"{about}refused: {reply.reason}{more}"), clean(reply.remedy))
    if any(not one.reply.recorded for _, one in done):
        raise Failed(
            "it holds from here on and is not on record: the journal cannot be written",
            "mend the disk; if the power goes before, give it again",
        )
    if any(one.missing for _, one in done):
        raise NotObeyed(
            "the order holds, and not every door obeys it",
            "send somebody to those that are named; `sentrypost posture` shows them again",
        )


def said(reply: OrderReply) -> str:
    """`in force: lockdown of the whole site; order 3fa8…`."""
    if not reply.accepted:
        return clean(f"refused: {reply.reason}")
    begin = "in force" if reply.standing else "done"
    again = ", as it was before" if reply.already else ""
    late = ""
    if reply.late:
        late = (
            "; it came after its time and frees no way out until somebody on the spot says "
            f"`sentrypost posture confirm {reply.order[:12]}`"
        )
    return clean(f"{begin}{again}: {reply.reason}; order {reply.order}{late}")


def _until(client: Client, order: str, until_s: float) -> Iterator[ArrivalReply]:
    """Every word of it, until nothing is left that could still be waited for."""
    for reply in client.follow_order(order):
        if isinstance(reply, ArrivalReply):
            yield reply
            if not any(one.linked for one in missing(reply.portals)):
                return
        if time.monotonic() >= until_s:
            return


def _sentence(arrival: ArrivalReply) -> str:
    zone: tzinfo = zone_named(arrival.timezone)
    return sentence(arrival, zone)


def pasted() -> bytes:
    """What somebody gives on the standard input."""
    if sys.stdin.isatty():
        click.echo("paste the order, then Ctrl-D", err=True)
    return sys.stdin.buffer.read(READ_MAX).strip()
