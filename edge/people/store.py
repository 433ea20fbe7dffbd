"""`site.db`: who is known to the site, with one owner at a time.

A change is staged here, recorded in the journal, and then applied with the number under which the
journal has it, so that after a crash at any point the start-up knows which of the three happened.
Everything is read once and answered from memory: nothing that a reader waits for touches the disk.
"""

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec
from sqlite_utils import Database

from controller.holders import NOBODY, Directory
from controller.ids import HolderId
from edge.people import history as past
from edge.people.records import (
    COUNT_MAX,
    EMPTY,
    UNKNOWN,
    Change,
    CredentialRecord,
    HolderRecord,
    Made,
    PinRecord,
    Roll,
    Step,
    Touched,
    changed,
    contents_digest,
    directory_after,
    directory_of,
)
from edge.people.schema import APPLICATION_ID, MIGRATIONS, STEPS

FILE_MODE = 0o600
_LISTS = ("roles", "watchlists")
"""Columns that hold JSON lists."""
BUSY_S = 2.0
"""How long a foreign reader of the file may hold up a write; the lock keeps edges apart."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    # No write-ahead log: changes are rare and one file is easier to carry and to erase.
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = EXTRA",
    # An erased person leaves no bytes behind in the file.
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)


class PeopleError(Exception):
    """Something is wrong with `site.db`; every message ends with what to do about it."""


class PeopleMissingError(PeopleError):
    """There is no such file."""


class PeopleInUseError(PeopleError):
    """Another process owns the file: as a rule the daemon, which is asked instead."""


class PeopleForeignError(PeopleError):
    """The file is not ours, was written by a newer version, or is open to others."""


class PeopleDamagedError(PeopleError):
    """What the file holds contradicts itself, or the disk failed."""


class PeopleMovedError(PeopleError):
    """The change was planned on another version than the one on file. Nothing was changed."""


class PeopleStagedError(PeopleError):
    """An earlier change waits to be settled, and the journal may have it. Nothing was changed."""


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is on disk and not in force: the version and digest it will bring."""

    version: int
    digest: str


