"""`sentrypost device scan`"""

import sys
from pathlib import Path

import click
import msgspec

from drivers.api import LinkLostError
from drivers.osdp.config import BAUDS
from drivers.osdp.frame import ADDRESS_MAX
from drivers.osdp.scan import ADDRESSES, USUAL_FIRST, Found, Garbled, scan
from edge.commands.common import coloured, json_option, painted
from edge.failed import Failed
from edge.present import Line, clean
from edge.tone import Tone


@click.command("scan")
@click.argument("port", type=click.Path(path_type=Path))
@click.option(
    "--baud",
    "bauds",
    type=click.Choice([str(baud) for baud in BAUDS]),
    multiple=True,
    help="Only at this speed; can be given several times.",
)
@click.option(
    "--address",
    "addresses",
    type=click.IntRange(0, ADDRESS_MAX),
    multiple=True,
    help="Only this address; can be given several times.",
)
@json_option
def scan_(port: Path, bauds: tuple[str, ...], addresses: tuple[int, ...], as_json: bool) -> None:
    """Find the OSDP readers on PORT: who answers at which address and speed, and what it can.

    Each is asked who it is and what it can, which changes nothing in it. Nobody else may use the
    port meanwhile: stop the edge whose line it is. All speeds and addresses take some minutes.
    With --json one line holds one reader.
    """
    speeds = tuple(int(baud) for baud in bauds) or USUAL_FIRST
    count = 0
    try:
        for found in scan(str(port), speeds, addresses or ADDRESSES, _progress):
            _clear()
            count += isinstance(found, Found)
            click.echo(
                msgspec.json.encode(found) if as_json else painted(_line(found)), color=coloured()
            )
    except LinkLostError as error:
        said, _, remedy = str(error).partition("; ")
        raise Failed(clean(said), clean(remedy) or "`sentrypost doctor` looks at ports") from error
    finally:
        _clear()
    if not count:
        raise Failed(
            f"nobody answers on {port}",
            "look at power, at A and B (change them round), at ground and at the end resistors; "
            "a reader that is set to another protocol answers nothing",
        )


def _line(found: Found | Garbled) -> Line:
    if isinstance(found, Garbled):
        said = f"at {found.baud} baud something is heard that is no reply: try it alone on the line"
        return Line(Tone.NOTICE, said)
    parts = [found.identity or "refuses to say who it is"]
    if found.secure is not None:
        has = {"light": found.light, "sounder": found.sounder, "display": found.display}
        parts += [f"{found.inputs} inputs", f"{found.outputs} outputs"]
        parts += [what for what, there in has.items() if there]
        parts.append("Secure Channel" if found.secure else "NO SECURE CHANNEL: it cannot be used")
    if found.default_key:
        parts.append("with the published key: pair it")
    tone = Tone.FAULT if found.secure is False else Tone.PLAIN
    return Line(tone, clean(f"{found.baud} baud, address {found.address}: {', '.join(parts)}"))


def _progress(baud: int, address: int) -> None:
    """On a terminal only, and on standard error: what is piped stays clean."""
    if sys.stderr.isatty():
        click.echo(f"\r{baud} baud, address {address} …\x1b[K", nl=False, err=True)


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
