"""`sentrypost central …`"""

import json
import re
import time
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from central.commands_alarm import alarm
from central.commands_common import archive_option, kept_days, opened
from central.commands_doctor import doctor
from central.commands_incident import incident
from central.commands_operator import operator
from central.commands_order import order
from central.commands_search import counts, search
from central.commands_verify import verify
from central.control_commands import distribute, edges, state_beside
from central.web.command import web
from edge.commands.common import json_option
from edge.failed import Failed

if TYPE_CHECKING:
    from central.witness_key import WitnessKey
    from drivers.mqtt_link import LinkSettings
    from edge.signatures import SigningKey
    from edge.tls import TlsFiles

PASSWORD_BYTES_MAX = 4096


@click.group()
def central() -> None:
    """The archive of every edge's journal, and what the edges are given."""


for apart in (
    search,
    counts,
    verify,
    doctor,
    incident,
    distribute,
    edges,
    order,
    alarm,
    operator,
    web,
):
    central.add_command(apart)


@central.command()
@click.option(
    "--broker",
    "brokers",
    required=True,
    multiple=True,
    metavar="HOST[:PORT]",
    help="Where the MQTT broker is; once for each node of one that has several.",
)
@click.option(
    "--archive",
    required=True,
    metavar="FILE|postgresql://…",
    help="The archive: a SQLite file or a PostgreSQL database; made where it is missing.",
)
@click.option(
    "--mqtt",
    type=click.Choice(["3.1.1", "5"]),
    default="3.1.1",
    show_default=True,
    help="The version that is spoken with it; the edges may speak the other one.",
)
@click.option("--username", help="Who central is at the broker.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that holds the password alone.",
)
@click.option(
    "--ca",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The authority's certificate: TLS to the broker; --certificate goes with it.",
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Central's own, with its key, as `sentrypost pki central` makes it.",
)
@click.option(
    "--key",
    "certificate_key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The certificate's key, where it is in a file apart.",
)
@click.option(
    "--witness-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A private key: cosign the size of every journal with it.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="CLASS=DAYS",
    help="For how many days entries of a class (passages, alarms, people, system) are kept; once"
    " for each. Otherwise for good.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the control socket; otherwise beside the archive's file, or archive.state.",
)
@click.option(
    "--alarm-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help='A private key that the site files name with may = ["alarm"]: acknowledge at the wall.',
)
@click.option(
    "--pages",
    "addresses",
    multiple=True,
    metavar="SITE/EDGE=https://…",
    help="Where an edge's own pages are: the wall links to its pictures; once for each edge.",
)
@click.option(
    "--wall-name",
    "host",
    default="localhost",
    show_default=True,
    metavar="HOST",
    help="The host in the wall's address: operators' passkeys are bound to it for good.",
)
@click.option(
    "--wall-socket",
    type=click.Path(readable=False, path_type=Path),
    help="Where the wall's process asks, in a folder whose group alone reaches it; otherwise"
    " wall.sock in the state folder.",
)
@click.option(
    "--share",
    is_flag=True,
    help="Have a part of the work: others run with the same archive at the same broker.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def run(
    brokers: tuple[str, ...],
    archive: str,
    mqtt: str,
    username: str | None,
    password_file: Path | None,
    ca: Path | None,
    certificate: Path | None,
    certificate_key: Path | None,
    witness_key: Path | None,
    keep: tuple[str, ...],
    state: Path | None,
    alarm_key: Path | None,
    addresses: tuple[str, ...],
    host: str,
    wall_socket: Path | None,
    share: bool,
    as_json: bool,
) -> None:
    """Store what the edges send, acknowledge it, and print it, until SIGTERM or Ctrl-C.

    With a key of `sentrypost central key FILE --new` it is the witness of their journals: it
    remembers how large each was, and says so when one comes back smaller or changed. A broker that
    cannot be reached is reported and tried again for as long as it takes.
    """
    import asyncio

    from central.archive import ArchiveError
    from central.control_serving import WallSettings
    from central.service import serve

    witness = None if witness_key is None else _witness_key(witness_key)
    password = None if password_file is None else _password(password_file)
    tls = _tls(ca, certificate, certificate_key)
    settings = _settings(brokers, username, password, tls, is_mqtt5=mqtt == "5")
    wall = WallSettings(
        archive,
        host,
        _addresses(addresses),
        None if alarm_key is None else _key(alarm_key),
        wall_socket,
    )
    try:
        serving = serve(
            settings,
            archive,
            state or state_beside(archive),
            witness,
            tls,
            wall,
            days=kept_days(keep),
            share=share,
            as_json=as_json,
        )
        asyncio.run(serving)
    except ArchiveError as error:
        raise click.ClickException(str(error)) from error


@central.command()
@click.argument("site")
@click.argument("edge")
@archive_option
def forget(site: str, edge: str, archive: str) -> None:
    """Forget what the witness has cosigned of the journals of EDGE at SITE.

    For an edge whose key was lost or stolen, when it is known why: from here on the first key that
    is seen counts, and nobody remembers any more how large its journals were.
    """
    with opened(archive) as there:
        count = there.forget(site, edge)
    click.echo(f"forgotten: {count} journals of {site}/{edge}")


