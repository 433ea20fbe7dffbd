"""Where an archive is: a SQLite file, or a PostgreSQL database named by its URI."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from central import archive_sqlite
from central.archive import ArchiveError
from central.archive_sql import SqlArchive

POSTGRES = ("postgresql://", "postgres://")


def open_archive(where: str) -> SqlArchive:
    """For whoever stores; made where it is missing. Raises ArchiveError."""
    if not where.startswith(POSTGRES):
        return archive_sqlite.SqliteArchive(Path(where))
    with _driver():
        from central.archive_postgres import PostgresArchive
    return PostgresArchive(where)


def change_archive(where: str) -> SqlArchive:
    """One that is there, to change a little beside a central that stores. Raises ArchiveError."""
    if not where.startswith(POSTGRES):
        return archive_sqlite.changing(Path(where))
    with _driver():
        from central import archive_postgres
    return archive_postgres.changing(where)


def read_archive(where: str) -> SqlArchive:
    """One that is there, to read in beside a central that stores. Raises ArchiveError."""
    if not where.startswith(POSTGRES):
        return archive_sqlite.reading(Path(where))
    with _driver():
        from central import archive_postgres
    return archive_postgres.reading(where)


@contextmanager
def _driver() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ArchiveError(
            f"an archive in PostgreSQL needs psycopg ({error}); install sentrypost[postgres]"
        ) from error
