"""The security key at this machine, as the commands use it."""

from typing import TYPE_CHECKING

import click

from edge.fido2_assertions import key_text
from edge.security_keys import SecurityKeyError, assertion, enrolled, the_key
from edge.signatures import KeyKind, pae, taken_apart
from edge.signed_orders import with_assertion

if TYPE_CHECKING:
    from edge.config import Config


class AtTerminal:
    """Asks on the terminal."""

    def touch(self) -> None:
        click.echo("the security key waits: touch it", err=True)

    def pin(self) -> str:
        asked: str = click.prompt("PIN of the security key", hide_input=True, err=True)
        return asked


def credential_here(site: str, person: str) -> str:
    """A new credential, as the site file has it. Raises SecurityKeyError."""
    with the_key() as device:
        return key_text(enrolled(device, site, person, AtTerminal()))


def signed_here(envelope: bytes, site: "Config") -> tuple[bytes, str]:
    """The envelope with a signature of the key that is plugged in, and the key's id.

    Raises SecurityKeyError, SignatureError.
    """
    parts = taken_apart(envelope)
    credentials = [key.credential for key in site.keys if key.kind is KeyKind.FIDO2]
    if not credentials:
        raise SecurityKeyError(
            "the site file knows no security key",
            "`sentrypost key fido2` enrols one; its entry goes into the site file",
        )
    with the_key() as device:
        message = pae(parts.payload_type, parts.payload)
        signature = assertion(device, site.site, message, credentials, AtTerminal())
    both, key = with_assertion(envelope, signature, site.keys, site.site)
    return both, key.id
