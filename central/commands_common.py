"""What the commands on an archive share: which archive, and what becomes of its errors."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge.failed import failed_by

if TYPE_CHECKING:
    from central.archive_sql import SqlArchive
    from controller.retention import RecordClass

DAYS_MAX = 36_500
"""As in the site file of an edge."""

F = TypeVar("F", bound=Callable[..., Any])


def archive_option(command: F) -> F:
    """`--archive`, of an archive that is there."""
    return click.option(
        "--archive",
        required=True,
        metavar="FILE|postgresql://…",
        help="The archive: its SQLite file, or its PostgreSQL database.",
    )(command)


def sayable(text: str) -> str:
    """What somebody typed. Raises click.UsageError where the terminal sent what is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{text!r} is not in UTF-8") from None
    return text


def kept_days(said: tuple[str, ...]) -> "dict[RecordClass, int]":
    """As `--keep` has it. Raises click.BadParameter."""
    from controller.retention import RecordClass

    days: dict[RecordClass, int] = {}
    for one in said:
        name, _, number = one.partition("=")
        if name not in set(RecordClass) or not number.isascii() or not number.isdigit():
            classes = ", ".join(RecordClass)
            raise click.BadParameter(f"{one!r} is not CLASS=DAYS; classes are {classes}")
        if not 1 <= int(number[:9]) <= DAYS_MAX or RecordClass(name) in days:
            raise click.BadParameter(f"{one!r}: once for each class, 1 to {DAYS_MAX} days")
        days[RecordClass(name)] = int(number)
    return days


@contextmanager
def opened(where: str) -> Iterator["SqlArchive"]:
    """The archive, to change something in it, beside a central that stores. Raises Failed."""
    from central.archives import change_archive

    with _held(change_archive, where) as archive:
        yield archive


@contextmanager
def read(where: str) -> Iterator["SqlArchive"]:
    """The archive, to read in it. Raises Failed."""
    from central.archives import read_archive

    with _held(read_archive, where) as archive:
        yield archive


@contextmanager
def _held(opening: Callable[[str], "SqlArchive"], where: str) -> Iterator["SqlArchive"]:
    from central.archive import ArchiveError

    try:
        with closing(opening(where)) as archive:
            yield archive
    except ArchiveError as error:
        raise failed_by(error) from error
