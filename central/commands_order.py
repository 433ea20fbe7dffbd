"""`sentrypost central order`: orders over the wire, and which door did not obey."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from central.control_client import CentralClient
from central.control_commands import NOT_ALL, json_option, state_option, when
from central.control_messages_order import (
    EdgeReached,
    MissingDoor,
    OrderInForce,
    OrderProgress,
    OrdersInForce,
)
from central.orders import Reached
from controller.arrival import Arrival
from controller.moment import SECOND_US
from edge.control.calling import ControlClientError
from edge.failed import failed_by
from edge.orders import OrderError, bounded
from edge.present import clean

READ_MAX = 16 * 1024
"""More than any order has, so that one with white space around it is taken."""

WAIT_S = 1.0
WAIT_S_MAX = 600.0
ID_SIGNS = 12


@click.group()
def order() -> None:
    """Send orders to the edges, and see which of them and which doors obey.

    Central keeps no order. One that is sent goes to the edges that are there while the command
    runs; others find it at those that have it when they come back, or get the file carried.
    """


@order.command()
@click.argument("file", type=click.File("rb"))
@click.option("--edge", "edges", multiple=True, metavar="EDGE", help="To this edge alone; repeat.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, WAIT_S_MAX),
    default=WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for edges and devices that are there.",
)
@click.option("--watch", is_flag=True, help="Go on: say each change until interrupted.")
@state_option
@json_option
def send(
    file: BinaryIO,
    edges: tuple[str, ...],
    wait_s: float,
    watch: bool,
    state: Path,
    as_json: bool,
) -> None:
    """Send the signed order in FILE (`-`: what is pasted) to the edges of its site.

    Each edge judges it as `sentrypost order send` does there. Sent again, an order that is in force
    changes nothing, and tells how far it is now. The exit code is 0 where every edge has it and
    every door obeys, and 3 where something is missing.
    """
    try:
        envelope = bounded(file.read(READ_MAX).strip())
    except OrderError as error:
        raise failed_by(error) from None
    shown = _Shown(as_json=as_json, watch=watch)
    try:
        with CentralClient(state) as central:
            last = central.send_order(envelope, edges, wait_s, shown.progress, follow=watch)
    except ControlClientError as error:
        raise failed_by(error) from None
    except KeyboardInterrupt:
        if shown.last is None or not watch:
            raise
        last = shown.last  # what was watched was seen
    else:
        shown.end(last)
    if not is_complete(last):
        sys.exit(NOT_ALL)


@order.command("list")
@state_option
@json_option
def list_(state: Path, as_json: bool) -> None:
    """Show every order that some edge says is in force, where it is, and what does not obey."""
    try:
        with CentralClient(state) as central:
            found = central.orders_in_force()
    except ControlClientError as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for line in listed(found):
        click.echo(line)


class _Shown:
    """What was said of an order so far."""

    def __init__(self, *, as_json: bool, watch: bool) -> None:
        self._as_json = as_json
        self._watch = watch
        self._said = ""
        self.last: OrderProgress | None = None

    def progress(self, so_far: OrderProgress) -> None:
        """What is news: to whoever watches, on standard error to whoever waits at a terminal."""
        changed = self.last is None or so_far.edges != self.last.edges
        self.last = so_far
        if not changed:
            return
        if self._as_json:
            if self._watch:
                click.echo(msgspec.json.encode(so_far))
            return
        said = "\n".join(report(so_far))
        if said != self._said and (self._watch or sys.stderr.isatty()):
            self._said = said
            click.echo(said, err=not self._watch)

    def end(self, last: OrderProgress) -> None:
        if self._as_json:
            click.echo(msgspec.json.encode(last))
            return
        for line in report(last):
            click.echo(line)


def is_complete(found: OrderProgress) -> bool:
    """Every edge has it, on disk, and every door obeys, or is locked where nobody can see it."""
    has = {Reached.IN_FORCE, Reached.DONE, Reached.ENDED}
    reached = all(one.reached in has and one.recorded for one in found.edges)
    unseen = sum(is_unseen(door) for one in found.edges for door in one.missing)
    obeyed = found.obeyed + unseen == found.doors
    return bool(found.edges) and reached and obeyed and not found.more


def is_unseen(door: MissingDoor) -> bool:
    """Its device has confirmed, and no contact tells where its leaf is."""
    return door.arrival is Arrival.DEVICE_CONFIRMED


def report(found: OrderProgress) -> Iterator[str]:
    """How far it is in a line, and one for each edge that refuses it."""
    yield clean(f"{found.kind} {found.order[:ID_SIGNS]}: {_summary(found)}")
    if not found.on_wire:
        yield "central has no broker: nobody is reached from here; carry the file to the edges"
    for one in found.edges:
        if one.reached is Reached.REFUSED:
            yield clean(f"{found.site}/{one.edge} refuses it: {one.reason}; {one.remedy}")
        elif one.reached is Reached.ENDED:
            yield clean(f"{found.site}/{one.edge}: it was ended there and acts no more")
        elif not one.recorded:
            yield clean(f"{found.site}/{one.edge} has it, and its journal cannot be written")


def _summary(found: OrderProgress) -> str:
    has = {Reached.IN_FORCE, Reached.DONE}
    reached = sum(one.reached in has for one in found.edges)
    there = f"{reached} of {len(found.edges) + found.more} edges have it"
    took = "" if found.took_s is None else f" in {found.took_s:.1f} s"
    doors = f"{found.obeyed} of {found.doors} doors obeyed{took}, " if found.doors else ""
    parts = (
        ("missing", _missing(found.edges)),
        ("locked, and no contact tells more", _missing(found.edges, unseen=True)),
        ("not reached", _not_reached(found.edges)),
    )
    named = ((title, ", ".join(names)) for title, names in parts)
    return doors + there + "".join(f"; {title}: {names}" for title, names in named if names)


def _missing(edges: tuple[EdgeReached, ...], *, unseen: bool = False) -> Iterator[str]:
    for one in edges:
        for door in one.missing:
            if is_unseen(door) and unseen:
                yield f"{one.edge}/{door.name}"
            elif not is_unseen(door) and not unseen:
                yield f"{one.edge}/{door.name} ({_why(door)})"


def _not_reached(edges: tuple[EdgeReached, ...]) -> Iterator[str]:
    for one in edges:
        if one.reached is Reached.AWAY:
            yield f"{one.edge} (away since {when(one.seen_utc_us)})"
        elif one.reached is Reached.WAITING:
            yield f"{one.edge} (connected, no answer)"


def _why(door: MissingDoor) -> str:
    """As somebody who has to go there wants to know it."""
    since = "" if door.since_us is None else f" since {when(door.since_us)}"
    if not door.linked:
        return f"device offline{since}"
    match door.arrival:
        case Arrival.ORDERED:
            return f"its device does not answer{since}"
        case Arrival.UNKNOWN:
            return f"unknown{since}"
        case other:
            return f"{other}{since}"


def listed(found: OrdersInForce) -> Iterator[str]:
    """Every order, and where it stands."""
    if not found.on_wire:
        yield "central has no broker: what follows is what was said before"
    for one in found.orders:
        yield from _about(one)
    if found.more:
        yield f"and {found.more} more"
    if not found.orders:
        yield "no edge says that an order is in force"


def _about(one: OrderInForce) -> Iterator[str]:
    drill, review = "DRILL " if one.drill else "", when(one.review_s * SECOND_US)
    what = f"{drill}{one.kind} {one.order[:ID_SIGNS]}"
    yield clean(f"{one.site}  {what}, review {review}: {one.reason}")
    having = [edge.edge for edge in one.edges if edge.reached is Reached.IN_FORCE]
    missing = ", ".join(_missing(one.edges))
    yield clean(
        f"    {one.obeyed} of {one.doors} doors obey at {len(having)} of {len(one.edges)} edges"
        + (f"; missing: {missing}" if missing else "")
    )
    silent = [edge.edge for edge in one.edges if edge.reached is Reached.WAITING]
    if silent:
        yield clean(f"    nothing heard of it since central's connection: {', '.join(silent)}")
    away = ", ".join(_not_reached(tuple(e for e in one.edges if e.reached is Reached.AWAY)))
    if away:
        yield clean(f"    not reached: {away}")
