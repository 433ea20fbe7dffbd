"""The first start: where nobody can say who signs in, the daemon makes a one-time code for it.

The code goes into a file that only the daemon's account and root can read, and is shown where a
person has started the daemon in a terminal. Never into the log: logs are sent on and kept.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from controller.ids import HolderId
from edge.secret_file import remove_durably, replace_file
from edge.signins.book import Book
from edge.signins.codes import drawn, hashed
from edge.signins.premises import Premises
from edge.signins.records import CodeKind, OneTimeCode
from edge.signins.store import SignInsError

FILE = "first-sign-in.txt"
"""In the state folder, while nobody has used the code."""

FOR_GOOD_US = 2**53 - 1
"""It counts until it is used, or the daemon starts again."""

log = logging.getLogger(__name__)


class FirstCode:
    """One place's. `show`: puts the code before whoever sits at the terminal of the daemon."""

    def __init__(
        self,
        premises: Premises,
        book: Book,
        state: Path,
        entropy: Callable[[int], bytes],
        show: Callable[[str], None],
    ) -> None:
        self._premises, self._book, self._entropy, self._show = premises, book, entropy, show
        self._path = state / FILE

    @property
    def needed(self) -> bool:
        """Whether nobody can sign in, other than by a badge, who may say who signs in."""
        premises = self._premises
        if not premises.administrates:
            return False
        people = (HolderId(holder) for holder in self._book.known())
        found = (premises.known(one) for one in people if self._has_means(one))
        return not any(who is not None and premises.administrates in who.rights for who in found)

    async def begin(self) -> None:
        """At each start: an earlier code counts no more; a new one is made where it is needed."""
        try:
            earlier = [one for one in self._book.codes.values() if one.what is CodeKind.FIRST]
            await self._book.remove(*earlier)
            if not self.needed:
                await asyncio.to_thread(remove_durably, self._path)
                return
            code = drawn(self._entropy)
            kept = hashed(code, self._premises.incarnation)
            await self._book.put(
                OneTimeCode(hash=kept, what=CodeKind.FIRST, holder="", until_us=FOR_GOOD_US)
            )
            # Whoever reads the file may type the code at once.
            await asyncio.to_thread(replace_file, self._path, f"{code}\n".encode())
        except (SignInsError, OSError) as error:
            log.error("no code for the first administrator could be made: %s", error)
            return
        log.warning(
            "nobody can sign in at the pages yet: the one-time code for the first administrator "
            "stands in %s",
            self._path,
        )
        self._show(code)

    async def used(self) -> None:
        """There is an administrator."""
        try:
            await asyncio.to_thread(remove_durably, self._path)
        except OSError as error:
            log.error("%s is used up and cannot be removed: %s", self._path, error.strerror)

    def _has_means(self, holder: HolderId) -> bool:
        return holder in self._book.passwords or bool(self._book.passkeys_of(holder))
