"""Which browser is which terminal. The site file says which terminals there are; a browser becomes
one by a one-time code alone, which whoever may say who signs in has made, and is it by a token from
then on. What a browser says of itself counts for nothing: whoever is a terminal is offered the
badges of its reader.
"""

import base64
from collections.abc import Callable
from typing import NamedTuple

from controller.events_signins import SessionEnd, TerminalChange
from controller.moment import Micros
from edge.control.messages_pages import CodeMade, SignInChanged, TerminalShown
from edge.signins.book import Book
from edge.signins.codes import LINKED_US, drawn, hashed, screen_hash
from edge.signins.edge_premises import EdgePremises
from edge.signins.parts import SEE_LOG, UNKEPT
from edge.signins.records import Screen
from edge.signins.sessions import TOKEN_BYTES, Sessions
from edge.signins.store import SignInsError

UNKNOWN = "the site file has no such terminal"
KNOWN = "it is a [terminal.NAME] there; the daemon reads it when it starts"
NO_SCREEN = "no browser is this terminal"


class _Code(NamedTuple):
    """One that waits. `operator`: who has made it."""

    terminal: str
    operator: str
    until_us: Micros


class Terminals:
    """One edge's. Codes are kept in memory alone: none outlives the daemon."""

    def __init__(
        self,
        premises: EdgePremises,
        book: Book,
        sessions: Sessions,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._premises, self._book, self._sessions = premises, book, sessions
        self._entries, self._entropy = premises.config.terminals, entropy
        self._codes: dict[bytes, _Code] = {}

    def of(self, token: str) -> str:
        """The terminal that a browser with this token is; empty: none."""
        if not token:
            return ""
        found = screen_hash(token, self._premises.incarnation)
        named = (one.terminal for one in self._book.screens.values() if one.hash == found)
        return next((one for one in named if one in self._entries), "")

    def stands(self, terminal: str) -> bool:
        """Whether a session that began at this terminal, or at none, may go on. Without its
        terminal it would be bound to no portals at all.
        """
        return not terminal or (terminal in self._entries and terminal in self._book.screens)

    async def code(self, terminal: str, operator: str) -> CodeMade:
        """For one browser, once, and in the place of an earlier one."""
        if terminal not in self._entries:
            return CodeMade(reason=UNKNOWN, remedy=KNOWN)
        await self._recorded(terminal, TerminalChange.CODE_MADE, operator)
        now = self._premises.now()
        code = drawn(self._entropy)
        self._codes = {key: one for key, one in self._codes.items() if one.terminal != terminal}
        waiting = _Code(terminal, operator, now.mono_us + LINKED_US)
        self._codes[hashed(code, self._premises.incarnation)] = waiting
        return CodeMade(code=code, until_utc_us=now.utc_us + LINKED_US)

    async def taken(self, typed: str) -> tuple[str, str] | None:
        """Terminal and token of the browser that is it from here on; None: no code of ours. Who was
        signed in at the one before is signed out. Raises SignInsError, and the code is used.
        """
        code = self._codes.pop(hashed(typed, self._premises.incarnation), None)
        if code is None or code.until_us <= self._premises.now().mono_us:
            return None
        await self._recorded(code.terminal, TerminalChange.TAKEN, code.operator)
        await self._let_go(code.terminal, code.operator)
        token = base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).decode().rstrip("=")
        await self._book.put(
            Screen(
                terminal=code.terminal,
                hash=screen_hash(token, self._premises.incarnation),
                made_us=self._premises.now().utc_us,
            )
        )
        return code.terminal, token

    async def removed(self, terminal: str, operator: str) -> SignInChanged:
        """No browser is it from here on, and a code that waits for one counts no more."""
        waiting = {key: one for key, one in self._codes.items() if one.terminal == terminal}
        if terminal not in self._book.screens and not waiting:
            return SignInChanged(done=False, reason=NO_SCREEN)
        self._codes = {key: one for key, one in self._codes.items() if key not in waiting}
        await self._recorded(terminal, TerminalChange.REMOVED, operator)
        try:
            await self._let_go(terminal, operator)
        except SignInsError as error:
            return SignInChanged(done=False, reason=f"{UNKEPT}: {error}", remedy=SEE_LOG)
        return SignInChanged(done=True)

    def shown(self) -> tuple[TerminalShown, ...]:
        """Those of the site file."""
        return tuple(
            TerminalShown(
                terminal=name,
                portals=entry.portals,
                reader=entry.reader is not None,
                since_utc_us=0 if (one := self._book.screens.get(name)) is None else one.made_us,
            )
            for name, entry in sorted(self._entries.items())
        )

    async def _let_go(self, terminal: str, operator: str) -> None:
        """Of the browser that was it nothing counts any more, after a crash neither."""
        screen = self._book.screens.get(terminal)
        there = [one for one in self._sessions if one.session.terminal == terminal]
        for one in there:
            self._sessions.end(one, SessionEnd.ENDED, operator)
        gone = () if screen is None else (screen,)
        await self._book.remove(*gone, *(one.session for one in there))

    async def _recorded(self, terminal: str, change: TerminalChange, operator: str) -> None:
        """The record first, then the change."""
        self._premises.terminal(terminal, change, operator)
        await self._premises.recorded()
