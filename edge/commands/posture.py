"""`sentrypost posture`: what the orders in force make of the site, and who does not obey."""

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import click

from edge.arrival_words import missing, unseen, why
from edge.commands.common import (
    Failed,
    Row,
    connected,
    json_option,
    say_json,
    show_page,
    state_option,
    table,
    zone_named,
)
from edge.commands.order_giving import said
from edge.commands.order_naming import order_named
from edge.control.messages_orders import Acts, PostureReply, ZoneStands
from edge.present import Line, clean, local
from edge.tone import Tone

ID_SIGNS = 12


class _Shown(click.Group):
    """Without the name of a command it is `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Shown)
def posture() -> None:
    """Mode and threat level of the site and its zones, and which doors do not obey.

    Without a command it is `posture show`.
    """


@posture.command()
@state_option
@json_option
@click.option("--watch", is_flag=True, help="Ask again every second, until Ctrl-C.")
def show(state: Path, as_json: bool, watch: bool) -> None:
    """Show mode and threat level of the site and its zones, and by name which doors do not obey."""
    with connected(state) as daemon:
        show_page(daemon.posture, lines, as_json=as_json, watch=watch)


@posture.command()
@click.argument("order")
@state_option
@json_option
def confirm(order: str, state: Path, as_json: bool) -> None:
    """Say that the evacuation ORDER, which came after its time, is meant: ways out are released.

    ORDER is its id or the beginning of it, as `sentrypost order list` shows it. Recorded under your
    account's name. Until then it denies entry and frees nothing.
    """
    with connected(state) as daemon:
        reply = daemon.confirm_evacuation(order_named(daemon.orders().orders, order))
    if as_json:
        say_json(reply, done=reply.accepted)
        return
    if not reply.accepted:
        raise Failed(clean(reply.reason), clean(reply.remedy))
    click.echo(said(reply))


def lines(reply: PostureReply) -> Iterator[Line]:
    """The whole page, line by line."""
    zone = zone_named(reply.timezone)
    yield Line(Tone.PLAIN, clean(f"{reply.site}/{reply.edge}  {local(reply.utc_us, zone)}"))
    alarming = reply.mode != "normal" or bool(reply.fires)
    mode = str(reply.mode).upper() if reply.mode != "normal" else str(reply.mode)
    fires = f", FIRE: {', '.join(reply.fires)}" if reply.fires else ""
    text = f"posture   {mode}, threat {reply.threat}{fires}"
    yield Line(Tone.ALARM if alarming else Tone.PLAIN, clean(text))
    if reply.quarantined:
        yield Line(Tone.ALARM, "          QUARANTINED: see `sentrypost order list`")
    yield from table("zones", [_zone(one) for one in reply.zones if not one.public])
    if reply.acting:
        yield from table("who acts", [_acting(one, zone) for one in reply.acting])
    yield from table("portals that obey", [_count(reply)])
    late = missing(reply.portals)
    if late:
        rows = [(Tone.ALARM, (one.name, why(one, zone, reply.utc_us))) for one in late]
        yield from table("portals that do NOT obey", rows)
    blind = [one for one in reply.portals if unseen(one)]
    if blind:
        rows = [(Tone.NOTICE, (one.name, "locked; it has no contact")) for one in blind]
        yield from table("portals of which nobody sees whether they are closed", rows)


def _zone(one: ZoneStands) -> Row:
    calm = one.mode == "normal" and one.threat == 1
    mode = str(one.mode) if one.mode == "normal" else str(one.mode).upper()
    orders = ", ".join(order[:ID_SIGNS] for order in one.orders)
    tone = Tone.PLAIN if calm else Tone.NOTICE if one.mode == "normal" else Tone.ALARM
    return tone, (one.zone, mode, f"threat {one.threat}", orders, one.name)


def _acting(one: Acts, zone: tzinfo) -> Row:
    """`chief | 1001 | until 18:00 | cannot be reached: chief`."""
    limits = ", ".join((*one.kinds, *one.zones))
    how = f"cannot be reached: {', '.join(one.unreachable)}" if one.unreachable else "lent"
    until = f"until {local(one.until_s * 1_000_000, zone)}"
    row = (one.role, one.person, until, how, limits or "everything", one.order[:ID_SIGNS])
    return Tone.NOTICE, row


def _count(reply: PostureReply) -> Row:
    obeyed = sum(one.obeyed for one in reply.portals)
    if not reply.portals:
        return Tone.PLAIN, ("no order in force is about any portal",)
    tone = Tone.PLAIN if obeyed == len(reply.portals) else Tone.FAULT
    return tone, (f"{obeyed} of {len(reply.portals)}",)