@central.command("key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--new", is_flag=True, help="Make the key first; FILE must not exist.")
@click.option("--rotate", is_flag=True, help="Put another key in its place first.")
@json_option
def key_(file: Path, new: bool, rotate: bool, as_json: bool) -> None:
    """Print what edges have to know of the witness whose private key is in FILE.

    It goes into their site files, as `witness` in `[broker]`. Whoever has FILE can speak for the
    witness: it belongs where central runs, and nowhere else.

    After `--rotate` start central anew. Each edge goes over to the new key by itself when it is
    spoken to next, because the old one has signed that; FILE.former keeps it, beside FILE. What the
    old key has cosigned holds still. A power cut leaves the old key, or the new one.
    """
    from central.witness_key import WitnessKey
    from edge.key_files import KeyFileError
    from edge.signing_keys import make_signing_key

    if new and rotate:
        raise click.UsageError("--new makes the first key, --rotate another one: give one of them")
    try:
        if rotate:
            found = _rotated(file)
        else:
            found = WitnessKey(make_signing_key(file)) if new else _witness_key(file)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None
    click.echo(_shown(found, as_json=as_json))
    if rotate:
        click.echo("another key: start central anew, and the edges follow", err=True)


def _rotated(file: Path) -> "WitnessKey":
    """Raises KeyFileError."""
    from central.witness_key import load_witness_key, rotate_witness_key
    from edge.commands.common import passphrase

    typed = [""]

    def ask() -> str:
        typed.append(passphrase(file.name))
        return typed[-1]

    load_witness_key(file, ask)
    return rotate_witness_key(file, typed[-1], int(time.time()))


def _shown(found: "WitnessKey", *, as_json: bool) -> str:
    from central.witness import Witness
    from edge.present import local
    from edge.signatures import key_id

    key = Witness(found.key, int).key.text
    if not as_json:
        return key
    former = [
        {
            "id": key_id(step.former.public),
            "key": step.former.text,
            "until": local(step.utc_s * 1_000_000, UTC, sep="T"),
        }
        for step in reversed(found.successions)
    ]
    return json.dumps({"id": found.key.id, "key": key, "former": former})


def _witness_key(file: Path) -> "WitnessKey":
    from central.witness_key import load_witness_key
    from edge.commands.common import passphrase
    from edge.key_files import KeyFileError

    try:
        return load_witness_key(file, lambda: passphrase(file.name))
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None


def _key(file: Path) -> "SigningKey":
    from edge.commands.common import passphrase
    from edge.key_files import KeyFileError
    from edge.signing_keys import load_signing_key

    try:
        return load_signing_key(file, lambda: passphrase(file.name))
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None


def _addresses(given: tuple[str, ...]) -> dict[tuple[str, str], str]:
    found = {}
    for one in given:
        match = re.fullmatch(r"([a-z0-9_-]+)/([a-z0-9_-]+)=(\S+)", one)
        if match is None or not _fetchable(match[3]):
            raise click.BadParameter(
                f"{one}: write SITE/EDGE=https://…; http is for localhost alone",
                param_hint="--pages",
            )
        found[match[1], match[2]] = match[3].rstrip("/")
    return found


def _fetchable(address: str) -> bool:
    """Whether a browser fetches pictures from there without anybody reading along."""
    from urllib.parse import urlsplit

    from central.wall_messages import ADDRESS_CHARS_MAX

    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme, host) == ("http", "localhost")
    return secure and bool(host) and len(address) <= ADDRESS_CHARS_MAX


def _password(file: Path) -> str:
    import shlex

    from edge.secret_file import NotAFileError, OpenToOthersError, read_secret

    try:
        return read_secret(file, PASSWORD_BYTES_MAX).decode().strip()
    except OpenToOthersError:
        remedy = f"close it with: chmod 600 {shlex.quote(str(file))}"
        raise Failed(f"others on this machine can read or change {file}", remedy) from None
    except (OSError, NotAFileError, UnicodeDecodeError) as error:
        raise Failed(f"{file} cannot be read: {error}", "name a file of text") from error


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> "TlsFiles | None":
    from central.certificates import files_of
    from edge.tls import TlsError

    try:
        return files_of(ca, certificate, key)
    except TlsError as error:
        raise click.ClickException(str(error)) from None


def _settings(
    brokers: tuple[str, ...],
    username: str | None,
    password: str | None,
    tls: "TlsFiles | None",
    *,
    is_mqtt5: bool,
) -> "LinkSettings":
    from functools import partial
    from secrets import token_hex

    from drivers.mqtt_address import AddressError, broker_address
    from drivers.mqtt_link import LinkSettings
    from edge.tls import context

    try:
        first, *others = map(broker_address, brokers)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--broker") from None
    return LinkSettings(
        host=first.host,
        port=first.port,
        others=tuple(others),
        client_id=f"sentrypost-central-{token_hex(4)}",
        username=username,
        password=password,
        tls=None if tls is None else partial(context, tls),
        is_mqtt5=is_mqtt5,
    )
