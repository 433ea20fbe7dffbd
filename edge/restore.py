"""The state after a restart: the newest snapshot that verifies, and the events after it."""

import logging

import msgspec

from controller.events import Body, EntryError, Event, decode_body, decode_entry
from controller.state import SiteState, apply, restore
from edge.journal.errors import JournalDamaged, JournalPruned
from edge.journal.record import Snapshot, Stored
from edge.journal.writer import JournalWriter

READ_ENTRIES, READ_BYTES = 2_000, 4 * 1024 * 1024

NO_STATE = (
    "no state behind them that this version can read is kept: start the version that ran last, "
    "or one that reads its state"
)

log = logging.getLogger(__name__)


class UnknownKind(Body, frozen=True, kw_only=True):
    """An event of a newer version: it keeps its number and changes nothing that we know of."""


async def restored_state(writer: JournalWriter) -> SiteState:
    """The state as the core left it.

    A snapshot of another version of Sentrypost is passed over: the events are all there still.
    Raises JournalError on a damaged journal, JournalPruned where they are not.
    """
    newest = await writer.newest_snapshot()
    state = SiteState() if newest is None else state_of(newest)
    while state.seq < writer.last_seq:
        try:
            found = await writer.read(state.seq + 1, READ_ENTRIES, READ_BYTES)
        except JournalPruned as error:
            raise JournalPruned(error.seq, error.upto, NO_STATE) from error
        for stored in found:
            state = apply(state, _event(stored))
    return state


def state_of(newest: Snapshot) -> SiteState:
    """The state that is kept in a snapshot; a fresh one where this version cannot read it."""
    fresh = SiteState()
    try:
        state = restore(newest.state)
    except msgspec.DecodeError as error:
        log.warning("the snapshot at %d cannot be read: %s; every entry is", newest.seq, error)
        return fresh
    if (state.version, state.seq) != (fresh.version, newest.seq):
        log.warning("the snapshot at %d is of another version; every entry is read", newest.seq)
        return fresh
    return state


def _event(stored: Stored) -> Event:
    try:
        entry = decode_entry(stored.entry)
        return Event(header=entry, body=decode_body(entry) or UnknownKind())
    except EntryError as error:
        raise JournalDamaged(stored.seq, f"this version cannot read it ({error})") from error
