"""Central's own certificate: whose it has to be, and what is said of its end."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from controller.certificates import days_left, due
from edge.pki.names import Role, subject_of
from edge.tls import TlsError, TlsFiles, identity

LOOK_S = 3_600.0


def files_of(ca: Path | None, certificate: Path | None, key: Path | None) -> TlsFiles | None:
    """What the options name; None without TLS. Raises TlsError where it is not a central's."""
    if ca is None and certificate is None and key is None:
        return None
    if ca is None or certificate is None:
        said = "--ca and --certificate go together"
        raise TlsError("certificate", said, "name both, as `sentrypost pki` has made them")
    files = TlsFiles(ca, certificate, key)
    name = identity(files).name
    found = subject_of(name)
    if found is None or found.role is not Role.CENTRAL:
        raise TlsError(
            "certificate",
            f"{certificate} is of '{name}', which is no central",
            "use the file that `sentrypost pki central` has made",
        )
    return files


class Expiry:
    """Says once for each alarm that is due, and again after a renewal that was none."""

    def __init__(self, files: TlsFiles, say: Callable[[str], None]) -> None:
        self._files = files
        self._say = say
        self._said: dict[str, tuple[str, int | None]] = {}
        self._broker_until_s: int | None = None

    def saw_broker(self, until_s: int) -> None:
        """The broker has shown a certificate that ends then."""
        self._broker_until_s = until_s
        self.look(int(time.time()))

    async def run(self) -> None:
        """Look every hour, until cancelled."""
        while True:
            self.look(int(time.time()))
            await asyncio.sleep(LOOK_S)

    def look(self, now_s: int) -> None:
        """Say what is due at `now_s`. The files may have been renewed since."""
        if self._broker_until_s is not None:
            self._judge("the broker's certificate", self._broker_until_s, now_s)
        try:
            found = identity(self._files)
        except TlsError as error:
            self._once("file", (str(error), 0), str(error))
            return
        self._said.pop("file", None)
        self._judge("our certificate", int(found.until.timestamp()), now_s)
        authority_until_s = int(found.authority_until.timestamp())
        self._judge("the authority's certificate", authority_until_s, now_s)

    def _judge(self, what: str, until_s: int, now_s: int) -> None:
        now = (str(until_s), due(days_left(until_s, now_s)))
        self._once(what, now, _text(what, until_s, now_s))

    def _once(self, what: str, now: tuple[str, int | None], text: str) -> None:
        if now[1] is not None and now != self._said.get(what):
            self._say(text)
        self._said[what] = now


def _text(what: str, until_s: int, now_s: int) -> str:
    until = datetime.fromtimestamp(until_s, UTC).date()
    left = days_left(until_s, now_s)
    if not left:
        return f"{what} ended on {until}: nothing arrives; renew it (sentrypost pki renew)"
    return f"{what} ends in {left} days, on {until}; renew it (sentrypost pki renew)"
