"""`sentrypost lockdown` and `sentrypost lift`: made, signed and given in one go."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import click

from controller.orders import POSTURES, Cover
from edge.commands.common import (
    Failed,
    connected,
    failed_by,
    json_option,
    passphrase,
    state_option,
    write_whole,
)
from edge.commands.order_giving import ended, given, told, wait_option
from edge.commands.order_naming import order_named
from edge.control.client import Client
from edge.control.messages_orders import Carrier, OrderShown
from edge.key_files import KeyFileError
from edge.orders import (
    ACCEPT_S,
    LiftOrder,
    LockdownOrder,
    OrderError,
    Payload,
    Stamp,
    signed_by,
    stamp,
    stamped,
)
from edge.present import clean
from edge.signatures import SigningKey
from edge.signing_keys import load_signing_key
from policies.problems import did_you_mean
from policies.rights import OrderKind

REVIEW_S = 4 * 3600
"""Somebody has to look at a posture again within a shift."""

ID_SIGNS = 12

key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Your private key, of `sentrypost key new`.",
)


@click.command()
@key_option
@click.option("--zone", multiple=True, help="This zone and all inside it, instead of the site.")
@click.option(
    "--cover",
    type=click.Choice([str(one) for one in Cover]),
    default=str(Cover.FULL),
    show_default=True,
    help="Every door, or those from outside alone.",
)
@click.option(
    "--reason",
    default="ordered on the spot",
    show_default=True,
    help="Why; in the record, and without anybody's name.",
)
@wait_option
@state_option
@json_option
def lockdown(
    key_file: Path,
    zone: tuple[str, ...],
    cover: str,
    reason: str,
    wait_s: float,
    state: Path,
    as_json: bool,
) -> None:
    """Lock the site down, or a zone, at the running edge, and show which doors obey.

    Nobody comes in; ways out stay free. It holds until two people lift it, whatever happens. What
    is not a lockdown is made with `sentrypost order new`.

    \b
    Exit code 1: refused. 3: in force, and not every door obeys it.
    """
    with connected(state) as daemon:
        site = _site_with(daemon, zone)
    key = _key(key_file)
    head = _stamp(site, key, reason)
    order = stamped(LockdownOrder, head)(zones=zone, cover=Cover(cover))
    _give(state, _signed(order, (key,)), wait_s, as_json=as_json)


@click.command()
@click.argument("order", nargs=-1)
@click.option(
    "--key",
    "key_files",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="A private key; given twice, for two people. With one a file is written.",
)
@click.option("--reason", required=True, help="Why; in the record, and without anybody's name.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the second person.  [default: lift-….order]",
)
@wait_option
@state_option
@json_option
def lift(
    order: tuple[str, ...],
    key_files: tuple[Path, ...],
    reason: str,
    out: Path | None,
    wait_s: float,
    state: Path,
    as_json: bool,
) -> None:
    """End the lockdown, shelter or evacuation ORDER; two people sign.

    ORDER is an id, or the beginning of one, as `sentrypost order list` shows it; without any it is
    the one that is in force. With both keys it is given at once. With one it goes into a file, for
    the second person to sign with `sentrypost order sign` and give with `sentrypost order send`.
    """
    with connected(state) as daemon:
        ends = _to_lift(daemon.orders().orders, order)
        site = daemon.posture().site
    keys = tuple(_key(file) for file in key_files)
    head = _stamp(site, keys[0], reason)
    made = stamped(LiftOrder, head)(ends=ends, accept_until_s=int(time.time()) + ACCEPT_S)
    envelope = _signed(made, keys)
    if len(keys) > 1:
        _give(state, envelope, wait_s, as_json=as_json)
        return
    file = out or Path(f"lift-{ends[0][:ID_SIGNS]}.order")
    write_whole(file, envelope, new=True)
    click.echo(
        f"{file}: signed by one; the second person says `sentrypost order sign {file} --key …`, "
        f"then `sentrypost order send {file}`, within four hours"
    )


def _to_lift(in_force: Sequence[OrderShown], named: Sequence[str]) -> tuple[str, ...]:
    """Raises Failed where it is not plain what is meant."""
    if named:
        return tuple(dict.fromkeys(order_named(in_force, one) for one in named))
    postures = [one for one in in_force if OrderKind(one.order_kind) in POSTURES]
    if len(postures) == 1:
        return (postures[0].order,)
    if not postures:
        raise Failed(
            "no lockdown, shelter or evacuation is in force", "see `sentrypost order list`"
        )
    known = ", ".join(f"{one.order[:ID_SIGNS]} ({one.order_kind})" for one in postures)
    raise Failed(f"{len(postures)} are in force: {known}", "name those that are to end")


def _site_with(daemon: Client, zones: Sequence[str]) -> str:
    """The site's name. Raises Failed where it has no such zone: that would lock nothing."""
    posture = daemon.posture()
    known = [one.zone for one in posture.zones]
    for zone in zones:
        if zone not in known:
            raise Failed(
                clean(f"the site has no zone '{zone}'"),
                did_you_mean(zone, known) or f"it has {', '.join(known)}",
            )
    return posture.site


def _key(file: Path) -> SigningKey:
    try:
        return load_signing_key(file, lambda: passphrase(str(file)))
    except KeyFileError as error:
        raise failed_by(error) from None


def _stamp(site: str, key: SigningKey, reason: str) -> Stamp:
    now_ms = time.time_ns() // 1_000_000
    review_s = now_ms // 1000 + REVIEW_S
    return stamp(site, key.id, reason, now_ms=now_ms, review_s=review_s, entropy=os.urandom)


def _signed(order: Payload, keys: tuple[SigningKey, ...]) -> bytes:
    try:
        return signed_by(order, keys)
    except OrderError as error:
        raise failed_by(error) from None


def _give(state: Path, envelope: bytes, wait_s: float, *, as_json: bool) -> None:
    one = given(state, envelope, Carrier.CONTROL, wait_s, show=not as_json)
    told("", one, as_json=as_json)
    ended([("", one)])
