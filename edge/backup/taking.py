"""A backup is made: the journal first, then everything else, into one sealed file or none.

The journal is brought into a folder beside the file that is to be, proven there, and goes with that
folder. What the edge keeps in other databases is copied by SQLite itself, in one read of each, and
is never older than the journal: a start settles what is newer.
"""

import hashlib
import os
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from edge.backup.container import Header, Lock, SealedWriter
from edge.backup.errors import BackupError
from edge.backup.manifest import MANIFEST, STATE, Manifest, Member
from edge.backup.naming import site_members, state_members
from edge.config import Config
from edge.control.client import NoDaemonError
from edge.control.client_backup import BackupClient
from edge.control.messages_backup import CopyReply
from edge.control.place import JOURNAL, PEOPLE_FILE
from edge.journal import verify_folder
from edge.journal.closed import opened_to_read
from edge.journal.copying import CopyWriter, first_place, next_rows, place_behind
from edge.secret_file import new_secret

SQLITE_MAGIC = b"SQLite format 3\x00"
BUSY_S = 10.0
"""Of a database that the edge writes to at this moment; its writes take milliseconds."""

READ_BYTES = 1024 * 1024
SECRET_MODE = 0o600
STAGED_TRIES = 20
STAGED_PAUSE_S = 0.25
"""A change of people is on file for as long as the journal needs to have it."""

Progress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is, and how much there is."""


class Copied(NamedTuple):
    """The journal's copy: of which incarnation, up to which entry."""

    incarnation: str
    last_seq: int


class Made(msgspec.Struct, frozen=True):
    """What was made, as `--json` prints it."""

    file: str
    size: int
    files: int
    incarnation: str
    last_seq: int
    pictures: bool


def make_backup(
    config: Config, out: Path, lock: Lock, progress: Progress, *, pictures: bool
) -> Made:
    """Make it in `out`, which must not exist; whole and on disk, or not at all.

    Raises BackupError, ControlClientError, JournalError.
    """
    if out.exists():
        raise BackupError(f"{out}: there is such a file", "choose another name")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
            folder = Path(scratch)
            copied = _journal(config, folder / JOURNAL, progress)
            with new_secret(out) as file:
                manifest = _written(config, folder, copied, file, lock, progress, pictures=pictures)
    except FileExistsError:
        raise BackupError(f"{out}: there is such a file", "choose another name") from None
    except (OSError, sqlite3.Error) as error:
        raise _hindered(out, error) from error
    return Made(
        str(out),
        out.stat().st_size,
        len(manifest.members),
        copied.incarnation,
        copied.last_seq,
        pictures,
    )


def _hindered(out: Path, error: OSError | sqlite3.Error) -> BackupError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    where = getattr(error, "filename", None) or out
    return BackupError(
        f"no backup is made: {where}: {why}",
        "run it as the edge's account or root, and where there is room; nothing is left of it",
    )


# --- the journal ------------------------------------------------------------------------------


def _journal(config: Config, into: Path, progress: Progress) -> Copied:
    """The journal as it is now, proven. Raises as `make_backup`, OSError, sqlite3.Error."""
    into.mkdir(mode=0o700)
    try:
        with BackupClient(config.state) as daemon:
            copied = _from_daemon(daemon, into, progress)
    except NoDaemonError:
        copied = _from_files(config.state / JOURNAL, into, progress)
    report = verify_folder(
        into, progress=lambda done, total: progress("proving the journal", done, total)
    )
    if not report.sound:
        first = report.first_bad
        what = "" if first is None else f": entry {first.seq}: {first.what}"
        raise BackupError(
            f"the journal does not verify{what}",
            "`sentrypost journal verify` names all that is wrong; keep the folder as evidence",
        )
    return copied


def _from_daemon(daemon: BackupClient, into: Path, progress: Progress) -> Copied:
    with closing(_Fresh(into)) as fresh:
        for step in daemon.copy_journal(lambda *done: progress("copying the journal", *done)):
            if isinstance(step, CopyReply):
                if step.reason:
                    raise BackupError(step.reason, step.remedy)
                return Copied(step.incarnation, step.last_seq)
            about, rows = step
            if about.anew:
                fresh.begin()
            fresh.writer.put(rows)
    raise AssertionError("the last that comes is what became of it")


