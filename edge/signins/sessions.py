"""Who is signed in. A session is a row by its token's hash; it stands for as long as its time, and
its person's right, do: both are looked at whenever somebody asks on it.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from controller.events_signins import How, SessionEnd
from controller.moment import Moment
from edge.signins.book import Book
from edge.signins.codes import token_hash
from edge.signins.premises import Known, Premises
from edge.signins.records import Session
from edge.signins.store import SignInsError

IDLE_US = 15 * 60 * 1_000_000
"""A screen that nobody has touched for so long is locked: somebody else may stand before it."""

LASTS_US = 12 * 3600 * 1_000_000
"""A shift. Whoever works on signs in again."""

SESSIONS_MAX, OF_ONE_MAX = 500, 8
"""Open at once, and of one person: the oldest ends."""

STOP_S_MAX = 2.0
"""A disk that hangs holds up a stop for no longer."""

LOOK_S = 15.0
"""Between looks at sessions on which nobody asks."""

TOKEN_BYTES = 32

log = logging.getLogger(__name__)


class Open:
    """One session that stands, or stood a moment ago."""

    def __init__(self, session: Session, now: Moment) -> None:
        self.session = session
        left_us = min(LASTS_US, session.ends_us - now.utc_us)
        self.ends_mono_us = now.mono_us + left_us
        self.seen_mono_us = now.mono_us - max(0, now.utc_us - session.seen_us)
        self.kept = session
        """As the file has it."""
        self.changed = asyncio.Event()
        """It was locked, or is over."""
        self.over = False

    def change(self, session: Session) -> None:
        locked = session.locked != self.session.locked
        self.session = session
        if locked:
            self._tell()

    def end(self) -> None:
        self.over = True
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Sessions:
    """One place's."""

    def __init__(self, premises: Premises, book: Book, entropy: Callable[[int], bytes]) -> None:
        self._premises, self._book, self._entropy = premises, book, entropy
        now = premises.now()
        self._open = {one.hash: Open(one, now) for one in book.sessions}
        self._in_file = {one.hash: one for one in book.sessions}
        """What the file has, or may have."""
        self._due = asyncio.Event()
        """The file has a session that is over: a crash must not bring it back."""

    def __iter__(self) -> Iterator[Open]:
        return iter(tuple(self._open.values()))

    def found(self, token: str) -> Open | None:
        """The session of this token, if it stands."""
        one = self._open.get(token_hash(token, self._premises.incarnation))
        return None if one is None or self.look(one) is None else one

    def named(self, session: str) -> Open | None:
        return next((one for one in self if one.session.id == session), None)

    async def begin(self, who: Known, how: How, terminal: str, note: str = "") -> tuple[str, Open]:
        """A session of somebody who has proven who he is, once that is recorded; with its token,
        which is told to him alone.
        """
        premises = self._premises
        for other in self:
            if terminal and other.session.terminal == terminal:
                self.end(other, SessionEnd.REPLACED)
        self._make_room(who)
        identity = self._entropy(8).hex()
        premises.began(identity, who.holder, how, terminal, note)
        await premises.recorded()
        token = base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).decode().rstrip("=")
        now = premises.now()
        session = Session(
            hash=token_hash(token, self._premises.incarnation),
            id=identity,
            holder=who.holder,
            how=how,
            terminal=terminal,
            begun_us=now.utc_us,
            seen_us=now.utc_us,
            ends_us=now.utc_us + LASTS_US,
            locked=False,
        )
        opened = self._open[session.hash] = Open(session, now)
        await self._keep(opened)
        return token, opened

    def look(self, one: Open) -> Known | None:
        """Whose session it is, as of now; None where it is over. One that nobody used is locked."""
        if one.over:
            return None
        now = self._premises.now()
        if now.mono_us >= one.ends_mono_us:
            self.end(one, SessionEnd.TIME_OVER)
            return None
        who = self._premises.known(one.session.holder)
        if who is None:
            self.end(one, SessionEnd.NO_RIGHT)
            return None
        if not one.session.locked and now.mono_us - one.seen_mono_us >= IDLE_US:
            self.lock(one)
        return who

    def acted(self, one: Open) -> None:
        """Its person has done something."""
        if not one.session.locked:
            now = self._premises.now()
            one.seen_mono_us = now.mono_us
            one.change(msgspec.structs.replace(one.session, seen_us=now.utc_us))

    def lock(self, one: Open) -> None:
        one.change(msgspec.structs.replace(one.session, locked=True))

    async def unlock(self, one: Open, how: How, note: str = "") -> None:
        """Its person has proven that it is his; it is unlocked once that is recorded."""
        session = one.session
        self._premises.unlocked(session.id, session.holder, how, session.terminal, note)
        await self._premises.recorded()
        if one.over:
            return
        one.change(msgspec.structs.replace(one.session, locked=False))
        self.acted(one)

    def end(self, one: Open, why: SessionEnd, operator: str = "") -> None:
        """It stands no more, from here on; the file follows."""
        if one.over:
            return
        one.end()
        self._open.pop(one.session.hash, None)
        self._due.set()
        self._premises.ended(one.session.id, one.session.holder, why, operator)

    async def run(self) -> None:
        """See to sessions on which nobody asks, and bring the file to what stands; until cancelled.

        What the file still has of a session that is over is over as well: it is looked at anew
        when it is read.
        """
        try:
            while True:
                for one in self:
                    self.look(one)
                await self._written()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._due.wait()
                self._due.clear()
        finally:
            # A session that ended just now must not stand again after the next start.
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S_MAX):
                    await self._written()

    async def _written(self) -> None:
        """Bring the file to what stands."""
        try:
            if gone := [one for key, one in self._in_file.items() if key not in self._open]:
                await self._book.remove(*gone)
                for one in gone:
                    del self._in_file[one.hash]
            for opened in self:
                if opened.kept != opened.session:
                    await self._keep(opened)
        except SignInsError as error:
            log.error("sessions cannot be kept: %s", error)

    async def _keep(self, one: Open) -> None:
        """Where that fails it stands until the process ends, and no longer."""
        session = one.session
        self._in_file[session.hash] = session
        try:
            await self._book.put(session)
            one.kept = session
        except SignInsError as error:
            log.error("a session cannot be kept: %s", error)

    def _make_room(self, who: Known) -> None:
        own = [one for one in self if one.session.holder == who.holder]
        every = list(self)
        for found, most in ((own, OF_ONE_MAX), (every, SESSIONS_MAX)):
            standing = [one for one in found if not one.over]
            if len(standing) >= most:
                self.end(standing[0], SessionEnd.REPLACED)
