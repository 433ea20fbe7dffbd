"""`sentrypost order send|list|carry|challenge`: orders at the running edge.

What is done with orders as files alone is in `edge.commands.order`.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from controller.moment import SECOND_US
from edge.commands.common import (
    Failed,
    connected,
    failed_by,
    json_option,
    painted,
    state_option,
    write_whole,
    zone_named,
)
from edge.commands.order_giving import READ_MAX, ended, given, pasted, told, wait_option
from edge.control.messages_orders import Carrier, OrderFile, OrderShown, OrdersReply
from edge.orders import OrderError, bounded
from edge.present import Line, clean, local
from edge.tone import Tone

SUFFIX = ".order"
ENDS = "end"
"""With which the files of lifts and other ends begin."""

ID_SIGNS = 12

ENDED_SHOWN, ENDED_MAX = 20, 500


@click.command()
@click.argument("file", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--break-glass", is_flag=True, help="Ask for a code, in the place of one person.")
@wait_option
@state_option
@json_option
def send(
    file: tuple[Path, ...], break_glass: bool, wait_s: float, state: Path, as_json: bool
) -> None:
    """Give the signed orders in each FILE, or pasted on the standard input, to the running edge.

    A FILE can be a folder, as `order carry` writes it: lifts and other ends in it are given first,
    so that what was ended moves no door. Shown is which doors obey, and which are missing.

    \b
    Exit code 1: refused. 3: in force, and not every door obeys it.
    """
    code = click.prompt("Code", hide_input=True, err=True) if break_glass else ""
    done = []
    for name, envelope in _envelopes(file):
        carrier = Carrier.FILE if name else Carrier.CONTROL
        one = given(state, envelope, carrier, wait_s, code=code, show=not as_json)
        told(name, one, as_json=as_json)
        done.append((name, one))
    ended(done)


@click.command(name="list")
@click.option("--ended", is_flag=True, help="Those that ended last, instead of those in force.")
@click.option(
    "--count",
    type=click.IntRange(1, ENDED_MAX),
    default=ENDED_SHOWN,
    show_default=True,
    help="How many of those that ended.",
)
@state_option
@json_option
def list_(ended: bool, count: int, state: Path, as_json: bool) -> None:
    """List the orders in force: what, who, why, since when, who obeys, when to look again.

    With --ended those that ended last, by whom or by what, from the journal.
    """
    if ended:
        from edge.commands.order_ended import show_ended

        show_ended(state, count, as_json=as_json)
        return
    with connected(state) as daemon:
        reply = daemon.orders()
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    for line in listed(reply):
        click.echo(painted(line))


class Carried(msgspec.Struct, frozen=True):
    """What was written, as `--json` prints it."""

    folder: str
    files: tuple[str, ...]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@state_option
@json_option
def carry(folder: Path, state: Path, as_json: bool) -> None:
    """Write every order in force, and the newest lifts, into the folder DIR as files for a stick.

    `sentrypost order send DIR` gives all of them to another edge. They are signed: where they lay
    meanwhile is of no account.
    """
    with connected(state) as daemon:
        files = list(daemon.order_files())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(
            f"{folder} cannot be made: {error.strerror}", "choose another place"
        ) from error
    for one in files:
        write_whole(folder / _name(one), one.envelope.encode(), new=False)
    if as_json:
        click.echo(msgspec.json.encode(Carried(str(folder), tuple(map(_name, files)))))
        return
    click.echo(f"{folder}: {len(files)} {'order' if len(files) == 1 else 'orders'}")


@click.command()
@state_option
@json_option
def challenge(state: Path, as_json: bool) -> None:
    """Draw what two people sign so that orders count again at an edge that was put back.

    What takes protection away is refused there until then: what was lifted, and which numbers were
    used, may be missing. The newest challenge alone counts.
    """
    with connected(state) as daemon:
        reply = daemon.challenge()
    if as_json:
        click.echo(msgspec.json.encode(reply))
    elif reply.challenge:
        click.echo(reply.challenge)
        click.echo(
            "make the order with `sentrypost order new counters --challenge`, have two people "
            "sign it, and give it with `sentrypost order send`",
            err=True,
        )
    if not reply.challenge:
        raise Failed(clean(reply.reason), clean(reply.remedy))


def listed(reply: OrdersReply) -> Iterator[Line]:
    """The whole page, line by line."""
    if reply.quarantined:
        yield Line(
            Tone.ALARM,
            "QUARANTINED: what was ordered may be missing here, and nothing is lowered until two "
            "people have signed what `sentrypost order challenge` draws",
        )
    if not reply.clock_trusted:
        yield Line(Tone.FAULT, "the clock is not trusted: lowering orders need the newest numbers")
    for one in reply.orders:
        yield from _shown(one, reply)
    if not reply.orders:
        yield Line(Tone.PLAIN, "no order is in force")


def _shown(one: OrderShown, reply: OrdersReply) -> Iterator[Line]:
    zone = zone_named(reply.timezone)
    shuts = one.order_kind in {"lockdown", "shelter", "evacuate"} and not one.drill
    what = f"{one.order_kind.upper() if shuts else one.order_kind} of {_where(one)}"
    marks = [
        mark
        for mark, holds in (
            ("DRILL, doors as they are" if not one.moves else "DRILL", one.drill),
            ("NOT CONFIRMED: frees nothing yet", one.late),
            (f"{one.obeyed} of {one.portals} portals obey", bool(one.portals)),
        )
        if holds
    ]
    missing = one.obeyed < one.portals
    tone = Tone.ALARM if shuts or one.late else Tone.FAULT if missing else Tone.NOTICE
    yield Line(tone, clean("  ".join((one.order[:ID_SIGNS], what, *marks))))
    yield Line(Tone.PLAIN, clean(f"    {one.reason}"))
    yield Line(Tone.PLAIN, clean(f"    {_whence(one, reply)}"))
    review = local(one.review_s * SECOND_US, zone)
    if one.review_s * SECOND_US <= reply.utc_us:
        yield Line(Tone.FAULT, f"    OVERDUE: somebody should have looked at it again by {review}")
    else:
        yield Line(Tone.PLAIN, f"    look at it again by {review}")


def _where(one: OrderShown) -> str:
    level = "" if one.level is None else f", level {one.level}"
    cover = f", cover {one.cover}" if one.cover else ""
    if one.role:
        return f"role {one.role} to {one.person or 'somebody on file no more'}"
    where = ", ".join(one.portals_named or one.zones) or "the whole site"
    return f"{where}{cover}{level}"


def _whence(one: OrderShown, reply: OrdersReply) -> str:
    zone = zone_named(reply.timezone)
    since = "" if one.given_utc_us is None else f"since {local(one.given_utc_us, zone)} "
    signed = one.signed_by or (f"source {one.source}" if one.source else "")
    by = f"by {signed}" if signed else ""
    code = " and a break-glass code" if one.break_glass else ""
    path = f", came by {one.path}" if one.path else ""
    gave = f", given by {one.operator}" if one.operator else ""
    until = "" if one.until_s is None else f", until {local(one.until_s * SECOND_US, zone)}"
    return f"{since}{by}{code}{path}{gave}{until}; journal {one.seq}"


def _envelopes(files: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each; ends before anything else. Raises Failed."""
    if not files:
        yield "", _bounded(pasted())
        return
    found: list[Path] = []
    for file in files:
        inside = sorted(file.glob(f"*{SUFFIX}")) if file.is_dir() else [file]
        if not inside:
            raise Failed(
                f"{file}: no file in it ends with {SUFFIX}", "name the folder of the stick"
            )
        found += inside
    for file in sorted(found, key=lambda one: not one.name.startswith(f"{ENDS}-")):
        try:
            with file.open("rb") as opened:
                yield str(file), _bounded(opened.read(READ_MAX).strip())
        except OSError as error:
            raise Failed(f"{file} cannot be read: {error.strerror}", "copy it again") from error


def _bounded(envelope: bytes) -> bytes:
    try:
        return bounded(envelope)
    except OrderError as error:
        raise failed_by(error) from None


def _name(one: OrderFile) -> str:
    return f"{one.order_kind or ENDS}-{one.order[:ID_SIGNS]}{SUFFIX}"
