"""A picture or clip that is given away, as files."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from controller.events_pictures import PictureKind
from edge.control.messages_pictures import ExportPictureReply, FramePart, PictureShown
from edge.secret_file import write_new_secret

FOLDER_MODE = 0o700


class ExportError(Exception):
    """Nothing is written; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(message)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written where. `recorded`: the entry that says who asked."""

    file: str
    frames: int
    picture: PictureShown
    recorded: int


def write_frames(file: Path, parts: Iterator[FramePart | ExportPictureReply]) -> Exported:
    """Whole and on disk when this returns, for nobody but their owner; nothing is there otherwise.
    A clip becomes a folder. Raises ExportError, and what `parts` raises.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.mkdir(mode=FOLDER_MODE)
        try:
            reply, count = _written(draft, parts)
            if reply.picture is None:
                raise ExportError(*_parted(reply))
            if count != reply.picture.count:
                raise ExportError(f"{count} of {reply.picture.count} frames came; ask again")
            if reply.picture.what is PictureKind.CLIP:
                draft.rename(file)
            else:
                (only,) = draft.iterdir()
                os.link(only, file)  # unlike a rename it never takes another file's place
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ExportError(
            f"{file} cannot be written: {error.strerror}", "choose another place"
        ) from error
    return Exported(file=str(file), frames=count, picture=reply.picture, recorded=reply.recorded)


def _parted(reply: ExportPictureReply) -> tuple[str, str]:
    message, _, rest = reply.reason.partition("; ")
    return message, reply.remedy or rest


def _written(
    folder: Path, parts: Iterator[FramePart | ExportPictureReply]
) -> tuple[ExportPictureReply, int]:
    count, data = 0, bytearray()
    for part in parts:
        if isinstance(part, ExportPictureReply):
            return part, count
        data += part.data
        if part.ends:
            count += 1
            write_new_secret(folder / _name(count, part.utc_us), bytes(data))
            data.clear()
    raise ExportError("the daemon ended before the last frame; ask again")


def _name(number: int, utc_us: int) -> str:
    """In order by name, and with the moment to the millisecond, as every file system takes it."""
    at = datetime.fromtimestamp(utc_us // 1_000_000, UTC)
    return f"{number:04d}-{at:%Y%m%dT%H%M%S}.{utc_us // 1_000 % 1_000:03d}Z.jpg"
