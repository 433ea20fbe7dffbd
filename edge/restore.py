"""The state after a restart: the newest snapshot that verifies, and the events after it."""

from controller.events import Body, Event, decode_body, decode_entry
from controller.state import SiteState, apply, restore
from edge.journal.writer import JournalWriter

READ_ENTRIES, READ_BYTES = 2_000, 4 * 1024 * 1024


class UnknownKind(Body, frozen=True, kw_only=True):
    """An event of a newer version: it keeps its number and changes nothing that we know of."""


async def restored_state(writer: JournalWriter) -> SiteState:
    """The state as the core left it. Raises JournalError or EntryError on a damaged journal."""
    newest = await writer.newest_snapshot()
    state = SiteState() if newest is None else restore(newest.state)
    while state.seq < writer.last_seq:
        for stored in await writer.read(state.seq + 1, READ_ENTRIES, READ_BYTES):
            entry = decode_entry(stored.entry)
            body = decode_body(entry) or UnknownKind()
            state = apply(state, Event(header=entry, body=body))
    return state
