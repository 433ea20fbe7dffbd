"""`site.db`: who is known to the site, with one owner at a time.

A change is staged here, recorded in the journal, and then applied with the number under which the
journal has it, so that after a crash at any point the start-up knows which of the three happened.
Everything is read once and answered from memory: nothing that a reader waits for touches the disk.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from controller.holders import NOBODY, Directory
from controller.ids import HolderId
from edge import own_database
from edge.people import history as past
from edge.people.file import (
    PeopleBehindError,
    PeopleMovedError,
    PeopleStagedError,
    damage,
    look,
    own,
    prepare,
)
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
from edge.sqlite_library import Database

_LISTS = ("roles", "watchlists")
"""Columns that hold JSON lists."""


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is on disk and not in force: the version and digest it will bring."""

    version: int
    digest: str


class _Known(NamedTuple):
    """Everybody at one version. `seq`: that of the journal for it; 0 where there is none."""

    roll: Roll = EMPTY
    directory: Directory = NOBODY
    seq: int = 0


class People:
    """The open file. Reading is free on any thread; writing is for one thread at a time.

    What readers are told is never older than what the journal was said to have: where the file
    cannot be written then, it alone is behind.
    """

    def __init__(self, path: Path, file: own_database.Owned) -> None:
        self._path, self._file, self._database = path, file, file.database
        self._on_file = _Known()
        self._staged: Staged | None = None
        self._coming: _Known | None = None  # to which the staged change leads
        self._ahead: _Known | None = None  # the same, once the journal has it
        self._load()

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Own the file until `close`; bring its schema up to date.

        `create` makes an empty one where there is none. Raises PeopleMissingError,
        PeopleInUseError, PeopleForeignError or PeopleDamagedError.
        """
        lock = own(path)
        with damage(path):
            file = own_database.owned(
                path, lock, partial(look, path, create=create), partial(prepare, path)
            )
        try:
            people = cls(path, file)
            with people._writing():
                past.begin(file.database, people.roll)
        except BaseException:
            file.close()
            raise
        return people

    def close(self) -> None:
        """Let go of the file; what was read stays readable."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def version(self) -> int:
        return self.roll.version

    @property
    def applied_seq(self) -> int:
        """The journal's number of the newest change in force; 0 before the first."""
        return self._known.seq

    @property
    def roll(self) -> Roll:
        """Everybody in force: what an import is planned on."""
        return self._known.roll

    @property
    def staged(self) -> Staged | None:
        """The change that waits for its place in the journal, if one does."""
        return self._staged

    def directory(self) -> Directory:
        """The people as the core knows them."""
        return self._known.directory

    def name_of(self, holder: HolderId) -> str | None:
        record = self.roll.holders.get(holder)
        return None if record is None else record.name

    def pin(self, holder: HolderId) -> PinRecord | None:
        return self.roll.pins.get(holder)

    def history(self, count: int) -> tuple[past.Entry, ...]:
        """The last `count` changes, the newest first. Raises PeopleBehindError or
        PeopleDamagedError.
        """
        self._refuse_behind()
        with damage(self._path):
            return past.newest(self._database, count, self.roll)

    def steps(self, count: int) -> tuple[Step, ...]:
        """The last `count` changes, in order. Raises PeopleBehindError or PeopleDamagedError."""
        self._refuse_behind()
        with damage(self._path):
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
        self._coming = _Known(after, directory)
        return directory

    def settle(self, seq: int | None) -> None:
        """Bring the staged change in force as the journal's entry `seq`; None drops it.

        Does nothing when nothing is staged. A number may be below the one before: a new journal
        begins at 1. Raises ValueError for what is no entry's number, or PeopleDamagedError: then a
        change that was staged since the file was opened is in force for readers all the same.
        """
        if seq is not None and not 1 <= seq <= COUNT_MAX:
            raise ValueError(f"seq {seq}: entries count from 1")
        if seq is not None and self._coming is not None:
            self._ahead = self._coming._replace(seq=seq)
        self._be_sure()
        if self._staged is None:
            return
        brought = self._on_file
        with self._writing():
            if seq is not None:
                brought = self._bring_staged(seq)
            self._database.execute("DELETE FROM staged")
        self._on_file = brought
        self._staged = self._coming = self._ahead = None

    def apply(self, change: Change, made: Made = UNKNOWN) -> Directory:
        """Bring `change` in force at once, where no daemon runs and so no journal is open.

        The daemon records version and digest when it starts. Raises as `stage` does.
        """
        after, change = self._planned(change, made)
        with self._writing():
            directory = self._write(change, made, after)
        self._on_file = _Known(after, directory, self._on_file.seq)
        return directory

    def compact(self) -> None:
        """Leave no byte in the file of what was taken away. Raises PeopleDamagedError.

        Deleting overwrites a row where it lies; what it left behind when its page was once divided
        goes by writing the whole file anew, and that nowhere but in memory on the way.
        """
        with damage(self._path):
            self._database.execute("PRAGMA temp_store = MEMORY")
            self._database.execute("VACUUM")

    @property
    def _known(self) -> _Known:
        """What is in force."""
        return self._ahead or self._on_file

    def _refuse_behind(self) -> None:
        if self._ahead is not None:
            raise PeopleBehindError(
                f"{self._path}: version {self.version} is in force and recorded, and cannot be "
                "written to the file yet; make room on the disk, and ask again"
            )

    def _planned(self, change: Change, made: Made) -> tuple[Roll, Change]:
        """What will stand, and the change with its place in the line of changes."""
        self._be_sure()
        if self._staged is not None:
            raise PeopleStagedError(
                f"{self._path}: an earlier change is not settled with the journal; "
                "start the edge, which settles it, and import the file again"
            )
        try:
            return _stepped(self._on_file.roll, change, made)
        except ValueError as error:
            raise PeopleMovedError(f"{self._path}: {error}; import the file again") from None

    def _bring_staged(self, seq: int) -> _Known:
        (row,) = self._database.query("SELECT change, came, scheme FROM staged")
        came = msgspec.json.decode(row["came"], type=Made)
        staged = msgspec.json.decode(row["change"], type=Change)
        # A version that kept no history staged no step.
        after, change = _stepped(self._on_file.roll, staged, came)
        directory = self._write(change, came, after, row["scheme"])
        past.begin(self._database, after)
        past.note_seq(self._database, change, seq)
        self._set_meta("applied_seq", seq)
        return _Known(after, directory, seq)

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
        return directory_after(self._on_file.directory, change, after, arrival)

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
        with damage(self._path), self._database.atomic():
            yield
        self._doubtful = False

    def _be_sure(self) -> None:
        if self._doubtful:
            self._load()

    def _load(self) -> None:
        with damage(self._path):
            meta = {row["key"]: row["value"] for row in self._database.query("SELECT * FROM meta")}
            roll = _read_roll(self._database, meta["version"])
            staged = list(self._database.query("SELECT version, digest FROM staged"))
            arrival = past.provenance(self._database)
        self._on_file = _Known(roll, directory_of(roll, arrival), meta["applied_seq"])
        self._staged = msgspec.convert(staged[0], Staged) if staged else None
        if self._staged is None:
            self._coming = self._ahead = None
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
