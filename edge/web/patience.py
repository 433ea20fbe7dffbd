"""How long a browser may take, and how many connections one machine may have. Uvicorn waits for
ever for a request that never comes, and for the rest of one that has begun: somebody on the guards'
network who opens connections and says nothing would leave no room for anybody.
"""

import asyncio
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.web.own_machine import names_itself

HEAD_WITHIN_S = 10.0
"""From the connection, or the last answer, to the end of a request's head. Browsers that connect
beforehand do so again."""

BODY_WITHIN_S = 20.0
"""From a request's head to its end: a form is 256 KiB at most."""

ONE_ADDRESS_MAX = 64
"""Connections of one machine at once: ten screens with six each. This machine itself is not held to
it: whoever is on it has other means."""


READ_WITHIN_S = 30.0
"""What a browser does not take for so long, nobody looks at."""


class Patient(H11Protocol):
    """A connection that is closed where nothing comes of it. `counts`: connections of each address,
    of one server.
    """

    def __init__(self, counts: "Counter[str]", *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._counts = counts
        self._counted = ""
        self._phase: object = None
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = "" if self.client is None else self.client[0]
        if address and not names_itself(address):
            self._counted = address
            self._counts[address] += 1
            if self._counts[address] > ONE_ADDRESS_MAX:
                transport.abort()
                return
        self._look(HEAD_WITHIN_S)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._unread):
            if timer is not None:
                timer.cancel()
        if self._counted:
            self._counts[self._counted] -= 1
            self._counts += Counter()  # without those that have none left
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._look(HEAD_WITHIN_S)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Uvicorn's own pause between two requests ends with the first byte of the next.
        self._look(self.timeout_keep_alive + HEAD_WITHIN_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def _look(self, head_s: float) -> None:
        """From one part of a request to the next there is so much time; bytes that trickle give
        none.
        """
        phase = self.conn.their_state
        if phase is self._phase:
            return
        self._phase = phase
        if self._late is not None:
            self._late.cancel()
        seconds = {h11.IDLE: head_s, h11.SEND_BODY: BODY_WITHIN_S}.get(phase)
        self._late = (
            None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
        )
