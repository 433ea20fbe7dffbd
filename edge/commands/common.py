"""What the commands share: where the site is, colours, and the way to a daemon or its files."""

import os
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from edge.control.client import Client, ControlClientError
from edge.control.messages_visits import VisitReply
from edge.control.place import PAGES_SOCKET
from edge.failed import FAILED, Failed, Misconfigured, failed_by
from edge.present import Line, clean
from edge.tone import Tone

SITE_FILE = Path("site.toml")
SIGNED_MODE = 0o644
"""Of a signed file: anybody may read what its signatures keep from being changed."""

SITE_FILE_KEY = "sentrypost.site_file"

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K")
R = TypeVar("R", bound=msgspec.Struct)

REFRESH_S = 1.0
"""What an eye can follow; each costs the daemon a millisecond."""

HOME_AND_CLEAR = "\x1b[H\x1b[2J"

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=SITE_FILE,
    show_default=True,
    help="The site file.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def state_option(command: F) -> F:
    """`--config` or `--state`, given to the command as `state`: the folder of journal and socket.

    Nothing but the folder's name is read off the site file: a mistake in it, while somebody is
    editing, must not keep anybody from asking the daemon that runs.
    """
    command = click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_state,
        help="The state folder, instead of the one that the site file names.",
    )(command)
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        default=SITE_FILE,
        show_default=True,
        expose_value=False,
        is_eager=True,
        callback=_note_site_file,
        help="The site file.",
    )(command)


def _note_site_file(context: click.Context, _: click.Parameter, given: Path) -> None:
    context.meta[SITE_FILE_KEY] = given


def _state(context: click.Context, _: click.Parameter, given: Path | None) -> Path:
    if given is not None:
        return given
    return state_named_in(context.meta[SITE_FILE_KEY])


def state_named_in(file: Path) -> Path:
    """The state folder that a site file names. Raises Misconfigured."""
    return _state_of(file, _content_of(file))


def pages_socket_named_in(file: Path) -> Path:
    """Where the edge of a site file lets the pages' process ask. Raises Misconfigured."""
    content = _content_of(file)
    pages = content.get("pages")
    named = pages.get("socket") if isinstance(pages, dict) else None
    if isinstance(named, str):
        return file.resolve().parent / named
    return _state_of(file, content) / PAGES_SOCKET


