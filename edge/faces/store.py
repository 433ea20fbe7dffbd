"""`faces.db`: sealed templates, with one owner at a time. Nothing in here can open one.

A template is staged here, recorded in the journal, and then in force; one that goes is recorded
first and then deleted. `settle` brings the file to what the journal has, after a crash at any
point and after every change alike.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from controller.ids import HolderId
from edge import own_database
from edge.faces.file import damage, look, own, prepare
from edge.sqlite_library import Database

FACES_FILE = "faces.db"


class OnFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a template without opening it. `made_s`: when it was enrolled, UTC."""

    holder: HolderId
    version: int
    in_force: bool
    model: str
    views: int
    made_s: int
    key: str
    portrait: bool


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A template as it lies on the disk, and what it belongs to."""

    holder: HolderId
    version: int
    model: str
    views: int
    made_s: int
    key: str
    sealed: bytes
    portrait: bytes | None = None

    def __repr__(self) -> str:
        return f"Sealed(holder={self.holder!r}, version={self.version})"


class Settled(NamedTuple):
    """What `settle` did. `unknown`: templates of a journal that this edge does not have; they are
    kept, and nobody is compared with them. `missing`: of whom the journal has one and the file has
    none.
    """

    erased: int
    unknown: int
    missing: tuple[HolderId, ...]


_KNOWN = (
    "SELECT holder, version, in_force, model, views, made_s, key,"
    " portrait IS NOT NULL AS portrait FROM template ORDER BY holder, version"
)
_SEALED = "SELECT holder, version, model, views, made_s, key, sealed, portrait FROM template"


class TemplateFile:
    """The open file, for one thread at a time."""

    def __init__(self, path: Path, file: own_database.Owned) -> None:
        """Not for callers: see `open`."""
        self._path, self._file, self._database = path, file, file.database

    @classmethod
    def open(cls, path: Path, site: str, edge: str, *, create: bool = False) -> Self:
        """Own the file until `close`; bring its schema up to date.

        `create` makes an empty one where there is none. Raises FacesMissingError, FacesInUseError,
        FacesForeignError or FacesDamagedError, and has then changed nothing.
        """
        lock = own(path)

        def ready(database: Database) -> None:
            prepare(path, database, site, edge)

        with damage(path):
            file = own_database.owned(path, lock, partial(look, path, create=create), ready)
        return cls(path, file)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def all(self) -> tuple[OnFile, ...]:
        """Every row, by person and version. Raises FacesDamagedError."""
        with damage(self._path):
            rows = list(self._database.query(_KNOWN))
            return tuple(msgspec.convert(row, OnFile, strict=False) for row in rows)

    def sealed(self, holder: HolderId, version: int) -> Sealed | None:
        """The template of that person and version, in force. Raises FacesDamagedError."""
        found = self._sealed("WHERE holder = ? AND version = ? AND in_force", [holder, version])
        return found[0] if found else None

    def every(self) -> tuple[Sealed, ...]:
        """All that are in force. Raises FacesDamagedError."""
        return self._sealed("WHERE in_force ORDER BY holder", [])

    def under(self, key: str) -> tuple[Sealed, ...]:
        """All that are sealed under this key, staged ones as well. Raises FacesDamagedError."""
        return self._sealed("WHERE key = ? ORDER BY holder", [key])

    def _sealed(self, where: str, values: Iterable[object]) -> tuple[Sealed, ...]:
        with damage(self._path):
            rows = list(self._database.query(f"{_SEALED} {where}", list(values)))
            return tuple(msgspec.convert(row, Sealed) for row in rows)

    def stage(self, row: Sealed) -> None:
        """Put a template on disk, not yet in force; `settle` says whether it comes to be.

        Raises FacesDamagedError.
        """
        values = msgspec.structs.asdict(row) | {"in_force": 0}
        with damage(self._path), self._database.atomic():
            self._database.execute(
                f"INSERT INTO template ({', '.join(values)})"
                f" VALUES ({', '.join('?' * len(values))})",
                list(values.values()),
            )

    def reseal(self, row: Sealed) -> None:
        """The same template under another key, whole or not at all. Raises FacesDamagedError."""
        with damage(self._path), self._database.atomic():
            self._database.execute(
                "UPDATE template SET key = ?, sealed = ?, portrait = ?"
                " WHERE holder = ? AND version = ?",
                [row.key, row.sealed, row.portrait, row.holder, row.version],
            )

    def settle(self, faces: Mapping[HolderId, int], highest: int) -> Settled:
        """Bring the file to what the journal has: `faces`, and the `highest` version of any.

        What the journal knows of and is not in force goes, and no byte of it stays in the file. A
        version beyond the highest that waited goes too; one that was in force is of another
        journal, and is left alone. Raises FacesDamagedError.
        """
        there, gone, unknown = set(), [], 0
        for row in self.all():
            if faces.get(row.holder) == row.version:
                there.add(row.holder)
            elif row.version <= highest or not row.in_force:
                gone.append(row)
            else:
                unknown += 1
        with damage(self._path):
            with self._database.atomic():
                for holder in there:
                    self._database.execute(
                        "UPDATE template SET in_force = 1 WHERE holder = ? AND version = ?",
                        [holder, faces[holder]],
                    )
                for row in gone:
                    self._database.execute(
                        "DELETE FROM template WHERE holder = ? AND version = ?",
                        [row.holder, row.version],
                    )
                if gone:
                    self._database.execute("PRAGMA user_version = 1")
            self._compact()
        missing = tuple(sorted(holder for holder in faces if holder not in there))
        return Settled(len(gone), unknown, missing)

    def _compact(self) -> None:
        """Write the file anew where something was deleted since that was done last: what a row left
        behind when its page was once divided is in no page that deleting overwrites.
        """
        ((owed,),) = self._database.execute("PRAGMA user_version").fetchall()
        if owed:
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA user_version = 0")
