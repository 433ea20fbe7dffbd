"""`pictures.db` and the folder beside it: which sealed files there are, and the keys to them.

A key's row is all that opens a file: once it is gone, written over in the file of keys, nobody
opens the picture any more, nor any copy of it that was made before.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from controller.events_pictures import PictureId, PictureKept, PictureKind
from controller.ids import HolderId, PortalId
from edge import own_database
from edge.pictures.errors import PictureMissingError, PicturesError
from edge.pictures.schema import APPLICATION_ID, MIGRATIONS, STEPS
from edge.sqlite_library import Database

FILE = "pictures.db"
FOLDER = "pictures"
SUFFIX, DRAFT = ".sealed", ".draft"
FOLDER_MODE = 0o700

ROWS_MAX = 500
"""Of one look; a look that wants more goes on behind the last."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = EXTRA",
    # What a key was is written over with zeros when its row goes.
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    # Writing the file anew leaves nothing of it elsewhere on the disk.
    "PRAGMA temp_store = MEMORY",
)
_KIND = own_database.Kind("picture keys", APPLICATION_ID, MIGRATIONS, STEPS, _PRAGMAS)

_COLUMNS = (
    "id, wrapped, key, what, portal, camera, about, made_us, from_us, until_us, count,"
    " sealed_bytes, sha256, incarnation, behind, seq"
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One picture or clip, as in `schema`. The wrapped key shows in no repr."""

    id: PictureId
    wrapped: bytes
    key: str
    what: PictureKind
    portal: PortalId
    camera: str
    about: tuple[int, ...]
    made_us: int
    from_us: int
    until_us: int
    count: int
    sealed_bytes: int
    sha256: str
    incarnation: str
    behind: int
    seq: int | None = None

    def __repr__(self) -> str:
        return f"Row({self.id!r}, seq={self.seq})"


class Digest(NamedTuple):
    """Of a file that is on disk."""

    sealed_bytes: int
    sha256: str


class Orphans(msgspec.Struct, frozen=True, kw_only=True):
    """What a start has removed because no entry of the journal knows it, by ids or names."""

    rows: tuple[PictureId, ...]
    files: tuple[str, ...]


class PictureIndex:
    """The open file of keys, with its folder; one owner at a time.

    Every method blocks on the disk for a moment, is for any thread, and raises PicturesError.
    """

    def __init__(self, state: Path, file: own_database.Owned) -> None:
        """Not for callers: see `open`."""
        self._path, self.folder = state / FILE, state / FOLDER
        self._file, self._database = file, file.database
        self._turn = threading.Lock()

    @classmethod
    def exists(cls, state: Path) -> bool:
        """Whether anything was ever kept here."""
        return (state / FILE).exists()

    @classmethod
    def open(cls, state: Path) -> Self:
        """Own file and folder until `close`, made where they are not there."""
        path = state / FILE
        with _troubles(path):
            lock = own_database.lock(path, in_use=PicturesError)
            file = own_database.owned(
                path,
                lock,
                partial(_look, state),
                partial(own_database.prepare, path, kind=_KIND, foreign=PicturesError),
            )
        return cls(state, file)

    def close(self) -> None:
        with self._turn:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- keeping ---------------------------------------------------------------------------------

    def path_of(self, picture: PictureId) -> Path:
        return self.folder / f"{picture}{SUFFIX}"

    def draft_of(self, picture: PictureId) -> Path:
        return self.folder / f"{picture}{DRAFT}"

    def stage(self, row: Row, holders: Iterable[HolderId]) -> None:
        """The draft is on disk: give it its row and its name, durably. Not recorded yet."""
        values = [_stored(getattr(row, name)) for name in row.__struct_fields__]
        marks = ", ".join("?" * len(values))
        with self._writing() as database:
            database.execute(f"INSERT INTO picture ({_COLUMNS}) VALUES ({marks})", values)
            for holder in dict.fromkeys(holders):
                database.execute("INSERT INTO holder VALUES (?, ?)", [row.id, holder])
        with _troubles(self._path):
            self.draft_of(row.id).rename(self.path_of(row.id))
            self._sync()

    def recorded(self, picture: PictureId, seq: int) -> None:
        """The journal has it as entry `seq`."""
        with self._writing() as database:
            database.execute("UPDATE picture SET seq = ? WHERE id = ?", [seq, picture])

    # --- erasing ---------------------------------------------------------------------------------

    def erase(self, pictures: Iterable[PictureId], *, anew: bool = False) -> None:
        """First the keys, then the files: a cut in between leaves a file that nobody can open, and
        the next start removes it. What is gone already is no mistake.

        `anew`: the file of keys is written anew. SQLite leaves a copy of a row, rarely, in a page
        that it has divided (docs/security.md); this leaves none.
        """
        gone = list(pictures)
        with self._writing() as database:
            for picture in gone:
                database.execute("DELETE FROM picture WHERE id = ?", [picture])
        if anew:
            with self._reading() as database:
                database.execute("VACUUM")
        with _troubles(self._path):
            for picture in gone:
                self.path_of(picture).unlink(missing_ok=True)
            self._sync()

    def waiting(self, incarnation: str) -> int | None:
        """Behind which entry of a journal pictures were kept of which it is not known whether that
        journal has them; None where there are none.
        """
        with self._reading() as database:
            sql = "SELECT min(behind) FROM picture WHERE seq IS NULL AND incarnation = ?"
            (behind,) = database.execute(sql, [incarnation]).fetchone()
            return None if behind is None else int(behind)

    def settle(self, known: Callable[[str, int], Mapping[PictureId, int]]) -> Orphans:
        """At a start: what the journal has is marked, and what it does not know is removed.

        `known(incarnation, behind)` gives the pictures that this journal has recorded behind entry
        `behind`, with their entries; none for another incarnation.
        """
        waiting = self._rows("WHERE seq IS NULL ORDER BY behind", [])
        lost: list[PictureId] = []
        for incarnation in {row.incarnation for row in waiting}:
            own = [row for row in waiting if row.incarnation == incarnation]
            found = known(incarnation, own[0].behind)
            for row in own:
                seq = found.get(row.id)
                if seq is None:
                    lost.append(row.id)
                else:
                    self.recorded(row.id, seq)
        if lost:
            self.erase(lost)
        return Orphans(rows=tuple(lost), files=self._unowned())

    def _unowned(self) -> tuple[str, ...]:
        """Files of ours without a key: removed."""
        names = self.unknown()
        with _troubles(self._path):
            for name in names:
                (self.folder / name).unlink()
            if names:
                self._sync()
        return names

    # --- reading ---------------------------------------------------------------------------------

    def of_holder(self, holder: HolderId) -> tuple[PictureId, ...]:
        """Everything in which somebody may be."""
        with self._reading() as database:
            sql = "SELECT picture FROM holder WHERE holder = ? ORDER BY picture"
            return tuple(found[0] for found in database.execute(sql, [holder]))

    def rows_of(self, holder: HolderId) -> tuple[Row, ...]:
        """The same with what they are, the newest first."""
        sql = "WHERE id IN (SELECT picture FROM holder WHERE holder = ?) ORDER BY made_us DESC"
        return self._rows(sql, [holder])

    def past(self, what: PictureKind, before_us: int) -> tuple[PictureId, ...]:
        """What was made before a moment, the oldest first, ROWS_MAX at most."""
        rows = self._rows(
            "WHERE what = ? AND made_us < ? ORDER BY made_us LIMIT ?", [what, before_us, ROWS_MAX]
        )
        return tuple(row.id for row in rows)

    def oldest(self, count: int) -> tuple[PictureId, ...]:
        return tuple(row.id for row in self._rows("ORDER BY made_us LIMIT ?", [count]))

    def rows(
        self, *, after: int = 0, portal: str = "", since_us: int = 0, about: int = 0
    ) -> tuple[Row, ...]:
        """What is recorded, in the journal's order from behind entry `after`; ROWS_MAX at most.

        `portal` and `about` (an entry's number): of these alone, where they are given.
        """
        where = ["seq > ?", "until_us >= ?"]
        values: list[object] = [after, since_us]
        if portal:
            where.append("portal = ?")
        if about:
            where.append("EXISTS (SELECT 1 FROM json_each(about) AS one WHERE one.value = ?)")
        values += [one for one in (portal, about) if one]
        return self._rows(f"WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?", [*values, ROWS_MAX])

    def row(self, picture: PictureId) -> Row:
        """Raises PictureMissingError."""
        found = self._rows("WHERE id = ?", [picture])
        if not found:
            raise PictureMissingError(
                f"picture {picture} is not kept here any more; `sentrypost picture list` has what "
                "is there"
            )
        return found[0]

    def has(self, picture: PictureId) -> bool:
        return bool(self._rows("WHERE id = ?", [picture]))

    def everything(self) -> tuple[Row, ...]:
        """Every picture that has a key, recorded or not."""
        return self._rows("ORDER BY made_us", [])

    def under(self, key: str) -> tuple[Row, ...]:
        """Every picture whose key lies under this picture key."""
        return self._rows("WHERE key = ? ORDER BY made_us", [key])

    def rewrap(self, keys: Iterable[tuple[PictureId, bytes]], under: str) -> None:
        """Their keys, wrapped under another picture key, in place of what they were: all, or none.

        The file is written anew, so that what was there before is in no page of it.
        """
        with self._writing() as database:
            for picture, closed in keys:
                database.execute(
                    "UPDATE picture SET wrapped = ?, key = ? WHERE id = ?", [closed, under, picture]
                )
        with self._reading() as database:
            database.execute("VACUUM")

    def unknown(self) -> tuple[str, ...]:
        """Names of files of ours that have no key. While something is being kept that is among
        them.
        """
        with _troubles(self._path):
            names = sorted(path.name for path in self.folder.iterdir())
        with self._reading() as database:
            ids = {found[0] for found in database.execute("SELECT id FROM picture")}
        owned = {f"{one}{SUFFIX}" for one in ids}
        return tuple(name for name in names if name.endswith((SUFFIX, DRAFT)) and name not in owned)

    def digest_of(self, picture: PictureId) -> "Digest":
        """What the file is now."""
        with _troubles(self._path), self.path_of(picture).open("rb") as file:
            hashed, count = sha256(), 0
            while piece := file.read(1 << 20):
                hashed.update(piece)
                count += len(piece)
        return Digest(count, hashed.hexdigest())

    def totals(self) -> tuple[int, int]:
        """How many there are, and their bytes."""
        with self._reading() as database:
            sql = "SELECT count(*), coalesce(sum(sealed_bytes), 0) FROM picture"
            count, total = database.execute(sql).fetchone()
            return int(count), int(total)

    # --- the file --------------------------------------------------------------------------------

    def _rows(self, rest: str, values: list[object]) -> tuple[Row, ...]:
        with self._reading() as database:
            found = database.execute(f"SELECT {_COLUMNS} FROM picture {rest}", values).fetchall()
            return tuple(_row(one) for one in found)

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        with self._turn, _troubles(self._path):
            yield self._database

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        with self._turn, _troubles(self._path), self._database.atomic():
            yield self._database

    def _sync(self) -> None:
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def row_of(
    kept: PictureKept, wrapped: bytes, key: str, made_us: int, behind: tuple[str, int]
) -> Row:
    """`behind`: incarnation and last entry of the journal."""
    return Row(
        id=kept.picture,
        wrapped=wrapped,
        key=key,
        what=kept.what,
        portal=kept.portal,
        camera=kept.camera,
        about=kept.about,
        made_us=made_us,
        from_us=kept.from_us,
        until_us=kept.until_us,
        count=kept.count,
        sealed_bytes=kept.sealed_bytes,
        sha256=kept.sha256,
        incarnation=behind[0],
        behind=behind[1],
    )


def _stored(value: object) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, tuple) else value


def _row(found: tuple[object, ...]) -> Row:
    named = dict(zip(Row.__struct_fields__, found, strict=True))
    named["about"] = msgspec.json.decode(str(named["about"]))
    return msgspec.convert(named, Row, builtin_types=(bytes,))


def _look(state: Path) -> None:
    """Folder and file, for their owner alone."""
    (state / FOLDER).mkdir(mode=FOLDER_MODE, exist_ok=True)
    own_database.look(state / FILE, foreign=PicturesError, create=True)


@contextmanager
def _troubles(path: Path) -> Iterator[None]:
    """What disk or SQLite says becomes PicturesError; no text of it quotes a key."""
    try:
        yield
    except OSError as error:
        raise PicturesError(
            f"{error.filename or path}: {error.strerror}; see to the disk, and that the files "
            "belong to the user that the edge runs as"
        ) from error
    except sqlite3.Error as error:
        raise PicturesError(f"{path}: {error}; see to the disk, or restore the file") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise PicturesError(
            f"{path}: what it holds contradicts itself ({type(error).__name__}); restore the file"
        ) from error
