"""The orders that ended last, for `sentrypost order list --ended`."""

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import click
import msgspec

from controller.events import decode_entry
from edge.commands.common import connected, painted, zone_named
from edge.commands.report_source import Reports, opened
from edge.control.client import Client
from edge.present import Line, clean, committed, local
from edge.present_orders import ENDS, ID_SIGNS
from edge.tone import Tone
from edge.views_query import Ordered, ended_orders


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """One of them in JSON. Who signed and lifted it is empty where the journal does not tell."""

    order: Ordered
    signed_by: str
    ended_signed_by: str


def show_ended(state: Path, count: int, *, as_json: bool) -> None:
    """Print them, the newest first. Raises Failed."""
    with opened(state) as reports:
        found = ended_orders(reports.database, count)
        zone = zone_named(reports.basis.timezone)
        told = list(_told(state, reports, found))
    if as_json:
        click.echo(msgspec.json.encode({"ended": told}))
        return
    for one in told:
        for line in _lines(one, zone):
            click.echo(painted(line))
    if not told:
        click.echo("no order has ended, as far back as the journal goes")


def _told(state: Path, reports: Reports, found: tuple[Ordered, ...]) -> Iterator[Ended]:
    """With names, which lie beside the journal's entries; a running edge gives them."""
    if not reports.running:
        yield from (Ended(order=one, signed_by="", ended_signed_by="") for one in found)
        return
    with connected(state) as client:
        for one in found:
            seqs = (one.given_seq, one.ended_given_seq)
            signed, lifted = (_signed_by(client, seq) for seq in seqs)
            yield Ended(order=one, signed_by=signed, ended_signed_by=lifted)


def _signed_by(client: Client, seq: int | None) -> str:
    entries = () if seq is None else client.read(seq, 1).entries
    if not entries or entries[0].seq != seq:
        return ""
    told = committed(decode_entry(entries[0].entry.encode()), entries[0].personal)
    return told.get("signed_by", "")


def _nobody_signed(order: Ordered) -> str:
    """Whose name is not told, or who has signed nothing: the edge has, for a switch or a page."""
    if order.source:
        return f"source {order.source}"
    return f"{order.people} people" if order.people else "somebody at a page"


def _lines(one: Ended, zone: tzinfo) -> Iterator[Line]:
    order = one.order
    drill = "  DRILL" if order.drill else ""
    where = order.scope.replace(" ", ", ") or "the whole site"
    yield Line(Tone.NOTICE, clean(f"{order.id[:ID_SIGNS]}  {order.kind} of {where}{drill}"))
    yield Line(Tone.PLAIN, clean(f"    {order.reason}"))
    by = one.signed_by or _nobody_signed(order)
    given = f"    given {local(order.given_utc_us, zone)} by {by}; journal {order.given_seq}"
    yield Line(Tone.PLAIN, clean(given))
    lift = f" {order.ended_by[:ID_SIGNS]}" if order.ended_by else ""
    why = f" ({order.ended_why})" if order.ended_why else ""
    who = f", signed by {one.ended_signed_by}" if one.ended_signed_by else ""
    when = local(order.ended_utc_us, zone)
    ended = f"    ended {when}: {ENDS[order.ended_cause]}{lift}{why}{who}"
    yield Line(Tone.PLAIN, clean(f"{ended}; journal {order.ended_seq}"))
