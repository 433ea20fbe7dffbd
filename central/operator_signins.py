"""Signing in at the wall, put together: what the pages of an edge have (`edge.signins`), with
central's operators in the place of people on file.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from central.operator_record import OperatorRecord
from central.operator_store import OperatorsError, OperatorStore
from central.operators import Operators
from controller.moment import Moment
from edge.journal import JournalError
from edge.people import PinHasher, SiteKey
from edge.people.refs import KEY_BYTES, SiteKeyError, load_site_key
from edge.secret_file import write_new_secret
from edge.signins.book import Book
from edge.signins.desk import SignInDesk
from edge.signins.first import FirstCode
from edge.signins.held import Held
from edge.signins.limits import Limits
from edge.signins.parts import Parts
from edge.signins.passkeys import Passkeys
from edge.signins.passwords import Passwords
from edge.signins.premises import Known
from edge.signins.sessions import Open, Sessions
from edge.signins.store import SignInsError, SignInStore

KEY_FILE = "operators.key"
"""Seals the authenticators' secrets: a copy of their file alone gives none away."""

SEAL_USE = b"authenticators of operators"

LOCAL = "localhost"
"""The host to which passkeys are bound where nothing else is said: central's own machine."""

log = logging.getLogger(__name__)


class NoWallError(Exception):
    """Nobody can sign in at the wall. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class WallHeld(Held):
    """A conversation's hold of a session at the wall."""

    @property
    def rights(self) -> frozenset[str]:
        return self.who.rights


class OperatorSignIns(SignInDesk[WallHeld]):
    """One central's."""

    look = "see who there is with `sentrypost central operator list`, and what they may"

    def __init__(self, parts: Parts, first: FirstCode, operators: Operators) -> None:
        super().__init__(parts, first)
        self.operators = operators

    def _hold(self, opened: Open, who: Known) -> WallHeld:
        return WallHeld(self._parts, opened, who)


@asynccontextmanager
async def signing_in(
    state: Path,
    host: str,
    show: Callable[[str], None],
    entropy: Callable[[int], bytes] = os.urandom,
) -> AsyncIterator[OperatorSignIns]:
    """Operators may sign in meanwhile. `host`: to which passkeys are bound for good. `show`: puts
    the first operator's code before whoever has started central. Raises NoWallError.
    """
    try:
        key = await asyncio.to_thread(_key, state / KEY_FILE, entropy)
        store = await asyncio.to_thread(OperatorStore.open, state)
    except (SiteKeyError, OperatorsError, OSError) as error:
        raise _no_wall(error) from error
    try:
        book = Book(await asyncio.to_thread(SignInStore.open, state))
        try:
            record = await OperatorRecord.open(state, entropy)
            try:
                async with _running(state, host, show, entropy, key, store, book, record) as desk:
                    yield desk
            finally:
                await _closed(record)
        finally:
            book.close()
    except (SignInsError, OperatorsError, JournalError) as error:
        raise _no_wall(error) from error
    finally:
        store.close()


@asynccontextmanager
async def _running(
    state: Path,
    host: str,
    show: Callable[[str], None],
    entropy: Callable[[int], bytes],
    key: SiteKey,
    store: OperatorStore,
    book: Book,
    record: OperatorRecord,
) -> AsyncIterator[OperatorSignIns]:
    operators = Operators(store, record, moment, entropy)
    passwords = Passwords(PinHasher(), key.cipher(SEAL_USE), entropy)
    parts = Parts(
        premises=operators,
        book=book,
        sessions=Sessions(operators, book, entropy),
        limits=Limits(entropy),
        passwords=passwords,
        passkeys=Passkeys(host, operators.site, entropy),
        entropy=entropy,
    )
    desk = OperatorSignIns(parts, FirstCode(operators, book, state, entropy, show), operators)
    tasks = (
        asyncio.create_task(record.run(), name="record of operators"),
        asyncio.create_task(desk.run(), name="sign-ins at the wall"),
    )
    try:
        yield desk
    finally:
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
        try:
            await record.recorded()
        except JournalError as error:
            log.error("%s", error)
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)
        passwords.close()


async def _closed(record: OperatorRecord) -> None:
    try:
        await record.close()
    except JournalError as error:
        log.error("%s", error)


def moment() -> Moment:
    """Now. Sessions go by the clock that never goes back."""
    mono_us, utc_us = time.monotonic_ns() // 1_000, time.time_ns() // 1_000
    return Moment(mono_us=mono_us, utc_us=utc_us, trusted=True)


def show_first(code: str) -> None:
    """The first operator's code, where somebody has started central in a terminal: standard output
    of a service goes into a log.
    """
    if sys.stdout.isatty():
        sys.stdout.write(f"one-time code for the first operator at the wall: {code}\n")
        sys.stdout.flush()


def _key(path: Path, entropy: Callable[[int], bytes]) -> SiteKey:
    if not path.exists():
        write_new_secret(path, entropy(KEY_BYTES))
    return load_site_key(path)


def _no_wall(error: Exception) -> NoWallError:
    message, _, remedy = str(error).partition("; ")
    return NoWallError(message, remedy or "see the disk of central's state folder")
