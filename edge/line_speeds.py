"""At which speed a line is, where a person has changed it: what a power cut must not take.

The site file says at which speed a line was when it was written. A change is kept beside it, in the
state folder, with what the site file said then: who edits it since has the last word.
"""

import logging
from pathlib import Path

import msgspec

from edge.secret_file import (
    SECRET_MODE,
    NotAFileError,
    OpenToOthersError,
    read_secret,
    remove_durably,
    replace_file,
)

LINES = "lines"
"""The folder in the state folder that holds what is known of each line."""

BYTES_MAX = 4096

log = logging.getLogger(__name__)


class LineSpeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`written`: what the site file said. `other`: a change to that speed is under way."""

    written: int
    baud: int
    other: int | None = None


def speed_of(state: Path, line: str, written: int) -> LineSpeed:
    """At which speed the line is; what the site file says, where nothing else is known."""
    plain = LineSpeed(written, written)
    try:
        kept = msgspec.json.decode(read_secret(_file(state, line), BYTES_MAX), type=LineSpeed)
    except FileNotFoundError:
        return plain
    except (OSError, NotAFileError, OpenToOthersError, msgspec.MsgspecError) as error:
        log.error("the speed of line %s cannot be read: %s", line, type(error).__name__)
        return plain
    return kept if kept.written == written else plain


def keep_speed(state: Path, line: str, speed: LineSpeed) -> None:
    """Keep it, or forget what is as the site file says. Raises OSError."""
    file = _file(state, line)
    if speed.baud == speed.written and speed.other is None:
        if file.exists():
            remove_durably(file)
        return
    file.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(file, msgspec.json.encode(speed), SECRET_MODE)


def _file(state: Path, line: str) -> Path:
    return state / LINES / f"{line}.json"