def _content_of(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(
            f"{file} cannot be read: {error.strerror}",
            "name the site file with --config, or the state folder with --state",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"{file}: {error}", "mend it, or name the state folder with --state"
        ) from error


def _state_of(file: Path, content: Mapping[str, Any]) -> Path:
    state = content.get("state")
    if not isinstance(state, str):
        raise Misconfigured(f"{file} names no state folder", 'write state = "…", or give --state')
    return file.resolve().parent / state


@contextmanager
def connected(state: Path) -> Iterator[Client]:
    """The running daemon; what it refuses ends the command. Raises Failed."""
    try:
        with Client(state) as client:
            yield client
    except ControlClientError as error:
        raise failed_by(error) from error


def zone_named(name: str) -> tzinfo:
    """The site's time zone; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


_COLOURS = {
    Tone.GRANTED: "green",
    Tone.DENIED: "yellow",
    Tone.NOTICE: "cyan",
    Tone.FAULT: "magenta",
    Tone.ALARM: "red",
}


def coloured() -> bool:
    """Colour only on a terminal, and not where NO_COLOR is set to anything (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def painted(line: Line) -> str:
    """The line, in its tone's colour where there is one; the tone stands in it as a word."""
    colour = _COLOURS.get(line.tone)
    if colour is None or not coloured():
        return line.text
    return click.style(line.text, fg=colour, bold=line.tone is Tone.ALARM)


Row = tuple[Tone, tuple[str, ...]]
"""A row's tone and its cells; a shorter row ends early."""


def show_page(
    ask: Callable[[], R], lines: Callable[[R], Iterable[Line]], *, as_json: bool, watch: bool
) -> None:
    """Print what is asked, as JSON or as a page of lines; with `watch` again and again."""
    while True:
        reply = ask()
        if as_json:
            click.echo(msgspec.json.encode(reply))
        else:
            page = "\n".join(painted(line) for line in lines(reply))
            drawn = watch and sys.stdout.isatty()
            # Where nothing is coloured the page is still drawn anew.
            click.echo((HOME_AND_CLEAR if drawn else "") + page, color=drawn or coloured())
        if not watch:
            return
        time.sleep(REFRESH_S)


def table(title: str, rows: Sequence[Row]) -> Iterator[Line]:
    """The rows under their title, with their columns below each other."""
    yield Line(Tone.PLAIN, "")
    yield Line(Tone.PLAIN, clean(title if rows else f"{title}: none"))
    count = max((len(cells) for _, cells in rows), default=0)
    widths = [
        max(len(cells[place]) if place < len(cells) else 0 for _, cells in rows)
        for place in range(count)
    ]
    for tone, cells in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
        yield Line(tone, clean("  " + "  ".join(padded).rstrip()))


def passphrase(of: str = "") -> str:
    """Asked for on the terminal. `of`: the file that it opens, where that is not plain."""
    prompt = f"Passphrase of {of}" if of else "Passphrase"
    asked: str = click.prompt(prompt, hide_input=True, err=True)
    return asked


def made_key(name: str, make: Callable[[Path, bytes], K], *, closed: bool) -> tuple[Path, K]:
    """A new private key in NAME.key here, and where it lies; `closed` asks for a passphrase.

    Raises Failed where the name is none, or the file cannot be made.
    """
    from edge.key_files import KeyFileError
    from policies.document import valid_id

    if not valid_id(name):
        raise Failed(f"'{name}' cannot be a key's name", "use 1 to 64 of a-z, 0-9, '-' and '_'")
    path = Path(f"{name}.key")
    chosen = ""
    if closed:
        chosen = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    try:
        return path, make(path, chosen.encode())
    except KeyFileError as error:
        raise failed_by(error) from error


def write_whole(file: Path, content: bytes, *, new: bool) -> None:
    """All of it or nothing; `new`: what stands there already is left alone. Raises Failed."""
    if new and file.exists():
        raise Failed(f"{file}: there is such a file", "choose another name")
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.write_bytes(content)
        fresh.chmod(SIGNED_MODE)
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise Failed(
            f"{file} cannot be written: {error.strerror}", "choose another place"
        ) from None


def say_json(reply: msgspec.Struct, *, done: bool) -> None:
    """Print what became of it, as JSON; where nothing did the command ends as failed."""
    click.echo(msgspec.json.encode(reply))
    if not done:
        sys.exit(FAILED)


def told_of_visit(reply: VisitReply, what: str, *, as_json: bool) -> None:
    """Say what became of it. Raises Failed where it was refused, or is not on record."""
    if as_json:
        say_json(reply, done=reply.accepted and reply.recorded)
        return
    if not reply.accepted:
        raise Failed(clean(reply.reason), clean(reply.remedy))
    click.echo(clean(f"{what}: {reply.reason}"))
    if not reply.recorded:
        raise Failed(
            "it holds from here on and is not on record: the journal cannot be written",
            "mend the disk; if the power goes before, do it again",
        )


__all__ = [
    "Failed",
    "Misconfigured",
    "Row",
    "coloured",
    "config_option",
    "connected",
    "failed_by",
    "json_option",
    "made_key",
    "pages_socket_named_in",
    "painted",
    "passphrase",
    "say_json",
    "state_named_in",
    "state_option",
    "table",
    "told_of_visit",
    "write_whole",
    "zone_named",
]


def said_mistakes(problems: Sequence[object]) -> str:
    """Print every mistake, one a line, as an error; how many they are, in words."""
    for problem in problems:
        click.echo(str(problem), err=True)
    return "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
