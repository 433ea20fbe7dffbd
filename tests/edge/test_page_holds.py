"""The proof of a hold: by the edge's own clock, of one session, and once."""

import pytest

from edge import page_holds
from edge.page_holds import Holds


class Clock:
    def __init__(self) -> None:
        self.now_us = 1_000_000
        self.holds = Holds(lambda: self.now_us, self._drawn)
        self._drawn_times = 0

    def _drawn(self, size: int) -> bytes:
        self._drawn_times += 1
        return self._drawn_times.to_bytes(size, "big")


EARLY_MS, LATE_MS = 800, 5_000


@pytest.mark.parametrize(
    ("after_us", "counts"),
    [
        (0, False),
        (EARLY_MS * 1000 - 1, False),
        (EARLY_MS * 1000, True),
        (LATE_MS * 1000, True),
        (LATE_MS * 1000 + 1, False),
    ],
)
def test_a_hold_counts_for_a_while_and_once(after_us: int, counts: bool) -> None:
    clock = Clock()
    armed = clock.holds.arm("one")
    assert (armed.after_ms, armed.within_ms) == (EARLY_MS, LATE_MS)
    assert armed.token not in repr(armed)
    clock.now_us += after_us
    assert (clock.holds.why_not("one", armed.token) is None) is counts
    clock.now_us = 1_000_000 + EARLY_MS * 1000
    assert clock.holds.why_not("one", armed.token), "whatever came of it, it was used"


def test_a_hold_is_of_one_session_and_the_newest_one() -> None:
    clock = Clock()
    former, other = clock.holds.arm("one"), clock.holds.arm("two")
    newest = clock.holds.arm("one")
    clock.now_us += EARLY_MS * 1000
    assert clock.holds.why_not("one", former.token)
    assert clock.holds.why_not("one", newest.token), "a wrong token uses up the right one"
    assert clock.holds.why_not("three", other.token)
    assert clock.holds.why_not("two", other.token) is None


def test_holds_are_kept_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_holds, "SESSIONS_MAX", 2)
    clock = Clock()
    tokens = {name: clock.holds.arm(name).token for name in ("one", "two", "three")}
    clock.now_us += EARLY_MS * 1000
    counted = [name for name, one in tokens.items() if clock.holds.why_not(name, one) is None]
    assert counted == ["two", "three"]
