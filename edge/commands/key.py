"""`sentrypost key`"""

import json
from pathlib import Path

import click

from edge.commands.common import config_option, failed_by, json_option, made_key
from edge.failed import Failed

USES = ("people", "policy", "order", "consent", "raise", "alarm")


@click.group()
def key() -> None:
    """Keys with which people sign what acts at a site."""


@key.command()
@click.argument("name")
@click.option("--person", help="Whose key it is.  [default: NAME]")
@click.option(
    "--may",
    type=click.Choice(USES),
    multiple=True,
    required=True,
    help="What it may sign; can be given several times.",
)
@click.option("--passphrase", is_flag=True, help="Ask for one, without which the key is no use.")
def new(name: str, person: str | None, may: tuple[str, ...], passphrase: bool) -> None:
    """Make a key: the private half goes into NAME.key, the entry for the site file is printed.

    Whoever has NAME.key and its passphrase signs as that person. It belongs on a stick in a safe
    and not on the edge.
    """
    from edge.signatures import public_text
    from edge.signing_keys import make_signing_key

    path, made = made_key(name, make_signing_key, closed=passphrase)
    click.echo(f"{path}: the private key; keep it closed", err=True)
    click.echo("for the site file of every edge:", err=True)
    click.echo(f"[key.{name}]")
    click.echo(f"person = {_text(person or name)}")
    click.echo(f"public = {_text(public_text(made.public))}")
    click.echo(f"may    = [{', '.join(_text(use) for use in dict.fromkeys(may))}]")


@key.command()
@click.argument("name")
@click.option("--person", help="Whose key it is.  [default: NAME]")
@config_option
def fido2(name: str, person: str | None, config: Path) -> None:
    """Enrol the security key that is plugged in, to sign orders; print its entry for the site file.

    It asks for its PIN or a finger then and whenever it signs. Nothing secret leaves it.
    """
    from edge.commands.check import loaded
    from edge.commands.security_key import credential_here
    from edge.security_keys import SecurityKeyError
    from policies.document import valid_id

    if not valid_id(name):
        raise Failed(f"'{name}' cannot be a key's name", "use 1 to 64 of a-z, 0-9, '-' and '_'")
    try:
        text = credential_here(loaded(config).site, person or name)
    except SecurityKeyError as error:
        raise failed_by(error) from None
    click.echo("for the site file of every edge:", err=True)
    click.echo(f"[key.{name}]")
    click.echo(f"person = {_text(person or name)}")
    click.echo(f"fido2  = {_text(text)}")
    click.echo('may    = ["order"]')


@key.command()
@config_option
@click.option("--next", "following", is_flag=True, help="Of the key that is to follow; made first.")
@click.option("--rotate", is_flag=True, help="That key takes the place of the present one first.")
def edge(config: Path, following: bool, rotate: bool) -> None:
    """Print the entry by which other edges believe what this edge's key switches order.

    The private half lies in the state folder; the first start of the edge makes it.

    Another key in its place: put the entry of `--next` into the other site files beside the present
    one, and start those edges; then `--rotate`, and start this one. Take the old entry out last.
    """
    from edge.commands.check import loaded
    from edge.key_files import KeyFileError
    from edge.order_key import KEY_FILE, next_order_key, rotate_order_key
    from edge.signatures import public_text
    from edge.signing_keys import load_signing_key

    if following and rotate:
        raise click.UsageError("--next comes before --rotate: give one of them")
    site = loaded(config)
    file = site.state / KEY_FILE
    if not file.exists():
        raise Failed(f"{file}: there is no such key yet", "start the edge once: it makes its key")
    try:
        if rotate:
            rotate_order_key(site.state)
        own = next_order_key(site.state) if following else load_signing_key(file, str)
    except KeyFileError as error:
        raise failed_by(error) from None
    if rotate:
        click.echo("start this edge: it signs with another key from there on", err=True)
    click.echo("for the site file of every other edge:", err=True)
    click.echo(f"[key.{site.edge}-next]" if following else f"[key.{site.edge}]")
    click.echo(f"person = {_text(f'edge {site.edge}')}")
    click.echo(f"public = {_text(public_text(own.public))}")
    click.echo('may    = ["raise"]')


@key.command()
@config_option
@json_option
def show(config: Path, as_json: bool) -> None:
    """Show whose signatures count at the site; entries of the journal name keys by their ids."""
    from edge.commands.check import loaded

    keys = loaded(config).keys
    if as_json:
        found = [
            {
                "name": one.name,
                "id": one.id,
                "person": one.person,
                "kind": one.kind,
                "may": sorted(one.may),
            }
            for one in keys
        ]
        click.echo(json.dumps(found))
        return
    for one in keys:
        uses = ", ".join(sorted(one.may))
        click.echo(f"{one.name}: {one.person}, {one.kind}, may sign {uses}, id {one.id}")
    if not keys:
        click.echo("no key: nothing that needs a signature is taken here")


def _text(value: str) -> str:
    """A basic string of TOML, which escapes as JSON does."""
    return json.dumps(value, ensure_ascii=False)