class People:
    """The open file. Reading is free on any thread; writing is for one thread at a time."""

    def __init__(self, path: Path, database: Database, lock: int) -> None:
        self._path, self._database, self._lock = path, database, lock
        self._roll, self._directory = EMPTY, NOBODY
        self._applied_seq = 0
        self._staged: Staged | None = None
        self._load()

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Own the file until `close`; bring its schema up to date.

        `create` makes an empty one where there is none. Raises PeopleMissingError,
        PeopleInUseError, PeopleForeignError or PeopleDamagedError.
        """
        lock = _own(path)
        database = None
        try:
            _look(path, create=create)
            connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
            database = Database(connection, execute_plugins=False)
            with _damage(path):
                _prepare(path, database)
            people = cls(path, database, lock)
            with people._writing():
                past.begin(database, people.roll)
            return people
        except BaseException:
            if database is not None:
                database.close()
            os.close(lock)
            raise

    def close(self) -> None:
        """Let go of the file; what was read stays readable."""
        if self._lock >= 0:
            self._database.close()
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def version(self) -> int:
        return self._roll.version

    @property
    def applied_seq(self) -> int:
        """The journal's number of the newest change in force; 0 before the first."""
        return self._applied_seq

    @property
    def roll(self) -> Roll:
        """Everybody on file: what an import is planned on."""
        return self._roll

    @property
    def staged(self) -> Staged | None:
        """The change that waits for its place in the journal, if one does."""
        return self._staged

    def directory(self) -> Directory:
        """The people as the core knows them."""
        return self._directory

    def name_of(self, holder: HolderId) -> str | None:
        record = self._roll.holders.get(holder)
        return None if record is None else record.name

    def pin(self, holder: HolderId) -> PinRecord | None:
        return self._roll.pins.get(holder)

    def history(self, count: int) -> tuple[past.Entry, ...]:
        """The last `count` changes, the newest first. Raises PeopleDamagedError."""
        with _damage(self._path):
            return past.newest(self._database, count, self._roll)

    def steps(self, count: int) -> tuple[Step, ...]:
        """The last `count` changes, in order. Raises PeopleDamagedError."""
        with _damage(self._path):
            return past.steps(self._database, count)

    def stage(self, change: Change, made: Made = UNKNOWN) -> Directory:
        """Put `change` on disk, not yet in force. `made`: who brings it here, for the history.

        Returns what will be in force. Once the journal has that version and digest under a number,
        `settle` with the number; when it surely has not, `settle(None)`. Raises PeopleMovedError,
        PeopleStagedError or PeopleDamagedError.
        """
        after, change = self._planned(change, made)
        with self._writing():
            directory = self._try(change, made, after)
            row = {
                "one": 1,
                "version": directory.version,
                "digest": directory.digest,
                "change": msgspec.json.encode(change),
                "came": msgspec.json.encode(made).decode(),
                "scheme": past.SCHEME,
            }
            self._database.table("staged").insert(row)
        self._staged = Staged(version=directory.version, digest=directory.digest)
        return directory

    def settle(self, seq: int | None) -> None:
        """Bring the staged change in force as the journal's entry `seq`; None drops it.

        Does nothing when nothing is staged. A number may be below the one before: a new journal
        begins at 1. Raises PeopleDamagedError, or ValueError for what is no entry's number.
        """
        self._be_sure()
        if self._staged is None:
            return
        if seq is None:
            with self._writing():
                self._database.execute("DELETE FROM staged")
        elif 1 <= seq <= COUNT_MAX:
            with self._writing():
                after, directory = self._bring_staged(seq)
                self._database.execute("DELETE FROM staged")
            self._roll, self._directory, self._applied_seq = after, directory, seq
        else:
            raise ValueError(f"seq {seq}: entries count from 1")
        self._staged = None

    def apply(self, change: Change, made: Made = UNKNOWN) -> Directory:
        """Bring `change` in force at once, where no daemon runs and so no journal is open.

        The daemon records version and digest when it starts. Raises as `stage` does.
        """
        after, change = self._planned(change, made)
        with self._writing():
            directory = self._write(change, made, after)
        self._roll, self._directory = after, directory
        return directory

    def compact(self) -> None:
        """Leave no byte in the file of what was taken away. Raises PeopleDamagedError.

        Deleting overwrites a row where it lies; what it left behind when its page was once divided
        goes by writing the whole file anew, and that nowhere but in memory on the way.
        """
        with _damage(self._path):
            self._database.execute("PRAGMA temp_store = MEMORY")
            self._database.execute("VACUUM")

    def _planned(self, change: Change, made: Made) -> tuple[Roll, Change]:
        """What will stand, and the change with its place in the line of changes."""
        self._be_sure()
        if self._staged is not None:
            raise PeopleStagedError(
                f"{self._path}: an earlier change is not settled with the journal; "
                "start the edge, which settles it, and import the file again"
            )
        try:
            return _stepped(self._roll, change, made)
        except ValueError as error:
            raise PeopleMovedError(f"{self._path}: {error}; import the file again") from None

    def _bring_staged(self, seq: int) -> tuple[Roll, Directory]:
        (row,) = self._database.query("SELECT change, came, scheme FROM staged")
        came = msgspec.json.decode(row["came"], type=Made)
        staged = msgspec.json.decode(row["change"], type=Change)
        # A version that kept no history staged no step.
        after, change = _stepped(self._roll, staged, came)
        directory = self._write(change, came, after, row["scheme"])
        past.begin(self._database, after)
        past.note_seq(self._database, change, seq)
        self._set_meta("applied_seq", seq)
        return after, directory

    def _try(self, change: Change, came: Made, after: Roll) -> Directory:
        """What is staged may soon stand in the journal: then the file must not refuse it."""
        self._database.execute("SAVEPOINT trial")
        directory = self._write(change, came, after)
        self._database.execute("ROLLBACK TO trial")
        return directory

    def _write(
        self, change: Change, came: Made, after: Roll, scheme: int = past.SCHEME
    ) -> Directory:
        """The rows of `change`, which leads to `after`, and what the core will know.

        Children go before and come after what they hang on.
        """
        for credential in change.credentials_removed:
            self._database.execute("DELETE FROM credential WHERE id = ?", [credential])
        for holder in change.pins_removed:
            self._database.execute("DELETE FROM pin WHERE holder = ?", [holder])
        for holder in change.holders_removed:
            self._database.execute("DELETE FROM holder WHERE id = ?", [holder])
        people = (
            msgspec.structs.asdict(record)
            | {name: msgspec.json.encode(getattr(record, name)).decode() for name in _LISTS}
            for record in change.holders
        )
        self._put("holder", people)
        self._put("credential", map(msgspec.structs.asdict, change.credentials))
        self._put("pin", map(msgspec.structs.asdict, change.pins))
        past.write(self._database, change, came, scheme)
        self._set_meta("version", change.number)
        if change.holders_removed:
            self._see_all_of(after)
        arrival = past.provenance_of(change.steps[-1], change.change_set, change.keys)
        return directory_after(self._directory, change, after, arrival)

    def _put(self, table: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Rows that are new or take the place of the one with the same key, their first column.

        Not by `upsert_all`: that finds out first whether SQLite can do this, by writing, and where
        the disk is full at that moment it believes from then on that it cannot, and loses rows.
        """
        for row in rows:
            key, *others = row
            self._database.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
                f" ON CONFLICT ({key}) DO UPDATE SET"
                f" {', '.join(f'{name} = excluded.{name}' for name in others)}",
                list(row.values()),
            )

    def _see_all_of(self, roll: Roll) -> None:
        """With a person the file drops badges and PIN, which the change has to name as well."""
        tables: dict[str, Sized] = {
            "holder": roll.holders,
            "credential": roll.credentials,
            "pin": roll.pins,
        }
        for name, records in tables.items():
            if self._database.table(name).count != len(records):
                raise sqlite3.IntegrityError(f"{name}: the change leaves something of nobody")

    def _set_meta(self, key: str, value: int) -> None:
        self._database.execute("UPDATE meta SET value = ? WHERE key = ?", [value, key])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, durable at its end, after which memory follows.

        Where it fails the disk may have it nevertheless: before the next one all is read again.
        """
        self._doubtful = True
        with _damage(self._path), self._database.atomic():
            yield
        self._doubtful = False

    def _be_sure(self) -> None:
        if self._doubtful:
            self._load()

    def _load(self) -> None:
        with _damage(self._path):
            meta = {row["key"]: row["value"] for row in self._database.query("SELECT * FROM meta")}
            roll = _read_roll(self._database, meta["version"])
            staged = list(self._database.query("SELECT version, digest FROM staged"))
            arrival = past.provenance(self._database)
        self._roll, self._directory = roll, directory_of(roll, arrival)
        self._applied_seq = meta["applied_seq"]
        self._staged = msgspec.convert(staged[0], Staged) if staged else None
        self._doubtful = False


def _stepped(roll: Roll, change: Change, made: Made) -> tuple[Roll, Change]:
    """What stands after the change, and the change as a step; one of a set brings its steps."""
    after = changed(roll, change)
    if not change.steps:
        step = Step(
            number=change.number,
            digest=contents_digest(after),
            made=made,
            touched=change.touched,
        )
        change = msgspec.structs.replace(change, steps=(step,))
    return after, change


def _read_roll(database: Database, version: int) -> Roll:
    # SQLite has no lists and no booleans: only the second needs leniency.
    holders = (
        msgspec.convert(
            row | {name: msgspec.json.decode(row[name]) for name in _LISTS},
            HolderRecord,
            strict=False,
        )
        for row in database.query("SELECT * FROM holder")
    )
    credentials = (
        msgspec.convert(row, CredentialRecord) for row in database.query("SELECT * FROM credential")
    )
    pins = (msgspec.convert(row, PinRecord) for row in database.query("SELECT * FROM pin"))
    return EMPTY.after(
        version=version, holders=holders, credentials=credentials, pins=pins, gone=Touched()
    )


def _own(path: Path) -> int:
    """The lock of the one owner, held until its descriptor is closed or the process ends."""
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except FileNotFoundError:
        raise PeopleMissingError(f"{path.parent}: no such folder; make it first") from None
    except OSError as error:
        raise PeopleForeignError(
            f"{name}: {error.strerror}; run this as the user that the edge runs as"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise PeopleInUseError(
            f"{path}: another process has it open; ask the running edge, or stop it first"
        ) from None
    return lock


def _look(path: Path, *, create: bool) -> None:
    """See that the file is one that only its owner can touch, before SQLite sees it."""
    if create:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        except FileExistsError:
            pass
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise PeopleMissingError(
            f"{path}: there is none; start the edge once, or import a file of people"
        ) from None
    if not stat.S_ISREG(mode):
        raise PeopleForeignError(f"{path}: not a regular file; move it away")
    if mode & 0o077:
        raise PeopleForeignError(
            f"{path}: others on this machine can read or change it; close it with: chmod 600 {path}"
        )


def _prepare(path: Path, database: Database) -> None:
    """Refuse what is not ours, then bring the schema up to date."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    # Empty, or created and cut off before the first step: nothing of anybody's is in it.
    blank = set(database.table_names()) <= {MIGRATIONS.migrations_table}
    if application != APPLICATION_ID and not (application == 0 and blank):
        raise PeopleForeignError(f"{path}: not a file of people; move it away")
    if {step.name for step in MIGRATIONS.applied(database)} - STEPS:
        raise PeopleForeignError(f"{path}: a newer version wrote it; install that version again")
    for pragma in _PRAGMAS:
        database.execute(pragma)
    MIGRATIONS.apply(database)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.ValidationError, msgspec.DecodeError, KeyError) as error:
        raise PeopleDamagedError(
            f"{path}: {_said(error)}; restore the file, or import the people again"
        ) from error


def _said(error: Exception) -> str:
    """The kind of failure alone where the text could quote a value of a person."""
    return str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
