"""When somebody is told that a certificate nears its end: it stops the way to the archive alone."""

from collections.abc import Mapping

import msgspec

from controller.events_wire import CertificateExpiring
from policies.facts import UtcSeconds

DAYS_BEFORE = (30, 7, 1, 0)
"""An alarm at each; 0 is the end."""

DAY_S = 86_400


def days_left(until_s: UtcSeconds, now_s: UtcSeconds) -> int:
    """Begun days count; 0 when it has ended."""
    return max(0, -((now_s - until_s) // DAY_S))


def due(left: int) -> int | None:
    """The alarm that is due with so many days left: the last of DAYS_BEFORE that was reached; None
    before all of them.
    """
    return min((days for days in DAYS_BEFORE if left <= days), default=None)


class Told(msgspec.Struct, frozen=True):
    """The last alarm about one certificate; a renewed one has another end."""

    until_s: UtcSeconds
    due: int


def is_news(told: Mapping[str, Told], which: str, until_s: UtcSeconds, left: int) -> bool:
    """Whether an alarm is due that was not given yet."""
    now_due, before = due(left), told.get(which)
    if now_due is None:
        return False
    return before is None or before.until_s != until_s or now_due < before.due


def after_told(told: Mapping[str, Told], body: CertificateExpiring) -> dict[str, Told]:
    """With this alarm."""
    reached = due(body.days_left)
    if reached is None:
        return dict(told)
    return {**told, body.which: Told(body.until_s, reached)}
