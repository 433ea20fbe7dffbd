"""`sentrypost delivery`: what is brought to a gate."""

import sys
from datetime import tzinfo
from pathlib import Path

import click
import msgspec

from controller.delivery import DeliveryState
from controller.events_visits import Goods
from edge.commands.common import (
    Row,
    coloured,
    json_option,
    painted,
    state_option,
    table,
    zone_named,
)
from edge.commands.visits import US, connected_for_visits, fitting, named_by
from edge.control.client_visitors import VisitorClient
from edge.control.messages_visitors import (
    Brought,
    DeliveryReply,
    DeliveryShown,
    HandOverDelivery,
    RefuseDelivery,
    TakeDelivery,
)
from edge.failed import FAILED, Failed
from edge.present import clean, local
from edge.tone import Tone

_TONES = {DeliveryState.TAKEN: Tone.NOTICE, DeliveryState.REFUSED: Tone.DENIED}

goods_option = click.option(
    "--goods",
    type=click.Choice([one.value for one in Goods]),
    default=Goods.PARCEL.value,
    show_default=True,
    help="What it is. A diplomatic bag is neither opened nor held.",
)
vehicle_option = click.option("--vehicle", default="", help="The plate, where it matters.")


@click.group()
def delivery() -> None:
    """Deliveries and couriers: what is taken at a gate, where it stays, to whom it goes."""


@delivery.command()
@click.argument("company")
@click.option("--portal", required=True, help="At which gate it was brought.")
@goods_option
@click.option("--for", "recipient", default="", help="For whom: the id on file.")
@click.option("--contents", default="", help="What it is, in words.")
@vehicle_option
@click.option("--place", default="", help="Where it stays: a word such as hatch.")
@click.option("--to", "receiver", default="", help="Who receives it at once: the id on file.")
@click.option("--let-in", "bearer", default="", help="The courier's pass: the id on file.")
@json_option
@state_option
def take(
    company: str,
    portal: str,
    goods: str,
    recipient: str,
    contents: str,
    vehicle: str,
    place: str,
    receiver: str,
    bearer: str,
    as_json: bool,
    state: Path,
) -> None:
    """Take what COMPANY has brought. With --let-in whoever brings it comes in, where the rules let
    him, with your word as the guard's.
    """
    asked = TakeDelivery(
        brought=Brought(
            goods=Goods(goods),
            portal=portal,
            company=company,
            vehicle=vehicle,
            contents=contents,
            recipient=recipient,
        ),
        place=place,
        receiver=receiver,
        bearer=bearer,
    )
    with connected_for_visits(state) as daemon:
        _said(daemon.delivery(fitting(asked)), as_json=as_json)


@delivery.command()
@click.argument("name", metavar="DELIVERY")
@click.option("--to", "receiver", required=True, help="To whom: the id on file.")
@json_option
@state_option
def hand(name: str, receiver: str, as_json: bool, state: Path) -> None:
    """Hand DELIVERY (its id, or the beginning of it) over."""
    with connected_for_visits(state) as daemon:
        asked = HandOverDelivery(delivery=_named(daemon, name), receiver=receiver)
        _said(daemon.delivery(fitting(asked)), as_json=as_json)


@delivery.command()
@click.argument("name", metavar="DELIVERY", required=False)
@click.option("--company", default="", help="Without DELIVERY: who has brought what is not taken.")
@click.option("--portal", default="", help="Without DELIVERY: at which gate.")
@goods_option
@vehicle_option
@click.option("--reason", required=True, help="Why; it is recorded.")
@json_option
@state_option
def refuse(
    name: str | None,
    company: str,
    portal: str,
    goods: str,
    vehicle: str,
    reason: str,
    as_json: bool,
    state: Path,
) -> None:
    """Take it not, or give DELIVERY back that was taken. Nobody is held for it."""
    if (name is None) is not bool(company and portal):
        raise click.UsageError("say DELIVERY, or --company and --portal")
    with connected_for_visits(state) as daemon:
        what = (
            Brought(goods=Goods(goods), portal=portal, company=company, vehicle=vehicle)
            if name is None
            else _named(daemon, name)
        )
        _said(
            daemon.delivery(fitting(RefuseDelivery(delivery=what, reason=reason))), as_json=as_json
        )


@delivery.command("list")
@click.option("--day", default="", help="Those of a day, as 2026-11-22; left out: what waits.")
@json_option
@state_option
def list_(day: str, as_json: bool, state: Path) -> None:
    """Show what waits to be handed over, or what came on a day."""
    with connected_for_visits(state) as daemon:
        head, shown = daemon.deliveries(day)
    if as_json:
        click.echo(msgspec.json.encode(msgspec.structs.replace(head, deliveries=tuple(shown))))
        return
    zone = zone_named(head.timezone)
    for line in table("DELIVERIES", [_row(one, zone) for one in shown]):
        click.echo(painted(line), color=coloured())


def _named(daemon: VisitorClient, prefix: str) -> str:
    _, shown = daemon.deliveries()
    return named_by([one.delivery for one in shown], prefix, "delivery")


def _said(reply: DeliveryReply, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(reply))
    else:
        for code, text in reply.reasons:
            click.echo(clean(f"  {text} ({code})"), err=not reply.accepted)
        if not reply.accepted:
            raise Failed(clean(reply.reason), clean(reply.remedy))
        name = "" if reply.shown is None else f"delivery {reply.shown.delivery[:8]}: "
        click.echo(clean(f"{name}{reply.reason}"))
        if reply.remedy:
            click.echo(clean(reply.remedy))
    if not reply.accepted:
        sys.exit(FAILED)


def _row(one: DeliveryShown, zone: tzinfo) -> Row:
    at_s = one.taken_s if one.taken_s is not None else one.ended_s
    cells = (
        one.delivery[:8],
        one.state,
        one.goods,
        one.company,
        f"at {one.portal}",
        f"for {one.recipient_name}" if one.recipient_name else "",
        f"stays at {one.place}" if one.place else "",
        f"to {one.receiver_name}" if one.receiver_name else "",
        "" if at_s is None else local(at_s * US, zone)[:16],
        one.reason,
    )
    return _TONES.get(one.state, Tone.PLAIN), cells
