"""`sentrypost picture`: pictures and clips that are kept of cameras."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import (
    Failed,
    Row,
    config_option,
    failed_by,
    json_option,
    painted,
    table,
    zone_named,
)
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages_pictures import (
    ExportPictureReply,
    FramePart,
    PictureShown,
    PicturesReply,
    ReadPictures,
    VerifyPicturesReply,
)
from edge.control.place import JOURNAL
from edge.journal import JournalError
from edge.people import PeopleError
from edge.picture_export import Exported, ExportError, write_frames
from edge.pictures.errors import PicturesError
from edge.present import clean, local
from edge.tone import Tone

if TYPE_CHECKING:
    from edge.config import Config

TROUBLES = (ControlClientError, JournalError, PeopleError, PicturesError, ExportError)

KIB = 1024

UTC_US_MAX = 2**53 - 1
"""As `controller.moment.Micros` has it: a later moment has no pictures anyway."""


@click.group()
def picture() -> None:
    """Pictures beside decisions, and clips of alarms, as the policy wants them kept."""


@picture.command("list")
@click.option("--portal", default="", help="Of this portal alone.")
@click.option("--since", help="From when on, as 2026-11-22T09:00 on the site's wall.")
@click.option("--about", type=click.IntRange(min=1), help="Of this entry of the journal alone.")
@config_option
@json_option
def listed(portal: str, since: str | None, about: int | None, config: Path, as_json: bool) -> None:
    """What is kept, with the entry that has its hash. Nothing is opened by it."""
    site = loaded(config)
    asked = ReadPictures(portal=portal, since_us=_utc_us(site, since), about=about or 0)
    try:
        reply = _all_pages(site, asked)
    except TROUBLES as error:
        raise failed_by(error) from None
    if reply.reason:
        raise Failed(clean(reply.reason), reply.remedy)
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    zone = zone_named(reply.timezone)
    for line in table("pictures", [_row(one, zone) for one in reply.pictures]):
        click.echo(painted(line))
    click.echo(f"{reply.total} kept, {-(-reply.total_bytes // KIB)} KiB")


def _utc_us(site: "Config", since: str | None) -> int:
    from edge.commands.policy_asking import utc_of

    if since is None:
        return 0
    return max(0, min(int(utc_of(since, site.policy) * 1e6), UTC_US_MAX))


def _all_pages(site: "Config", asked: ReadPictures) -> PicturesReply:
    found: tuple[PictureShown, ...] = ()
    try:
        with Client(site.state) as daemon:
            while True:
                reply = daemon.pictures(asked)
                found += reply.pictures
                if not (reply.more and reply.pictures):
                    return msgspec.structs.replace(reply, pictures=found, more=False)
                asked = msgspec.structs.replace(asked, after=reply.pictures[-1].seq)
    except NoDaemonError:
        from edge.picture_closed import listed_closed

        return listed_closed(site, asked)


def _row(one: PictureShown, zone: tzinfo) -> Row:
    about = ", ".join(f"#{seq}" for seq in one.about)
    frames = f"{one.count} frames" if one.count > 1 else ""
    cells = (
        f"#{one.seq}",
        local(one.from_us, zone),
        one.portal,
        one.camera,
        one.what,
        f"for {about}",
        f"{-(-one.sealed_bytes // KIB)} KiB",
        frames,
    )
    return Tone.PLAIN, cells


@picture.command()
@click.argument("seq", type=click.IntRange(min=1))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", default="", help="What for. It stands in the log for good.")
@config_option
@json_option
def export(seq: int, file: Path, reason: str, config: Path, as_json: bool) -> None:
    """Write picture SEQ into FILE, or a clip's frames into a new folder FILE.

    SEQ is the entry that has its hash, as `picture list` shows it, or the decision or alarm that it
    is about. It is recorded who asked for it, and why, before anything is given. Frames are written
    as the camera's process made them, masks included; a clip's names have the time of each.
    """
    site = loaded(config)
    if file.exists():
        raise Failed(f"{file}: there is something already", "choose another name")
    try:
        try:
            with Client(site.state) as daemon:
                done = write_frames(file, daemon.export_picture(seq, reason))
        except NoDaemonError:
            done = asyncio.run(_export_closed(site, seq, reason, file))
    except TROUBLES as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(clean(_said(done)))


async def _export_closed(site: "Config", seq: int, reason: str, file: Path) -> Exported:
    from edge.commands.person_sets import made_here
    from edge.picture_closed import exported_closed

    given = exported_closed(site, seq, reason, made_here(site.edge))
    parts: list[FramePart | ExportPictureReply] = [part async for part in given]
    return write_frames(file, iter(parts))


def _said(done: Exported) -> str:
    what = f"{done.picture.what} of {done.picture.camera}"
    frames = f", {done.frames} frames" if done.frames > 1 else ""
    return f"{done.file}: {what}{frames}; who asked is entry {done.recorded}"


@picture.command()
@config_option
@json_option
def verify(config: Path, as_json: bool) -> None:
    """Is every file what the journal says of it? Nothing is opened by it.

    Each file is read whole and its hash compared with the entry's. What is missing, was changed, is
    erased and still there, or lies there unknown, is told with the entry that it is about.
    """
    site = loaded(config)
    try:
        reply = _verified(site)
    except TROUBLES as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(reply))
    elif not reply.reason:
        for line in _findings(reply):
            click.echo(line)
    if reply.reason:
        raise Failed(clean(reply.reason), reply.remedy)
    if reply.findings:
        raise Failed(
            f"{len(reply.findings)} findings", "keep the folder as evidence; look for a backup"
        )


def _verified(site: "Config") -> VerifyPicturesReply:
    try:
        with Client(site.state) as daemon:
            return daemon.verify_pictures(_progress)
    except NoDaemonError:
        from edge.control.closed import opened_closed
        from edge.picture_closed import verified_closed

        with opened_closed(site.state / JOURNAL) as journal:
            return verified_closed(site, journal, _progress)


def _progress(done: int, total: int) -> None:
    """On a terminal, on standard error."""
    if sys.stderr.isatty() and total:
        click.echo(f"\r{done} of {total} entries", nl=done == total, err=True)


def _findings(reply: VerifyPicturesReply) -> Iterator[str]:
    for one in reply.findings:
        yield clean(f"{'-' if not one.seq else f'#{one.seq}'}: {one.what}")
    yield f"{reply.sound} are as the journal says, {reply.erased} are erased and on record as that"
    if reply.unproven:
        yield f"{reply.unproven} are older than what is left of the journal: ask the archive"
