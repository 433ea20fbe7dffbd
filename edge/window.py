"""Go-back-N over the journal: which entries to send next, and when to send them again.

Pure arithmetic over entry numbers; time is an argument. Numbers up to `base` are stored at the
archive by its own word; those after it up to `sent` are on their way.
"""

from collections import deque

BATCHES_IN_FLIGHT_MAX = 8
"""Fills a link of 100 ms and 5 MB/s; what is on its way is sent again after a loss."""

RESEND_S = 2.0
"""No progress for this long, and what is on its way counts as lost. Also the least time between
two returns, so that a forged or repeated message cannot make us send without end."""


class Window:
    """What is on its way to the archive."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.sent = base
        self.reached = base
        """The last number that was ever sent: nobody can have stored what is behind it."""
        self.round = 0
        """Changes whenever sending starts again at `base`: a batch read before is then stale."""
        self._flying: deque[tuple[int, bytes]] = deque()
        self._flying_max = BATCHES_IN_FLIGHT_MAX
        self._progress_s = 0.0
        self._returned_s: float | None = None

    @property
    def full(self) -> bool:
        return len(self._flying) >= self._flying_max

    @property
    def flying(self) -> int:
        """Batches that are on their way."""
        return len(self._flying)

    def launched(self, last: int, chain: bytes, now_s: float) -> None:
        """A batch from `sent + 1` to `last` was published; `chain` is the journal's there."""
        assert last > self.sent, "a batch has entries"
        if not self._flying:
            self._progress_s = now_s
        self._flying.append((last, chain))
        self.sent = last
        self.reached = max(self.reached, last)

    def chain_at(self, seq: int) -> bytes | None:
        """The chain at the end of a batch that is on its way; None where no such batch ends."""
        return next((chain for last, chain in self._flying if last == seq), None)

    def stored(self, mark: int, now_s: float) -> bool:
        """The archive has everything up to `mark`; true when that is more than was known."""
        if mark <= self.base:
            return False
        self.base = mark
        self._progress_s = now_s
        self._flying_max = BATCHES_IN_FLIGHT_MAX
        while self._flying and self._flying[0][0] <= mark:
            self._flying.popleft()
        if self.sent < mark:  # stored from before a return or a restart
            self.sent = mark
            self._flying.clear()
            self.round += 1
        return True

    def missing(self, mark: int, now_s: float) -> bool:
        """The archive lacks the entry after `mark` and has later ones; true when we go back."""
        if self._returned_s is not None and now_s - self._returned_s < RESEND_S:
            return False
        self._returned_s = now_s
        self.base = min(self.base, mark)
        self.restart(now_s)
        return True

    @property
    def stalls_s(self) -> float:
        """When what is on its way counts as lost, unless something comes back first."""
        return self._progress_s + RESEND_S

    def stalled(self, now_s: float) -> bool:
        """Something is on its way and nothing came back for too long."""
        return bool(self._flying) and now_s >= self.stalls_s

    def probe(self, now_s: float) -> None:
        """What flew is lost: send again, one batch at a time until one of them arrives. While
        central is away for days, a satellite link must not carry whole windows to nobody.
        """
        self.restart(now_s)
        self._flying_max = 1

    def restart(self, now_s: float) -> None:
        """Send everything after `base` again: the connection is new, or the archive lacks it."""
        self._flying_max = BATCHES_IN_FLIGHT_MAX
        self._flying.clear()
        self.sent = self.base
        self._progress_s = now_s
        self.round += 1
