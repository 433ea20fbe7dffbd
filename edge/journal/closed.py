"""The segments of a journal that no daemon uses, read without changing anything in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.journal import folder as files
from edge.journal import tables
from edge.journal.disk import Connection
from edge.journal.errors import UNREADABLE, failed
from edge.journal.segments import Segments, none_there, present


def opened_segment(path: Path) -> Connection:
    """One of them. Only under the folder's lock. Raises JournalError, sqlite3.Error."""
    try:
        files.look(path)
        return files.connect_to_read(path)
    except OSError as error:
        raise failed(error, path.parent) from error


@contextmanager
def opened_to_read(folder: Path) -> Iterator[Segments]:
    """The journal in a folder, locked meanwhile; rows still in a write-ahead log are seen too.

    Raises JournalInUse, JournalForeign, JournalNewer, JournalMissing, JournalFailed; inside the
    block, sqlite3.Error becomes JournalFailed.
    """
    try:
        lock = files.FolderLock.for_reading(folder)
        names = files.names_in(folder)
    except OSError as error:
        raise failed(error, folder) from error
    numbers: tuple[int, ...] = ()
    try:
        numbers = present(folder, names)
        if not numbers:
            raise none_there(folder)
        path = folder / files.segment_name(numbers[-1])
        active = opened_segment(path)
        try:
            tables.refuse_schema(path, active)
            segments = Segments(folder, numbers, active, opened_segment)
        except BaseException:
            active.close()
            raise
        try:
            yield segments
        finally:
            segments.shut()
    except UNREADABLE as error:
        raise failed(error, folder) from error
    finally:
        if lock is not None:
            for number in numbers:
                files.forget_reading(folder / files.segment_name(number))
            lock.release()


def newest_seq(segments: Segments) -> int:
    """The newest entry's number. Raises sqlite3.Error."""
    active = segments.active
    connection = segments.connection(active.number)
    (seq,) = connection.execute("SELECT max(seq) FROM entry").fetchone()
    return active.seq if seq is None else int(seq)
