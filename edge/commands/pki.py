"""`sentrypost pki`"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.common import Failed, config_option, failed_by, json_option, passphrase

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from edge.pki.authority import Authority, Issued
    from edge.pki.names import Subject

LIFE_DAYS = 365
LIFE_DAYS_MAX = 1_095

folder_option = click.option(
    "--authority",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="pki",
    show_default=True,
    help="The authority's folder.",
)
out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to.  [default: NAME.pem]",
)
days_option = click.option(
    "--days",
    type=click.IntRange(1, LIFE_DAYS_MAX),
    default=LIFE_DAYS,
    show_default=True,
    help="How long it lasts.",
)


@click.group()
def pki() -> None:
    """Who may speak to the site's broker: a private authority for its certificates.

    A certificate that has ended stops the way to the archive, and no door.
    """


@pki.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--site", required=True, help="Whose machines it will vouch for.")
@click.option("--passphrase", "closed", is_flag=True, help="Ask for one, to close its key with.")
def init(folder: Path, site: str, closed: bool) -> None:
    """Make the authority of a site in FOLDER.

    Whoever has the folder, and its passphrase, can pass for any machine of the site: keep it off
    the network, with a copy in a safe.
    """
    from edge.pki.authority import CERTIFICATE, Authority
    from edge.pki.certificates import now_utc
    from edge.pki.names import Role, subject

    chosen = ""
    with _failing():
        subject(site, Role.BROKER)
        if closed:
            chosen = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
        made = Authority.create(folder, site, chosen.encode(), now_utc())
    until = _until(made.certificate)
    click.echo(f"{folder}: the authority of {site}, {until}; keep it off the network", err=True)
    public = folder / CERTIFICATE
    click.echo(f"{public}: for the broker, every edge and central; no secret", err=True)


@pki.command()
@click.argument("name")
@folder_option
@out_option
@days_option
def edge(name: str, folder: Path, out: Path | None, days: int) -> None:
    """Make key and certificate of the edge NAME, as its site file calls it."""
    _issue(folder, "edge", name, out, days)


@pki.command()
@click.argument("name", required=False, default="")
@folder_option
@out_option
@days_option
def central(name: str, folder: Path, out: Path | None, days: int) -> None:
    """Make key and certificate of central. NAME tells a second one from the first."""
    _issue(folder, "central", name, out, days)


@pki.command()
@click.argument("name")
@folder_option
@out_option
@days_option
def monitor(name: str, folder: Path, out: Path | None, days: int) -> None:
    """Make key and certificate of somebody who looks on: live events and states, no names."""
    _issue(folder, "monitor", name, out, days)


@pki.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@folder_option
@out_option
@days_option
def broker(hosts: tuple[str, ...], folder: Path, out: Path | None, days: int) -> None:
    """Make key and certificate of the broker, for every name and address that it is called by."""
    _issue(folder, "broker", "", out, days, hosts)


@pki.command("list")
@folder_option
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """Show what was issued, in which state it is, and for how many days it holds."""
    import json

    from edge.pki.certificates import common_name, now_utc, renewal_due

    with _failing():
        authority = _opened(folder)
        now = now_utc()
        found = authority.issued(now)
    own = authority.certificate
    if as_json:
        listed = [
            {
                "name": one.subject.name,
                "role": one.subject.role,
                "common_name": one.subject.common_name,
                "state": one.state,
                "serial": one.serial,
                "from": one.certificate.not_valid_before_utc.isoformat(),
                "until": one.certificate.not_valid_after_utc.isoformat(),
                "renew_from": renewal_due(one.certificate).isoformat(),
                "days_left": _days_left(one, now),
                "revoked": None if one.revoked_on is None else one.revoked_on.isoformat(),
            }
            for one in found
        ]
        until = own.not_valid_after_utc.isoformat()
        authority_said = {"site": authority.site, "name": common_name(own), "until": until}
        click.echo(json.dumps({"authority": authority_said, "certificates": listed}))
        return
    click.echo(f"authority of {authority.site}, until {own.not_valid_after_utc.date()}")
    rows = [
        (one.subject.name, one.state.upper() if one.state != "valid" else "valid", _said(one, now))
        for one in found
    ]
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, state, said in rows:
        click.echo(f"  {name.ljust(width)}  {state.ljust(8)}  {said}")
    if not rows:
        click.echo("no certificate yet")


@pki.command()
@click.argument("name")
@folder_option
def revoke(name: str, folder: Path) -> None:
    """Let the broker take no certificate of NAME any more, as `pki list` calls it."""
    from edge.pki.authority import REVOKED
    from edge.pki.certificates import now_utc

    with _failing():
        authority = _opened(folder)
        now = now_utc()
        found = [one for one in authority.issued(now) if one.subject.name == name and one.holds]
        if not found:
            raise Failed(f"no certificate of {name} holds", "see `sentrypost pki list`")
        authority.revoke(found, passphrase, now)
    click.echo(f"revoked: {len(found)} of {authority.site}/{name}")
    click.echo(
        f"copy {folder / REVOKED} to the broker and restart that: until then what stands stays",
        err=True,
    )


@pki.command()
@click.argument("name")
@folder_option
@out_option
@days_option
@click.option("--same-key", is_flag=True, help="For the key that is there; the file holds none.")
@click.option("--early", is_flag=True, help="Before two thirds of the life of the present one.")
def renew(
    name: str, folder: Path, out: Path | None, days: int, same_key: bool, early: bool
) -> None:
    """Make another certificate of NAME, as `pki list` calls it, from two thirds of its life on.

    With a new key, or for the same one: then the file is no secret. `sentrypost pki install` puts
    it in the place of the old one. That holds on to its end unless it is revoked.
    """
    from edge.pki import certificates
    from edge.pki.bundle import Bundle, assure_place, put_bundle
    from edge.pki.names import Subject

    with _failing():
        authority = _opened(folder)
        now = certificates.now_utc()
        present = authority.newest(Subject(authority.site, name), now)
        if present is None:
            raise Failed(f"no certificate of {name} is on file", "see `sentrypost pki list`")
        due = certificates.renewal_due(present.certificate)
        if now < due and not early:
            raise Failed(f"{name} is not due before {due.date()}", "come back then, or say --early")
        file = out or _file(present.subject)
        assure_place(file, present.subject.common_name)
        old = present.certificate
        key = None if same_key else certificates.new_key()
        public = certificates.public_of(old) if key is None else key.public_key()
        hosts = certificates.hosts_of(old)
        made = authority.issue(present.subject, public, passphrase, now, days, hosts)
        put_bundle(file, Bundle(made, key))
    click.echo(f"{file}: {present.subject.common_name}, {_until(made)}", err=True)
    click.echo("carry it there, then: sentrypost pki install " + file.name, err=True)


@pki.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@click.option(
    "--over",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that is renewed, where it is not this edge's.",
)
@click.option(
    "--ca",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The authority's certificate, with --over.",
)
def install(file: Path, config: Path, over: Path | None, ca: Path | None) -> None:
    """Put the renewed certificate in FILE in the place of the one in use.

    At an edge the site file says which that is. It is taken with the next connection, without a
    restart. A power cut leaves the old one or the new one.
    """
    from cryptography import x509

    from edge.pki.bundle import put_bundle, read_bundle, renewed

    if (over is None) != (ca is None):
        raise click.UsageError("--over and --ca go together")
    if over is None or ca is None:
        over, ca = _of_edge(config)
    with _failing():
        try:
            issuers = tuple(x509.load_pem_x509_certificates(ca.read_bytes()))
        except (OSError, ValueError):
            remedy = "carry ca.pem of the authority there"
            raise Failed(f"{ca} holds no certificate", remedy) from None
        made = renewed(read_bundle(over), read_bundle(file), issuers)
        put_bundle(over, made)
    click.echo(f"{over}: {_until(made.certificate)}; delete {file}", err=True)


@pki.command()
@folder_option
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write; on the broker's machine it lies under the same name.",
)
@click.option("--address", default="", help="To listen on.  [default: every one]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8883,
    show_default=True,
    help="To listen on.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default="/var/lib/mosquitto",
    show_default=True,
    help="Where Mosquitto keeps its sessions.",
)
def mosquitto(folder: Path, out: Path, address: str, port: int, data: Path) -> None:
    """Write a Mosquitto configuration: certificates only, and each its own topics.

    Again after `revoke`, `central` and `monitor`; a new edge needs nothing. `pki broker` puts
    broker.pem beside.
    """
    from edge.pki import mosquitto as files
    from edge.pki.authority import CERTIFICATE, PUBLIC, REVOKED
    from edge.pki.certificates import now_utc
    from edge.secret_file import replace_file

    with _failing():
        authority = _opened(folder)
        others = [one.subject for one in authority.issued(now_utc()) if one.holds]
        written = {
            files.CONFIGURATION: files.configuration(out.resolve(), data, address, port),
            files.ACCESS: files.access(authority.site, others),
            CERTIFICATE: (folder / CERTIFICATE).read_text(),
            REVOKED: (folder / REVOKED).read_text(),
        }
        out.mkdir(mode=0o750, parents=True, exist_ok=True)
        for name, content in written.items():
            replace_file(out / name, content.encode(), PUBLIC)
    click.echo(f"{out}: {', '.join(written)}", err=True)
    if not (out / files.IDENTITY).exists():
        click.echo(f"missing: sentrypost pki broker HOST --out {out / files.IDENTITY}", err=True)
    click.echo("let Mosquitto's account read the folder, then (re)start it", err=True)


def _issue(
    folder: Path,
    role: str,
    name: str,
    out: Path | None,
    days: int,
    hosts: tuple[str, ...] = (),
) -> None:
    from edge.pki import certificates
    from edge.pki.bundle import Bundle, assure_place, put_bundle
    from edge.pki.names import Role, subject

    with _failing():
        authority = _opened(folder)
        now = certificates.now_utc()
        who = subject(authority.site, Role(role), name)
        names = certificates.host_names(hosts)
        present = authority.newest(who, now)
        if present is not None and present.holds:
            raise Failed(
                f"{who.name} has a certificate, {_until(present.certificate)}",
                f"renew it: sentrypost pki renew {who.name}; or revoke it first",
            )
        file = out or _file(who)
        assure_place(file, who.common_name)
        key = certificates.new_key()
        made = authority.issue(who, key.public_key(), passphrase, now, days, names)
        put_bundle(file, Bundle(made, key))
    click.echo(f"{file}: key and certificate of {who.common_name}, {_until(made)}", err=True)
    if role == "edge":
        click.echo("for its site file, with ca.pem beside it:", err=True)
        click.echo(f'[broker]\nport = 8883\nca = "ca.pem"\ncertificate = "{file.name}"')


def _opened(folder: Path) -> "Authority":
    from edge.pki.authority import Authority

    return Authority.open(folder)


@contextmanager
def _failing() -> Iterator[None]:
    from edge.key_files import KeyFileError
    from edge.pki.authority import PkiError
    from edge.pki.certificates import HostError
    from edge.pki.names import SubjectError

    try:
        yield
    except (PkiError, KeyFileError) as error:
        raise failed_by(error) from error
    except (SubjectError, HostError) as error:
        raise Failed(str(error), "choose another name") from error
    except OSError as error:
        raise Failed(str(error), "choose a folder that you may write to") from error


def _file(subject: "Subject") -> Path:
    return Path(f"{subject.name.removeprefix('_')}.pem")


def _until(made: "Certificate") -> str:
    return f"until {made.not_valid_after_utc.date()}"


def _days_left(one: "Issued", now: "datetime") -> int:
    return (one.certificate.not_valid_after_utc - now).days


def _said(one: "Issued", now: "datetime") -> str:
    from edge.pki.certificates import renewal_due

    if one.revoked_on is not None:
        return f"since {one.revoked_on.date()}"
    until = one.certificate.not_valid_after_utc.date()
    if one.state == "expired":
        return f"since {until}"
    said = f"until {until}, {_days_left(one, now)} days left"
    if one.state != "valid":
        return said
    return f"{said}, renew from {renewal_due(one.certificate).date()}"


def _of_edge(config: Path) -> tuple[Path, Path]:
    from edge.commands.check import loaded

    tls = loaded(config).tls
    if tls is None:
        raise Failed(f"{config} names no certificate in [broker]", "give --over and --ca")
    if tls.key is not None:
        raise Failed(
            f"{config} names a key of its own in [broker]",
            "the certificate alone is renewed there: put the new one in its place yourself",
        )
    return tls.certificate, tls.ca
