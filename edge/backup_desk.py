"""The journal given to whoever makes a backup, a step at a time between its appends."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from edge.control.message import Message
from edge.control.messages import PART_BYTES_MAX, FilePart
from edge.control.messages_backup import CopyReply, JournalRows
from edge.journal import JournalWriter
from edge.journal.copying import place_behind

TRIES = 3
"""An erasure takes seconds and pruning comes once a day: who meets them twice has had bad luck."""


class BackupDesk:
    """One daemon's."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._copying = asyncio.Lock()

    async def copy_journal(self) -> AsyncGenerator[Message, None]:
        """As `edge.control.desk_backup.Backups` has it."""
        if self._copying.locked():
            yield CopyReply(reason="another backup is being made", remedy="wait until it is done")
            return
        writer = self._writer
        async with self._copying:
            for _ in range(TRIES):
                before, place, anew = await writer.copy_mark(), await writer.copy_begin(), True
                while True:
                    rows = await writer.copy_rows(place)
                    place = place_behind(rows, place)
                    data = msgspec.msgpack.encode(rows)
                    for at in range(0, len(data), PART_BYTES_MAX):
                        yield FilePart(data=data[at : at + PART_BYTES_MAX])
                    yield JournalRows(reached=place.seq, last_seq=rows.last_seq, anew=anew)
                    anew = False
                    if rows.whole:
                        break
                if await writer.copy_mark() == before:
                    yield CopyReply(incarnation=writer.incarnation, last_seq=place.seq)
                    return
        yield CopyReply(
            reason="people are erased, or the journal is pruned, at this moment",
            remedy="try again in a minute",
        )
