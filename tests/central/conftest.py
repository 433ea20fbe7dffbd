"""Both stores of the archive: what holds of one must hold of the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from central.archive_sql import SqlArchive
from tests.central.stores import PostgresStore, SqliteStore, Store


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A place in which there is no archive yet."""
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "archive.db")
    return PostgresStore(request.getfixturevalue("postgres").emptied())


@pytest.fixture
def archive(store: Store) -> Iterator[SqlArchive]:
    """An archive that is open, in each of the stores in turn."""
    opened = store.open()
    yield opened
    opened.close()
