"""What every way of signing in works with."""

from collections.abc import Callable
from typing import NamedTuple

from controller.events_signins import How
from controller.ids import HolderId
from edge.control.messages_pages import SignedIn
from edge.signins.book import Book
from edge.signins.limits import EVERYBODY, Key, Limits, Of
from edge.signins.passkeys import Passkeys
from edge.signins.passwords import Passwords
from edge.signins.premises import Premises
from edge.signins.sessions import Open, Sessions

WRONG = "that does not sign anybody in here"
TRY_AGAIN = "check what you typed and try again, or use another way"
BUSY = "too many are being checked at this moment"
SOON = "try again in a few seconds"
TOO_OFTEN = "too many tries have failed"
WAIT = "wait, or use another way to sign in"
UNKEPT = "it cannot be kept: the disk does not take it"
SEE_LOG = "the log says why"


class Parts(NamedTuple):
    """One place's."""

    premises: Premises
    book: Book
    sessions: Sessions
    limits: Limits
    passwords: Passwords
    passkeys: Passkeys
    entropy: Callable[[int], bytes]

    def keys(self, terminal: str, how: How | None = None, who: str = "") -> tuple[Key, ...]:
        """What a try is counted for. Each way of somebody's is counted by itself: who guesses at
        his password keeps nobody from badge and PIN.
        """
        person = () if how is None else (Key(Of.PERSON, f"{how.value} {who}"),)
        if self.place(terminal):
            # Only one browser tries there, and nobody shuts it by trying elsewhere.
            return (*person, Key(Of.TERMINAL, terminal))
        return (*person, EVERYBODY)

    def place(self, terminal: str) -> str:
        """A screen that the site file does not name is no terminal."""
        return terminal if self.premises.has_terminal(terminal) else ""

    def refused_wait(self, keys: tuple[Key, ...]) -> SignedIn | None:
        """The answer where no try is looked at now."""
        wait_us = self.limits.wait_us(keys, self.premises.now().mono_us)
        if wait_us <= 0:
            return None
        return SignedIn(reason=TOO_OFTEN, remedy=WAIT, wait_s=wait_us / 1_000_000)

    def counted(self, keys: tuple[Key, ...]) -> int:
        """One more try; the most in a row."""
        return self.limits.count(keys, self.premises.now().mono_us)

    def wrong(
        self, how: How, holder: HolderId | None, terminal: str, keys: tuple[Key, ...]
    ) -> SignedIn:
        """The answer to what nobody guesses: a key's signature, a code of 80 bits. What is right is
        looked at always, so that nobody is kept out by tries of others; of what is wrong no more is
        counted and put on record than of guesses.
        """
        refused = self.refused_wait(keys)
        return refused or self.failed(how, holder, terminal, self.counted(keys), keys)

    def failed(
        self, how: How, holder: HolderId | None, terminal: str, tries: int, keys: tuple[Key, ...]
    ) -> SignedIn:
        """Record it, and say nothing of what was wrong."""
        self.premises.refused(how, holder, self.place(terminal), tries)
        wait_us = self.limits.wait_us(keys, self.premises.now().mono_us)
        return SignedIn(reason=WRONG, remedy=TRY_AGAIN, wait_s=max(0, wait_us) / 1_000_000)


class Let(NamedTuple):
    """Somebody who was let in: his token, and his session."""

    token: str
    opened: Open
