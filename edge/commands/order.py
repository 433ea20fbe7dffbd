"""`sentrypost order`: orders as files, made, signed and looked at without a daemon."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from controller.orders import Cover
from edge.commands.check import loaded
from edge.commands.common import (
    config_option,
    failed_by,
    json_option,
    passphrase,
    write_whole,
)
from edge.commands.order_daemon import carry, challenge, list_, send
from edge.commands.order_making import LATER, issuer_of, moment_of, particulars
from edge.failed import Failed
from edge.key_files import KeyFileError
from edge.order_particulars import CLASSES
from edge.order_words import words_of
from edge.orders import ORDER_BYTES_MAX, OrderError, OversizedError, read_order, stamp, stamped
from edge.orders import unsigned as unsigned_order
from edge.present import clean
from edge.signatures import SignatureError, pae, signed_too, taken_apart
from edge.signed_orders import order_id
from edge.signing_keys import load_signing_key
from policies.rights import OrderKind

if TYPE_CHECKING:
    from edge.config import Config

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def order() -> None:
    """Orders: lockdown, shelter, evacuation, threat level, what ends them, and who leads."""


@order.command()
@click.argument("kind", type=click.Choice(list(CLASSES)))
@click.option("--out", type=NEW_FILE, required=True, help="The file to write.")
@click.option(
    "--issuer",
    required=True,
    help="Whose order it is: the name of one of the keys that will sign it, in the site file.",
)
@click.option("--reason", required=True, help="What for; it is read by all, so name no person.")
@click.option(
    "--review",
    default="+4h",
    show_default=True,
    help=f"When somebody has to look at it again, {LATER}.",
)
@click.option("--zone", "zones", multiple=True, help="Where, with all inside; else everywhere.")
@click.option("--portal", "portals", multiple=True, help="Which portals (unlock, hold).")
@click.option(
    "--cover",
    type=click.Choice([one.value for one in Cover]),
    help="Of lockdown.  [default: full]",
)
@click.option("--level", type=click.IntRange(1, 5), help="Of raise: at least this.")
@click.option("--ends", "--lifts", "ends", multiple=True, help="Id of an order that it ends.")
@click.option("--despite", multiple=True, help="Id of a posture in which a door is unlocked.")
@click.option("--until", help=f"When it ends by itself, {LATER}.")
@click.option("--drill", is_flag=True, help="An exercise.")
@click.option("--no-moves", is_flag=True, help="Of a drill: no lock is moved.")
@click.option("--fire", help="Of fire-override: the fire input.")
@click.option("--challenge", help="Of counters: what the edge has drawn.")
@click.option("--role", help="Of delegate, succeed: whose place is taken.")
@click.option("--person", help="Of delegate, succeed: who takes it, by the id on file.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in OrderKind]),
    multiple=True,
    help="Of delegate: for these orders alone.",
)
@click.option("--unreachable", multiple=True, help="Of succeed: a role that cannot be reached.")
@click.option("--counter", type=int, help="The issuer's.  [default: milliseconds since 1970]")
@config_option
def new(
    kind: str,
    out: Path,
    issuer: str,
    reason: str,
    review: str,
    counter: int | None,
    config: Path,
    **given: object,
) -> None:
    """Write an order of KIND into a file that is then signed.

    Each edge takes the file once. What raises security lasts until a lift, lower or end names the
    id that is printed here; the rest is taken within four hours.
    """
    site = loaded(config)
    now_ms = time.time_ns() // 1_000_000
    head = stamp(
        site.site,
        issuer_of(issuer, site.keys).id,
        reason,
        now_ms=now_ms if counter is None else counter,
        review_s=moment_of(review, site.policy, now_ms // 1000),
        entropy=os.urandom,
    )
    fields = particulars(kind, given, site.policy, now_ms // 1000)
    try:
        made = stamped(CLASSES[kind], head)(**fields)
        envelope = unsigned_order(made)
        _say(envelope, site)
    except (OrderError, SignatureError) as error:
        raise failed_by(error) from None
    write_whole(out, envelope, new=True)
    click.echo(f"id {order_id(envelope)}")
    click.echo(f"{out}: `sentrypost order sign` signs it")


@order.command()
@click.argument("file", type=FILE)
@click.option(
    "--key", "key_file", type=NEW_FILE, help="The private key to sign with, of `key new`."
)
@click.option("--ssh", type=FILE, help="What `ssh-keygen -Y sign` has made of it (.sig).")
@click.option("--assertion", type=FILE, help="What a page's security key has made of it (JSON).")
@click.option("--security-key", is_flag=True, help="Sign with the security key at a USB port.")
@click.option("--print", "printed", is_flag=True, help="Give the bytes that are to be signed.")
@config_option
def sign(
    file: Path,
    key_file: Path | None,
    ssh: Path | None,
    assertion: Path | None,
    security_key: bool,
    printed: bool,
    config: Path,
) -> None:
    """Add a signature to the order in FILE, and say first what it orders.

    In one of four ways: with a key file; by ssh-keygen, which signs what --print gives; by a
    security key, here or on a page. For the last three the site file has to know the key.
    """
    if [key_file is not None, ssh is not None, assertion is not None, security_key, printed].count(
        True
    ) != 1:
        raise click.UsageError("give one of --key, --ssh, --assertion, --security-key, --print")
    try:
        envelope = read_file(file)
        if printed:
            read_order(envelope)
            parts = taken_apart(envelope)
            sys.stdout.buffer.write(pae(parts.payload_type, parts.payload))
            return
        _say(envelope, None)
        if key_file is not None:
            key = load_signing_key(key_file, passphrase)
            both, by = signed_too(envelope, key), key.id
        else:
            both, by = _signed_elsewhere(envelope, loaded(config), ssh, assertion)
        read_order(both)
    except (OrderError, SignatureError, KeyFileError) as error:
        raise failed_by(error) from None
    write_whole(file, both, new=False)
    click.echo(f"{file}: signed with key {by}; signatures: {len(taken_apart(both).signatures)}")


@order.command()
@click.argument("file", type=FILE)
@json_option
def show(file: Path, as_json: bool) -> None:
    """Say what the order in FILE says, and which keys it says have signed it; nothing is believed.

    `verify` looks at the signatures.
    """
    from edge.commands.order_checking import Shown, shown

    try:
        envelope = read_file(file)
        told: Shown = shown(envelope)
    except (OrderError, SignatureError) as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    _say(envelope, None)
    click.echo(f"id {told.id}")
    for keyid in told.keys:
        click.echo(clean(f"signed, it says, with key {keyid}"))
    if not told.keys:
        click.echo("nobody has signed it")


@order.command()
@click.argument("file", type=FILE)
@config_option
@json_option
def verify(file: Path, config: Path, as_json: bool) -> None:
    """Look at every signature of the order in FILE by the keys of the site file, and whether its
    policy asks for more people. Fails where an edge would refuse it.

    Whether those people have the roles, is for an edge to say: it has them on file.
    """
    from edge.commands.order_checking import checked

    site = loaded(config)
    try:
        envelope = read_file(file)
        told = checked(envelope, site.keys, site.site, site.policy)
    except (OrderError, SignatureError) as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        _say(envelope, site)
        click.echo(f"id {told.id}")
        for line in told.said:
            click.echo(clean(line))
    if told.lacking:
        raise Failed(clean(told.lacking), f"have it signed: `sentrypost order sign {file} …`")


for _command in (send, list_, carry, challenge):
    order.add_command(_command)


def read_file(file: Path) -> bytes:
    """The envelope in a file. Raises OversizedError where it is too large for one."""
    with file.open("rb") as opened:
        data = opened.read(ORDER_BYTES_MAX + 1)
    if len(data) > ORDER_BYTES_MAX:
        raise OversizedError(f"{file} is larger than any order", "name the file with the order")
    return data


def _signed_elsewhere(
    envelope: bytes, site: "Config", ssh: Path | None, assertion: Path | None
) -> tuple[bytes, str]:
    """The envelope with it, and the key's id. Raises SignatureError, Failed."""
    from edge.signed_orders import with_assertion, with_ssh_signature
    from edge.ssh_signatures import ARMOURED_BYTES_MAX

    if ssh is not None:
        with ssh.open("rb") as opened:
            armour = opened.read(ARMOURED_BYTES_MAX + 1)
        both, key = with_ssh_signature(envelope, armour, site.keys, site.site)
        return both, key.id
    from edge.fido2_assertions import RESPONSE_BYTES_MAX, from_webauthn

    if assertion is not None:
        with assertion.open("rb") as opened:
            response = opened.read(RESPONSE_BYTES_MAX + 1)
        both, key = with_assertion(envelope, from_webauthn(response), site.keys, site.site)
        return both, key.id
    from edge.commands.security_key import signed_here
    from edge.security_keys import SecurityKeyError

    try:
        return signed_here(envelope, site)
    except SecurityKeyError as error:
        raise failed_by(error) from None


def _say(envelope: bytes, site: "Config | None") -> None:
    zone = datetime.now().astimezone().tzinfo or UTC if site is None else site.policy.zone
    for line in words_of(read_order(envelope), zone):
        click.echo(clean(line))
