"""A journal that is not to be believed is set aside, and a new one goes on from what it held.

Somebody cut it, or put an old copy back: written on, it would give numbers a second time, and no
archive could take both. Doors cannot wait until that is cleared up. So the old journal is kept as
evidence, and a new incarnation begins with the state that the old one ends with, which may lack
what was cut; that it was so is its first word (`JournalDoubted`).
"""

import logging
import shutil
from collections.abc import Awaitable, Callable
from itertools import chain, count
from pathlib import Path

from msgspec.structs import replace

from controller.state import snapshot
from edge.cosigned_beside import FILE as COSIGNED
from edge.journal import JournalShrank, JournalWriter
from edge.journal.folder import sync_folder
from edge.restore import restored_state

JOURNAL, FRESH, ASIDE = "journal", "journal.new", "journal.doubted"

Opening = Callable[[Path, bool], Awaitable[JournalWriter]]
"""Opens the journal in a folder; true: one that ends too early as well."""

log = logging.getLogger(__name__)


async def sound_journal(state: Path, opening: Opening, utc_us: int) -> JournalWriter:
    """The journal in the state folder; where it was doubted, a new one in its place.

    Raises JournalError as `JournalWriter.open`, and OSError where nothing can be set aside. A power
    cut at any moment leaves the old journal or the new one.
    """
    _finish(state)
    folder = state / JOURNAL
    try:
        writer = await opening(folder, False)
        if writer.doubted is None:
            return writer
    except JournalShrank as error:
        log.critical("%s", error)
        writer = await opening(folder, True)
    await _replaced(state, writer, opening, utc_us)
    return await opening(folder, False)


async def begin_anew(state: Path, opening: Opening, utc_us: int) -> None:
    """Set the journal in the state folder aside, and let a new one go on from it: what was put back
    from a copy may lack what came behind the copy. Raises as `sound_journal`.
    """
    _finish(state)
    await _replaced(state, await opening(state / JOURNAL, True), opening, utc_us)


async def _replaced(state: Path, writer: JournalWriter, opening: Opening, utc_us: int) -> None:
    before = writer.incarnation
    try:
        await _continued(state / FRESH, writer, opening, utc_us)
    finally:
        await writer.close()
    if (state / COSIGNED).exists():
        # It speaks of the journal that is set aside, as evidence with it.
        (state / COSIGNED).rename(state / JOURNAL / COSIGNED)
    (state / JOURNAL).rename(_aside(state, before))
    (state / FRESH).rename(state / JOURNAL)
    sync_folder(state)
    log.critical("the journal %s is set aside as evidence; a new one goes on from it", before)


def _aside(state: Path, incarnation: str) -> Path:
    """A name that is free: a copy of the same journal may have been put back before."""
    first = state / f"{ASIDE}.{incarnation}"
    later = (state / f"{first.name}.{number}" for number in count(2))
    return next(path for path in chain((first,), later) if not path.exists())


async def _continued(folder: Path, before: JournalWriter, opening: Opening, utc_us: int) -> None:
    """Make the new journal, whole: its state, and what it goes on from."""
    state = await restored_state(before)
    # Numbers of the old journal mean nothing in the new one.
    state = replace(state, seq=0, holders_seq=0, policy_seq=0, erasure_seq=0, doubted=False)
    fresh = await opening(folder, False)
    try:
        witnessed = max(before.acked, before.doubted or 0)
        await fresh.note_continues(f"{before.incarnation} {witnessed} {before.last_seq}")
        await fresh.put_snapshot(0, snapshot(state), utc_us)
    finally:
        await fresh.close()


def set_aside(state: Path) -> tuple[str, ...]:
    """Folders of journals that were set aside, with whoever is named in them; some milliseconds of
    disk.
    """
    return tuple(sorted(one.name for one in state.glob(f"{ASIDE}.*")))


def _finish(state: Path) -> None:
    """What a power cut left of a renewal."""
    fresh = state / FRESH
    if not fresh.exists():
        return
    if (state / JOURNAL).exists():
        shutil.rmtree(fresh)  # it may be half made; the old one is still there
    else:
        fresh.rename(state / JOURNAL)
    sync_folder(state)


def goes_on_from(writer: JournalWriter) -> tuple[str, int, int] | None:
    """Of which incarnation the journal is the continuation, with how many entries were seen of that
    one and how many it held; None where it is a first one.
    """
    parts = writer.continues.split()
    if len(parts) != 3 or not all(part.isdigit() for part in parts[1:]):
        return None
    return parts[0], int(parts[1]), int(parts[2])