class _Fresh:
    """A folder of segments, which may have to be begun anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.writer = CopyWriter(folder)

    def begin(self) -> None:
        self.writer.close()
        for path in self._folder.iterdir():
            path.unlink()
        self.writer = CopyWriter(self._folder)

    def close(self) -> None:
        self.writer.close()


def _from_files(journal: Path, into: Path, progress: Progress) -> Copied:
    with opened_to_read(journal) as segments, closing(CopyWriter(into)) as writer:
        place = first_place(segments)
        while True:
            rows = next_rows(segments, place)
            writer.put(rows)
            place = place_behind(rows, place)
            progress("copying the journal", place.seq, rows.last_seq)
            if rows.whole:
                return Copied(segments.meta.incarnation, place.seq)


# --- the file ---------------------------------------------------------------------------------


def _written(
    config: Config,
    folder: Path,
    copied: Copied,
    file: BinaryIO,
    lock: Lock,
    progress: Progress,
    *,
    pictures: bool,
) -> Manifest:
    made_utc_us = time.time_ns() // 1_000
    about = Header(
        site=config.site,
        edge=config.edge,
        made_utc_us=made_utc_us,
        version=version("sentrypost"),
    )
    sealed = SealedWriter(file, about, lock)
    members: list[Member] = []
    with tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        parts = list(_parts(config, folder, pictures=pictures))
        for count, (name, path, origin) in enumerate(parts, 1):
            progress("sealing files", count, len(parts))
            with ExitStack() as opened:
                source = opened.enter_context(_steady(path, folder))
                members.append(_add(tar, name, source, origin))
        manifest = Manifest(
            site=config.site,
            edge=config.edge,
            site_file=config.file.name,
            state_folder=_seen_from(config.file.parent.resolve(), config.state.resolve()),
            version=about.version,
            made_utc_us=made_utc_us,
            incarnation=copied.incarnation,
            last_seq=copied.last_seq,
            pictures=pictures,
            members=tuple(members),
        )
        _add(tar, MANIFEST, BytesIO(msgspec.json.encode(manifest)), "")
    sealed.end()
    return manifest


def _seen_from(folder: Path, state: Path) -> str:
    inside = state.is_relative_to(folder) and state != folder
    return state.relative_to(folder).as_posix() if inside else str(state)


def _parts(config: Config, folder: Path, *, pictures: bool) -> Iterator[tuple[str, Path, str]]:
    """What goes in, in order."""
    for path in sorted((folder / JOURNAL).iterdir()):
        if path.suffix == ".db":
            yield f"{STATE}/{JOURNAL}/{path.name}", path, ""
    for name, path in state_members(config.state, pictures=pictures):
        yield name, path, ""
    yield from site_members(config)


@contextmanager
def _steady(path: Path, scratch: Path) -> Iterator[BinaryIO]:
    """The file as it is at one moment: a database as SQLite reads it, any other as it lies there.
    All of those are replaced by renaming and never written to.
    """
    with path.open("rb") as file:
        if file.read(len(SQLITE_MAGIC)) != SQLITE_MAGIC or path.is_relative_to(scratch):
            file.seek(0)
            yield file
            return
    copy = scratch / "database"
    _copy_database(path, copy)
    try:
        with copy.open("rb") as file:
            yield file
    finally:
        copy.unlink()


def _copy_database(path: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, SECRET_MODE))
    for _ in range(STAGED_TRIES):
        address = path.resolve().as_uri() + "?mode=ro"
        with (
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            waiting = path.name == PEOPLE_FILE and (
                target.execute("SELECT count(*) FROM staged").fetchone() != (0,)
            )
        if not waiting:
            return
        time.sleep(STAGED_PAUSE_S)
    # The next start settles it by the journal, as it would here.


def _add(tar: tarfile.TarFile, name: str, source: BinaryIO, origin: str) -> Member:
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, SECRET_MODE
    hashing = _Hashing(source)
    tar.addfile(info, hashing)
    return Member(name, size, hashing.digest.hexdigest(), origin)


class _Hashing:
    """Reads and hashes on the way."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data
