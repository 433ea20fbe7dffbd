"""A backup is looked through, or put back: as a whole into an empty folder, or not at all.

What comes back is older than what was. So its journal is not written on, which would give numbers a
second time: it is set aside as evidence, and a new one goes on from its state, with the doubt as
its first word. Lowering orders are refused until two people have answered the edge's challenge.
"""

import asyncio
import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO, NamedTuple

import msgspec

from edge.backup.container import Key, SealedReader
from edge.backup.errors import BackupError
from edge.backup.manifest import (
    MANIFEST,
    MANIFEST_BYTES_MAX,
    OUTSIDE,
    SITE,
    STATE,
    Manifest,
    Member,
    safe_name,
)
from edge.control.place import JOURNAL, STATE_MODE
from edge.journal import JournalWriter, verify_folder
from edge.journal.folder import sync_folder
from edge.renewal import begin_anew

READ_BYTES = 1024 * 1024
FOLDER_MODE = 0o700
SECRET_MODE = 0o600

Progress = Callable[[str, int, int], None]
"""As `edge.backup.taking.Progress`; the whole is the size of the file."""


class Restored(msgspec.Struct, frozen=True):
    """What was put back, as `--json` prints it. `elsewhere`: where files outside belong."""

    folder: str
    site_file: str
    state: str
    before: str
    last_seq: int
    elsewhere: tuple[tuple[str, str], ...]
    state_belongs: str = ""


class _Places(NamedTuple):
    """Where the three parts of a backup go."""

    site: Path
    state: Path
    outside: Path


def verified(file: Path, key: Key, progress: Progress) -> Manifest:
    """What is in it, all of it proven: every piece, every hash, the journal with its chain.

    Raises BackupError, JournalError.
    """
    with TemporaryDirectory(prefix="sentrypost-backup-") as scratch:
        folder = Path(scratch)
        with _reading(file, key) as reader:
            manifest = _through(
                reader, file, _in_journal_only(folder), progress, "looking through it"
            )
        _prove(folder / STATE / JOURNAL, progress)
    return manifest


def restored(file: Path, key: Key, into: Path, progress: Progress) -> Restored:
    """Put it back into a folder that is empty or not there. Raises BackupError, JournalError."""
    _refuse_used(into)
    draft = into.with_name(f".{into.name}.{os.getpid()}.new")
    try:
        draft.mkdir(mode=FOLDER_MODE, parents=True)
        with _reading(file, key) as reader:
            manifest = _through(reader, file, _into(draft), progress, "putting it back")
        _prove(draft / STATE / JOURNAL, progress)
        asyncio.run(_anew(draft / STATE, manifest))
        places = _settled(draft, manifest)
        if into.exists():
            into.rmdir()
        draft.rename(into)
        sync_folder(into.parent)
    except OSError as error:
        raise _hindered(into, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Restored(
        folder=str(into),
        site_file=str(into / places.site / manifest.site_file),
        state=str(into / places.state),
        before=manifest.incarnation,
        last_seq=manifest.last_seq,
        elsewhere=tuple(
            (str(into / places.outside / Path(one.name).name), one.origin)
            for one in manifest.members
            if one.origin
        ),
        state_belongs=manifest.state_folder if Path(manifest.state_folder).is_absolute() else "",
    )


def _refuse_used(into: Path) -> None:
    if into.is_symlink() or (into.exists() and not into.is_dir()):
        raise BackupError(f"{into} is no folder", "name a new one")
    if into.is_dir() and any(into.iterdir()):
        raise BackupError(
            f"{into} is not empty, and nothing is ever restored over an edge",
            "name a new folder; move what it holds in place afterwards",
        )


def _hindered(where: Path, error: OSError) -> BackupError:
    return BackupError(
        f"nothing is put back: {error.filename or where}: {error.strerror or error}",
        "run it as the edge's account or root, and where there is room",
    )


@contextmanager
def _reading(file: Path, key: Key) -> Iterator[SealedReader]:
    try:
        opened = file.open("rb")
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}", "name the backup") from None
    with opened:
        yield SealedReader(opened, key)


