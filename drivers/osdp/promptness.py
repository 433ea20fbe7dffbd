"""How long a reader is waited for, and who waits when somebody does not answer.

A reader may take 200 ms to begin its answer (clause 5.8). Waited for in full, half of a bus of 32
that loses its power at once would cost the other half six seconds, and they would count as gone as
well. So two things hold here:

- Where many readers share a line, a poll, and a probe of a reader that is away, wait less: all of
  them together a second and a half, but never less than the reader's own answers of late suggest,
  with a large margin. Seven readers and fewer are always waited for in full. Whoever is silent then
  is asked once more and waited for in full. Commands, keys and files always are: their reader may
  have more to do.
- After a silence the silent ones wait while the others are asked: twice as long as it has cost, so
  that most rounds of the others pass undisturbed. Where so many are silent that asking all of them
  would take more than two seconds then, they get the share of the line that is theirs by number.
"""

from enum import Enum

from drivers.telling import MS

REPLY_WITHIN_NS = 200 * MS  # until a reader must have begun its reply (clause 5.8)
QUICK_MIN_NS = 40 * MS  # a USB adapter alone may keep bytes for 16 ms
QUICK_MARGIN_NS = 30 * MS
QUICK_TIMES = 2
ROUND_NS = 1_500 * MS  # what the silence of a whole line may cost: neighbours have 2.5 s
PAUSE_TIMES = 2
ALL_ASKED_NS = 2_000 * MS  # in how long all silent ones are asked: whoever returns has 3 s
ASKED_AGAIN_NS = 500 * MS  # after this process stood still: every reader's turn comes in that time
FORGETTING = 64  # one slow answer is half forgotten after some 44 others
FULL_EVERY = 16  # of so many probes one waits in full: a reader may have become slow
FULL_EVERY_UNKNOWN = 4  # and of one that has never answered


def pause_ns(cost_ns: int, silent: int, living: int) -> int:
    """How long the silent ones wait after one of them has cost so much; see above."""
    if not living:
        return 0
    share_ns = cost_ns * living // silent
    return max(share_ns, min(PAUSE_TIMES * cost_ns, ALL_ASKED_NS // silent - cost_ns))


class Wait(Enum):
    """What a message's answer may take."""

    POLL = "as long as the reader's answers suggest"
    PROBE = "the same, and now and then in full"
    FULL = "as long as the standard allows"


class Promptness:
    """One reader's, of so many `readers`.

    `has_missed`: it was silent when it was asked last. `is_doubted`: more than one lost frame.
    """

    def __init__(self) -> None:
        self.has_missed = self.is_doubted = False
        self.readers = 1
        self._slowest_ns: int | None = None
        self._probes = 0

    def wait_ns(self, wait: Wait) -> int:
        """How long its answer is waited for, once it has been asked."""
        if wait is Wait.PROBE:
            self._probes += 1
            full_every = FULL_EVERY_UNKNOWN if self._slowest_ns is None else FULL_EVERY
            if self._probes % full_every == 0:
                return REPLY_WITHIN_NS
            return self._quick_ns(self._slowest_ns or 0)
        if wait is Wait.FULL or self.has_missed or self._slowest_ns is None:
            return REPLY_WITHIN_NS
        return self._quick_ns(self._slowest_ns)

    def answered(self, after_ns: int) -> None:
        """It has answered, so long after it was asked."""
        self.has_missed = self.is_doubted = False
        kept_ns = (self._slowest_ns or 0) * (FORGETTING - 1) // FORGETTING
        self._slowest_ns = max(after_ns, kept_ns)

    def _quick_ns(self, slowest_ns: int) -> int:
        quick_ns = max(QUICK_TIMES * slowest_ns + QUICK_MARGIN_NS, QUICK_MIN_NS)
        return min(max(quick_ns, ROUND_NS // self.readers), REPLY_WITHIN_NS)
