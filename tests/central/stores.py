"""Where an archive may be, and a way past it to look at what is there."""

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg

from central.archive_postgres import PostgresArchive
from central.archive_postgres_schema import NAMESPACE
from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive


class Store(Protocol):
    """A place for one archive."""

    @property
    def where(self) -> str:
        """As `--archive` takes it."""
        ...

    def open(self, entropy: Callable[[int], bytes] = secrets.token_bytes) -> SqlArchive:
        """The archive there, made where it is missing; may be open several times."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What somebody else reads there now."""
        ...

    def change(self, sql: str) -> None:
        """Somebody else changes what is there."""
        ...


class SqliteStore:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)

    def open(self, entropy: Callable[[int], bytes] = secrets.token_bytes) -> SqlArchive:
        return SqliteArchive(self.path, entropy=entropy)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as reader:
            return reader.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as writer:
            writer.execute(sql)


class PostgresStore:
    def __init__(self, where: str) -> None:
        self.where = where

    def open(self, entropy: Callable[[int], bytes] = secrets.token_bytes) -> SqlArchive:
        return PostgresArchive(self.where, entropy=entropy)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection() as reader:
            return reader.execute(sql.encode()).fetchall()

    def change(self, sql: str) -> None:
        with self._connection() as writer:
            writer.execute(sql.encode())

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.where, options=f"-c search_path={NAMESPACE}", autocommit=True)
