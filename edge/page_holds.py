"""Proof that somebody held a button: begun here, and ended here, by this edge's own clock.

A page that is asked "how long was it held?" can say anything. So it is told when to begin.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hmac import compare_digest
from typing import NamedTuple

from controller.moment import MILLISECOND_US, SECOND_US, Micros
from edge.control.messages_page_orders import HELD_S_MAX, HELD_S_MIN, HoldArmed

TOKEN_BYTES = 16

SESSIONS_MAX = 256
"""More than can be signed in; the oldest hold goes first, and whoever held holds again."""

EARLY_US, LATE_US = int(HELD_S_MIN * SECOND_US), int(HELD_S_MAX * SECOND_US)


class _Held(NamedTuple):
    token: str
    since_us: Micros


class Holds:
    """One edge's. `now_us`: of a clock that never goes back."""

    def __init__(self, now_us: Callable[[], Micros], entropy: Callable[[int], bytes]) -> None:
        self._now_us = now_us
        self._entropy = entropy
        self._held: dict[str, _Held] = {}

    def arm(self, session: str) -> HoldArmed:
        """Begun now, in the place of what this session began before."""
        token = urlsafe_b64encode(self._entropy(TOKEN_BYTES)).decode().rstrip("=")
        self._held.pop(session, None)
        self._held[session] = _Held(token, self._now_us())
        if len(self._held) > SESSIONS_MAX:
            self._held.pop(next(iter(self._held)))
        return HoldArmed(
            token=token,
            after_ms=EARLY_US // MILLISECOND_US,
            within_ms=LATE_US // MILLISECOND_US,
        )

    def why_not(self, session: str, token: str) -> str | None:
        """Why nothing was held by this token; None where it was. Either way it has been used."""
        held = self._held.pop(session, None)
        if held is None or not compare_digest(held.token, token):
            return "nothing was held: the button was used already, or somewhere else"
        held_us = self._now_us() - held.since_us
        if held_us < EARLY_US:
            return "it was not held for long enough"
        return "it was held too long ago" if held_us > LATE_US else None
