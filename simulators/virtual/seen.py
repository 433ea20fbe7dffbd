"""What happens at a virtual site, as somebody sees it who looks at doors and not at programs."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple


class What(StrEnum):
    """Kinds of things seen."""

    ENTRY = "entry"  # in the journal, durably
    RELEASED = "released"  # the output let the leaf go
    FAILED_SAFE = "failed-safe"  # the lock let go because its board lost power
    SECURED = "secured"
    OPENED = "opened"
    CLOSED = "closed"
    PRESENTED = "presented"
    TYPED = "typed"  # the right PIN
    MISTYPED = "mistyped"
    RECOGNISED = "recognised"  # the face of who stands there, in time
    EXIT_ASKED = "exit-asked"
    PASSED = "passed"
    REFUSED = "refused"
    GAVE_UP = "gave-up"
    FORCED = "forced"
    WEDGED = "wedged"
    FIRE = "fire"
    QUIET = "quiet"
    RESET = "reset"
    POSTURE = "posture"
    FAULT = "fault"
    MENDED = "mended"
    STARTED = "started"
    STOPPED = "stopped"
    KILLED = "killed"
    ARCHIVED = "archived"


class Seen(NamedTuple):
    """One thing. `where`: a portal, fire input, line or process; `detail`: a person, a number."""

    at_s: float
    what: What
    where: str
    detail: str = ""

    def __str__(self) -> str:
        day, rest = divmod(self.at_s, 86_400)
        hours, minutes = divmod(rest, 3_600)
        clock = f"{int(day)}d {int(hours):02}:{int(minutes // 60):02}:{minutes % 60:09.6f}"
        return f"{clock} {self.what} {self.where} {self.detail}".rstrip()


Witness = Callable[[Seen], None]


class Trace:
    """Everything seen, in order, as one hash; `keep` more: the lines as well."""

    def __init__(self, keep: Callable[[str], None] | None = None) -> None:
        self._hash = sha256()
        self._keep = keep
        self.count = 0
        self.kinds: dict[str, int] = {}

    def see(self, seen: Seen) -> None:
        self.count += 1
        self.kinds[seen.what] = self.kinds.get(seen.what, 0) + 1
        line = str(seen)
        self._hash.update(line.encode() + b"\n")
        if self._keep is not None:
            self._keep(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
