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
        self._said: tuple[str, int | None] = ("", None)

    async def run(self) -> None:
        """Look every hour, until cancelled."""
        while True:
            self.look(int(time.time()))
            await asyncio.sleep(LOOK_S)

    def look(self, now_s: int) -> None:
        """Say what is due at `now_s`. The files may have been renewed since."""
        try:
            found = identity(self._files)
        except TlsError as error:
            now: tuple[str, int | None] = (str(error), 0)
            text = str(error)
        else:
            until_s = int(min(found.until, found.authority_until).timestamp())
            own = found.until <= found.authority_until
            now = (f"{own} {until_s}", due(days_left(until_s, now_s)))
            text = _text("certificate" if own else "authority's certificate", until_s, now_s)
        if now != self._said and now[1] is not None:
            self._say(text)
        self._said = now


def _text(what: str, until_s: int, now_s: int) -> str:
    until = datetime.fromtimestamp(until_s, UTC).date()
    left = days_left(until_s, now_s)
    if not left:
        return f"our {what} ended on {until}: no broker takes it; renew it (sentrypost pki renew)"
    return f"our {what} ends in {left} days, on {until}; renew it (sentrypost pki renew)"
