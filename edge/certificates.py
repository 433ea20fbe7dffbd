"""Until when our certificates hold, looked at now and then: they may be renewed at any time."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from edge.tls import Identity, TlsError

LOOK_S = 600.0
"""Reading two small files costs nothing; a clock that is trusted late is not late by much."""

log = logging.getLogger(__name__)


class CertificateWatch:
    """`read` gives what the files say, and is called on a thread; `tell(which, until_s)` is told of
    each, on the loop.
    """

    def __init__(self, read: Callable[[], Identity], tell: Callable[[str, int], object]) -> None:
        self._read = read
        self._tell = tell
        self._said = ""
        self.until_s: int | None = None
        """The end of ours, or of the authority if that is earlier; None while it is not known."""
        self._broker_until_s: int | None = None

    def saw_broker(self, until_s: int) -> None:
        """The broker has shown a certificate that ends then."""
        self._broker_until_s = until_s
        self._tell("broker", until_s)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        if self._broker_until_s is not None:
            self._tell("broker", self._broker_until_s)
        try:
            found = await asyncio.to_thread(self._read)
        except TlsError as error:
            self.until_s = None
            if str(error) != self._said:
                log.error("nothing goes to the broker: %s", error)
            self._said = str(error)
            return
        self._said = ""
        self.until_s = min(_seconds(found.until), _seconds(found.authority_until))
        self._tell("edge", _seconds(found.until))
        self._tell("authority", _seconds(found.authority_until))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