Sink = Callable[[str], BinaryIO | None]
"""Where the file of this name goes; None: nowhere."""


def _through(
    reader: SealedReader, file: Path, sink: Sink, progress: Progress, what: str
) -> Manifest:
    """Everything inside, read to its end and held against the manifest. Raises BackupError."""
    size, done = file.stat().st_size, 0
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            for info in tar:
                content = tar.extractfile(info) if info.isreg() else None
                if content is None or manifest is not None:
                    raise _foreign()
                if info.name == MANIFEST:
                    manifest = _manifest(content)
                    continue
                safe_name(info.name)
                found[info.name] = _passed(info.name, content, sink(info.name))
                done += info.size
                progress(what, min(done, size), size)
        # Behind the archive's end there is padding alone; the last piece says that it is the last.
        while reader.read(READ_BYTES):
            pass
    except tarfile.TarError:
        raise _foreign() from None
    if manifest is None:
        raise _foreign()
    told = {one.name: (one.size, one.sha256) for one in manifest.members}
    if told != {name: (one.size, one.sha256) for name, one in found.items()}:
        raise BackupError(
            "what is in it is not what it says that it holds",
            "take another copy of this backup, or an earlier one",
        )
    return manifest


def _foreign() -> BackupError:
    return BackupError(
        "what is inside is not understood", "use the version that made it, or a newer one"
    )


def _manifest(content: IO[bytes]) -> Manifest:
    try:
        return msgspec.json.decode(content.read(MANIFEST_BYTES_MAX), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _foreign() from None


def _passed(name: str, content: IO[bytes], out: BinaryIO | None) -> Member:
    digest, size = hashlib.sha256(), 0
    try:
        while data := content.read(READ_BYTES):
            digest.update(data)
            size += len(data)
            if out is not None:
                out.write(data)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out is not None:
            out.close()
    return Member(name, size, digest.hexdigest())


def _into(draft: Path) -> Sink:
    def sink(name: str) -> BinaryIO:
        path = draft / safe_name(name)
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.fdopen(os.open(path, flags, SECRET_MODE), "wb")

    return sink


def _in_journal_only(folder: Path) -> Sink:
    everything = _into(folder)
    return lambda name: everything(name) if name.startswith(f"{STATE}/{JOURNAL}/") else None


def _prove(journal: Path, progress: Progress) -> None:
    """Raises BackupError, JournalError."""
    report = verify_folder(
        journal, progress=lambda done, total: progress("proving the journal", done, total)
    )
    if not report.sound:
        raise BackupError(
            "the journal in it does not verify", "take an earlier backup, and keep this one"
        )


async def _anew(state: Path, manifest: Manifest) -> None:
    """A new incarnation, which goes on from the journal that was put back."""
    utc_us = time.time_ns() // 1_000

    async def opening(folder: Path, shrunk: bool) -> JournalWriter:
        return await JournalWriter.open(
            folder,
            site=manifest.site,
            edge=manifest.edge,
            entropy=os.urandom,
            utc_us=utc_us,
            shrunk=shrunk,
        )

    await begin_anew(state, opening, utc_us)


def _settled(draft: Path, manifest: Manifest) -> _Places:
    """Site file and state folder where the one finds the other; where the parts are then."""
    for path in sorted((draft / SITE).iterdir()):
        path.rename(draft / path.name)
    (draft / SITE).rmdir()
    inside = not Path(manifest.state_folder).is_absolute()
    state = Path(manifest.state_folder) if inside else Path(STATE)
    (draft / state.parent).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if state != Path(STATE):
        (draft / STATE).rename(draft / state)
    (draft / state).chmod(STATE_MODE)
    for folder, _, _ in os.walk(draft):
        sync_folder(Path(folder))
    return _Places(Path(), state, Path(OUTSIDE))
