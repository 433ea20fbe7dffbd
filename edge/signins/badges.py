"""Badges at terminals' own readers: each waits a moment for its PIN, typed at the page."""

from controller.ids import CredentialRef

BADGE_US = 30_000_000
"""From the badge to the PIN: long enough to type, too short to walk away from."""


class TerminalBadges:
    """What was held to which terminal's reader. Times are of a clock that never goes back."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[CredentialRef, int]] = {}

    def read(self, terminal: str, ref: CredentialRef, now_us: int) -> None:
        self._seen[terminal] = (ref, now_us)

    def waiting(self, terminal: str, now_us: int) -> tuple[CredentialRef, int] | None:
        """The badge that waits at this terminal, and for how long yet, in microseconds."""
        found = self._seen.get(terminal)
        if found is None:
            return None
        left_us = found[1] + BADGE_US - now_us
        if left_us <= 0:
            del self._seen[terminal]
            return None
        return found[0], left_us

    def taken(self, terminal: str) -> None:
        """It has signed somebody in, and does so once."""
        self._seen.pop(terminal, None)
