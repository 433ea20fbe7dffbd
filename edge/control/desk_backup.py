"""What the control server needs of the daemon where a backup is made."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.control.message import Message


class Backups(Protocol):
    """As `edge.control.desk.Desk`, for backups."""

    def copy_journal(self) -> AsyncGenerator[Message, None]:
        """The whole journal, as `CopyJournal` is answered."""
        ...
