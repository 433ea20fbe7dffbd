"""`sentrypost central distribute` and `edges`: what the edges are to have, and what they have."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from central.control_client import CentralClient
from central.control_messages import WAIT_S_MAX, Distribution, EdgeRow, Lacking
from central.distribution import Standing
from edge.control.calling import ControlClientError
from edge.failed import Failed, failed_by
from edge.present import clean
from edge.signatures import ENVELOPE_BYTES_MAX

STATE = Path("archive.state")
NOT_ALL = 3
"""Some edges have it not yet; central goes on."""

WAIT_S = 2.0
DIGEST_SIGNS = 12

state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=STATE,
    show_default=True,
    help="The state folder of the running central.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--site", default="", help="Whose edges; needed where central knows several sites.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, WAIT_S_MAX),
    default=WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the edges that are connected.",
)
@state_option
@json_option
def distribute(file: BinaryIO, site: str, wait_s: float, state: Path, as_json: bool) -> None:
    """Give FILE to every edge of the site: a change set of people, or a signed policy.

    The running central keeps it and sends it to the edges that are connected, and to the others
    when they come back. Each edge judges it as `person take` and `policy load` do. The exit code is
    0 where every edge has it, and 3 where some have it not yet.
    """
    envelope = file.read(ENVELOPE_BYTES_MAX + 1)
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise Failed(f"no signed file is larger than {ENVELOPE_BYTES_MAX} bytes", "see the name")
    try:
        with CentralClient(state) as central:
            done = central.distribute(envelope, site, wait_s, _progress)
    except ControlClientError as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        for line in said(done):
            click.echo(line)
    if done.have < done.edges or not done.edges:
        sys.exit(NOT_ALL)


@click.command()
@click.option("--forget", metavar="SITE/EDGE", help="This edge is no more: nothing waits for it.")
@state_option
@json_option
def edges(forget: str | None, state: Path, as_json: bool) -> None:
    """Show every edge that central knows: whether it is connected, and what it has in force."""
    try:
        with CentralClient(state) as central:
            if forget is not None:
                site, _, edge = forget.partition("/")
                if not central.forget(site, edge):
                    raise Failed(
                        f"no edge {clean(forget)} is known", "see `sentrypost central edges`"
                    )
                click.echo(f"forgotten: {forget}")
                return
            on_wire, rows = central.edges()
    except ControlClientError as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode({"on_wire": on_wire, "edges": rows}))
        return
    if not on_wire:
        click.echo("central has no broker: who is connected is not known", err=True)
    for row in rows:
        for line in about(row):
            click.echo(line)
    if not rows:
        click.echo("no edge has been seen yet")


def state_beside(archive: str) -> Path:
    """The state folder of a central that was given none."""
    return STATE if "://" in archive else Path(archive).with_suffix(STATE.suffix)


def said(done: Distribution) -> Iterator[str]:
    """The result in a line, and one for each edge that does not take it."""
    took = f" ({done.took_s:.2f} s)" if done.have else ""
    what = f"{done.have} of {done.edges} edges have it{took}"
    missing = [one for one in done.lacking if one.standing is not Standing.REFUSED]
    named = ", ".join(f"{done.site}/{one.edge} ({_why(one)})" for one in missing)
    unnamed = done.edges - done.have - len(done.lacking)
    more = f", and {unnamed} more" if unnamed else ""
    yield clean(what + (f"; missing: {named}{more}" if named or more else ""))
    if not done.edges:
        yield clean(f"no edge of {done.site} was seen yet: each gets it when it comes")
    if not done.on_wire:
        yield "central has no broker: it sends it when it has one"
    for one in done.lacking:
        if one.standing is Standing.REFUSED:
            yield clean(f"{done.site}/{one.edge} refuses it: {one.reason}; {one.remedy}")


def about(row: EdgeRow) -> Iterator[str]:
    """One edge."""
    there = "connected since" if row.connected else "AWAY, last seen"
    stored = "" if row.stored is None else f", archived up to {row.stored}"
    yield clean(
        f"{row.site}/{row.edge}  {there} {when(row.seen_utc_us)}, version {row.version}, "
        f"journal {row.incarnation}{stored}"
    )
    made = "" if row.people_made_us is None else f", changed {when(row.people_made_us)}"
    yield clean(
        f"    people version {row.people}, digest {row.people_digest[:DIGEST_SIGNS] or '-'}{made}; "
        f"policy version {row.policy}, digest {row.policy_digest[:DIGEST_SIGNS] or '-'}"
    )
    if row.witness:
        yield clean(f"    witness: {row.witness}")
    for lacked in row.lacks:
        why = f": {lacked.reason}; {lacked.remedy}" if lacked.reason else ""
        yield clean(
            f"    LACKS {lacked.kind} {lacked.digest[:DIGEST_SIGNS]}, {lacked.standing}{why}"
        )


def _progress(done: Distribution) -> None:
    if sys.stderr.isatty():
        click.echo(f"{done.have} of {done.edges} edges have it", err=True)


def _why(lacking: Lacking) -> str:
    match lacking.standing:
        case Standing.AWAY:
            return f"last seen {when(lacking.seen_utc_us)}"
        case Standing.UNRECORDED:
            return "taken, and its journal cannot be written"
        case _:
            return "no answer yet"


def when(utc_us: int) -> str:
    """By this machine's clock and zone."""
    return datetime.fromtimestamp(utc_us / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S%z")
