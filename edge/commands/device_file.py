"""`sentrypost device send-file`"""

import sys
from pathlib import Path

import click
import msgspec

from drivers.api import FILE_BYTES_MAX
from edge.commands.common import Failed, connected, json_option, state_option
from edge.control.messages_devices import FileShown, ServiceReply
from edge.present import clean

KIND_MAX = 255


@click.command("send-file")
@click.argument("device")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--kind",
    type=click.IntRange(1, KIND_MAX),
    default=1,
    show_default=True,
    help="The maker's number for this kind of file.",
)
@json_option
@state_option
def send_file(device: str, file: Path, kind: int, as_json: bool, state: Path) -> None:
    """Send DEVICE a FILE: its maker's firmware or configuration.

    Badges are read and doors are opened meanwhile; Ctrl-C takes the file back. Whether it is the
    right file is for the device to judge: Sentrypost looks at nothing but its size. Recorded under
    your account's name, with the file's SHA-256. With --json one line tells how far it is, the last
    one what became of it.
    """
    if file.stat().st_size > FILE_BYTES_MAX:
        raise Failed(
            f"{file} is larger than the {FILE_BYTES_MAX} bytes that a device takes",
            "is it the right one?",
        )
    content = file.read_bytes()
    ended: ServiceReply | None = None
    with connected(state) as daemon:
        for reply in daemon.send_file(device, kind, content):
            if isinstance(reply, FileShown | ServiceReply) and as_json:
                click.echo(msgspec.json.encode(reply))
            elif isinstance(reply, FileShown):
                _progress(reply)
            if isinstance(reply, ServiceReply):
                ended = reply
    assert ended is not None, "the daemon always says what became of it"
    if not ended.accepted:
        raise Failed(clean(ended.reason), clean(ended.remedy))
    if not as_json:
        click.echo(f"{device}: {clean(ended.reason)}")


def _progress(shown: FileShown) -> None:
    """On a terminal one line that grows, elsewhere one for each tenth."""
    share = shown.sent * 100 // shown.total
    text = f"{share:3d} %  {shown.sent} of {shown.total} bytes"
    if sys.stderr.isatty():
        click.echo(f"\r{text}", nl=shown.sent == shown.total, err=True)
    elif share % 10 == 0:
        click.echo(text, err=True)
