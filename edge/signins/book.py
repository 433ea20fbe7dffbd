"""What is kept of signing in, in memory as it is in the file: the file first, then the memory."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from controller.ids import HolderId
from edge.signins.records import OneTimeCode, Passkey, Password, Record, Screen, Session
from edge.signins.store import SignInsError, SignInStore


class Book:
    """One place's. Every change raises SignInsError where the file cannot be written; then nothing
    has changed.
    """

    def __init__(self, store: SignInStore) -> None:
        """Raises SignInsError."""
        self._store = store
        self._turn = ThreadPoolExecutor(1, thread_name_prefix="sign-ins")
        kept = store.kept()
        self.passwords = {one.holder: one for one in kept.passwords}
        self.passkeys = {one.id: one for one in kept.passkeys}
        self.codes = {one.hash: one for one in kept.codes}
        self.screens = {one.terminal: one for one in kept.screens}
        self.sessions = kept.sessions
        """As they stood when the file was read."""

    def close(self) -> None:
        self._turn.shutdown(wait=False, cancel_futures=True)
        self._store.close()

    def passkeys_of(self, holder: HolderId) -> tuple[Passkey, ...]:
        return tuple(one for one in self.passkeys.values() if one.holder == holder)

    def known(self) -> frozenset[HolderId]:
        """Everybody of whom something is kept, open sessions apart."""
        codes = (HolderId(one.holder) for one in self.codes.values() if one.holder)
        passkeys = (one.holder for one in self.passkeys.values())
        return frozenset((*self.passwords, *passkeys, *codes))

    def of(self, holder: HolderId) -> tuple[Record, ...]:
        """What is kept of one person, open sessions apart."""
        password = self.passwords.get(holder)
        codes = (one for one in self.codes.values() if one.holder == holder)
        return (*(() if password is None else (password,)), *self.passkeys_of(holder), *codes)

    async def put(self, *records: Record) -> None:
        """All of them, or none."""
        await self._done(lambda: self._store.put(*records))
        for one in records:
            match one:
                case Password():
                    self.passwords[one.holder] = one
                case Passkey():
                    self.passkeys[one.id] = one
                case OneTimeCode():
                    self.codes[one.hash] = one
                case Screen():
                    self.screens[one.terminal] = one
                case Session():
                    pass  # whoever has them open knows them

    async def remove(self, *records: Record) -> None:
        """All of them, or none."""
        await self._done(lambda: self._store.remove(*records))
        for one in records:
            match one:
                case Password():
                    self.passwords.pop(one.holder, None)
                case Passkey():
                    self.passkeys.pop(one.id, None)
                case OneTimeCode():
                    self.codes.pop(one.hash, None)
                case Screen():
                    self.screens.pop(one.terminal, None)
                case Session():
                    pass

    async def _done(self, work: Callable[[], None]) -> None:
        try:
            job = self._turn.submit(work)
        except RuntimeError as error:
            raise SignInsError("it is stopping") from error
        await asyncio.wrap_future(job)
