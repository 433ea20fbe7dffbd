"""`sentrypost consent`: the head of mission's consents to the entry of the host state's agents."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click
import msgspec

from controller.consents import PARTY_MAX
from edge.commands.check import loaded
from edge.commands.common import (
    config_option,
    connected,
    failed_by,
    json_option,
    passphrase,
    state_option,
    told_of_visit,
    write_whole,
    zone_named,
)
from edge.commands.policy_asking import utc_of
from edge.consent_orders import (
    CONSENT_BYTES_MAX,
    ConsentOrder,
    consent_order,
    read_consent,
    unsigned,
    words_of,
)
from edge.control.messages_visits import ConsentShown, ConsentsReply
from edge.key_files import KeyFileError
from edge.orders import PAYLOAD_TYPE, OrderError
from edge.present import clean, local
from edge.signatures import SignatureError, signed_too, unverified
from edge.signing_keys import load_signing_key
from policies.problems import did_you_mean

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def consent() -> None:
    """Consents of the head of mission to the entry of agents of the host state."""


@consent.command()
@click.argument("person")
@click.option(
    "--until",
    required=True,
    help="When it ends, as 2026-11-22T18:00 on the site's wall; a day ahead at most.",
)
@click.option("--reason", required=True, help="What for; whoever signs reads it.")
@click.option(
    "--zone",
    "zones",
    multiple=True,
    help="A zone that may be entered, with those around it on the way there, and none inside it; "
    "may be given several times. Left out: all zones.",
)
@click.option(
    "--party",
    type=click.IntRange(0, PARTY_MAX),
    default=0,
    help="How many people without badges may come with PERSON, who leads them.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write.",
)
@config_option
def new(
    person: str,
    until: str,
    reason: str,
    zones: tuple[str, ...],
    party: int,
    out: Path,
    config: Path,
) -> None:
    """Write a consent to the entry of PERSON into a file that is then signed.

    PERSON is the id that the file of people has. An edge takes the file within four hours, and
    acts on it once.
    """
    site = loaded(config)
    until_s, now_s = int(utc_of(until, site.policy)), int(time.time())
    for zone in zones:
        if zone not in site.policy.zones_by_id:
            hint = did_you_mean(zone, site.policy.zones_by_id) or "the policy names its zones"
            raise click.BadParameter(
                f"the policy has no zone '{zone}'; {hint}", param_hint="--zone"
            )
    try:
        order = consent_order(site.site, person, until_s, reason, now_s, os.urandom, zones, party)
    except OrderError as error:
        raise failed_by(error) from None
    _say(order, site.policy.zone)
    write_whole(out, unsigned(order), new=True)
    click.echo(f"{out}: `sentrypost consent sign` signs it")


@consent.command()
@click.argument("file", type=FILE)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The private key to sign with, of `sentrypost key new`.",
)
def sign(file: Path, key_file: Path) -> None:
    """Add a signature to the consent in FILE, and say first what it consents to."""
    try:
        envelope = _read(file)
        _say(read_consent(envelope), datetime.now().astimezone().tzinfo or UTC)
        key = load_signing_key(key_file, passphrase)
        both = signed_too(envelope, key)
    except (OrderError, SignatureError, KeyFileError) as error:
        raise failed_by(error) from None
    write_whole(file, both, new=False)
    signatures = len(unverified(both, PAYLOAD_TYPE)[1])
    click.echo(f"{file}: signed with key {key.id}; signatures: {signatures}")


@consent.command()
@click.argument("file", type=FILE)
@state_option
@json_option
def give(file: Path, state: Path, as_json: bool) -> None:
    """Put the signed consent in FILE in force at the running edge.

    Somebody must have signed it whose key in the site file may sign consents; where the policy has
    an [order.consent], so many people with its roles. It ends at its time, by `consent end`, or
    when nobody knows the person any more, and acts once. While the clock is not trusted it does not
    hold.
    """
    try:
        envelope = _read(file)
    except OrderError as error:
        raise failed_by(error) from None
    with connected(state) as daemon:
        told_of_visit(daemon.give_consent(envelope), "consent is in force", as_json=as_json)


@consent.command()
@click.argument("person")
@state_option
@json_option
def end(person: str, state: Path, as_json: bool) -> None:
    """End the consent for PERSON at once; recorded under your account's name.

    Who is inside is left alone and leaves as anybody does; an alarm names him.
    """
    with connected(state) as daemon:
        told_of_visit(daemon.end_consent(person), "consent has ended", as_json=as_json)


@consent.command(name="list")
@state_option
@json_option
def list_(state: Path, as_json: bool) -> None:
    """List the consents in force: for whom, until when, what for and by whom."""
    with connected(state) as daemon:
        reply = daemon.consents()
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    for line in _listed(reply):
        click.echo(clean(line))


def _read(file: Path) -> bytes:
    """Raises OrderError where it is too large for one."""
    with file.open("rb") as opened:
        data = opened.read(CONSENT_BYTES_MAX + 1)
    if len(data) > CONSENT_BYTES_MAX:
        raise OrderError(f"{file} is larger than any order", "name the file with the consent")
    return data


def _say(order: ConsentOrder, zone: tzinfo) -> None:
    for said in words_of(order, zone):
        click.echo(clean(said))


def _listed(reply: ConsentsReply) -> Iterator[str]:
    if not reply.clock_trusted:
        yield "the clock is not trusted: none of these holds until it is"
    for one in reply.consents:
        yield _line(one, reply.timezone)
    if not reply.consents:
        yield "no consent is in force"


def _line(one: ConsentShown, timezone: str) -> str:
    """`1001 until 2026-11-22 18:00:00.000+01:00: a burst pipe; signed by …; journal 42`."""
    until = local(one.until_utc_us, zone_named(timezone))
    reason = f": {one.reason}" if one.reason else ""
    by = f"; signed by {one.signed_by}, given by {one.given_by}" if one.signed_by else ""
    where = f" into {', '.join(one.zones)}" if one.zones else ""
    who = one.person or f"holder {one.holder}"
    party = f" and {one.party} with him" if one.party else ""
    return f"{who}{party}{where} until {until}{reason}{by}; journal {one.seq}"
