"""What a backup asks of the running daemon."""

from collections.abc import Callable, Iterator

import msgspec

from edge.control.calling import unexpected
from edge.control.client import Client
from edge.control.messages import FilePart, Heartbeat
from edge.control.messages_backup import CopyJournal, CopyReply, JournalRows
from edge.journal.copying import Rows

ROWS_BYTES_MAX = 512 * 1024 * 1024
"""Of one step: the snapshots of a large site are some tens of megabytes."""


class BackupClient(Client):
    """As `Client`, for the copy of a journal."""

    def copy_journal(
        self, progress: Callable[[int, int], None]
    ) -> Iterator[tuple[JournalRows, Rows] | CopyReply]:
        """The steps in order; the last is what became of it. `progress` is called with entries
        copied and entries in all.
        """
        self._send(CopyJournal())
        parts = bytearray()
        while True:
            match self._receive():
                case FilePart(data=data) if len(parts) + len(data) <= ROWS_BYTES_MAX:
                    parts += data
                case JournalRows() as step:
                    yield step, msgspec.msgpack.decode(parts, type=Rows)
                    parts.clear()
                    progress(step.reached, step.last_seq)
                case CopyReply() as reply:
                    yield reply
                    return
                case Heartbeat():
                    pass
                case other:
                    raise unexpected(other)
