"""What the witness has cosigned last, in a file beside the journal's folder.

The journal's own copy of it is put back together with the journal. This one is not, unless somebody
puts back the whole state folder, which the witness alone can tell.
"""

import logging
from pathlib import Path

from edge.secret_file import replace_file

FILE = "cosigned"

BYTES_MAX = 16 * 1024
"""Ten times what a note with its lines takes."""

log = logging.getLogger(__name__)


class CosignedBeside:
    """Of one state folder. Its methods block on the disk for a moment, and never raise: what cannot
    be kept here stands in the journal.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FILE

    def keep(self, note: str) -> None:
        """In the place of the one before."""
        try:
            replace_file(self._path, note.encode())
        except OSError as error:
            log.warning("what the witness cosigned is not kept beside the journal: %s", error)

    def note(self) -> str | None:
        """None where there is none that could be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(BYTES_MAX).decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            log.warning("what the witness cosigned cannot be read beside the journal: %s", error)
            return None
