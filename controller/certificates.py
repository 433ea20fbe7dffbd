"""When somebody is told that a certificate nears its end: it stops the way to the archive alone."""

DAYS_BEFORE = (30, 7, 1, 0)
"""An alarm at each; 0 is the end."""

DAY_S = 86_400


def days_left(until_s: int, now_s: int) -> int:
    """Begun days count; 0 when it has ended."""
    return max(0, -((now_s - until_s) // DAY_S))


def stage(until_s: int, now_s: int) -> int | None:
    """The alarm that is due: the last of DAYS_BEFORE that was reached; None before all of them."""
    left = days_left(until_s, now_s)
    return min((days for days in DAYS_BEFORE if left <= days), default=None)
