"""Incidents: what happened in words and in order, what was missing, and what is done about it.

An incident is a row of steps, each with who and when, and none is ever changed or taken away. It is
opened by hand, or by an alarm (`controller.alarms`); it is closed with a cause, gaps and
measures, and with less than those it is not. A measure may be a test of the policy: the decision as
it was recorded, and the verdict that a better policy gives.
"""

from typing import Annotated

import msgspec

from controller import events as ev
from controller.events import Entry, EntryError, decode_body, decode_entry
from policies.whatif import Recorded

MINUTE_US = 60_000_000

GROUP_US = 15 * MINUTE_US
"""An alarm so close to those of an open incident at its site belongs to it."""

BEFORE_US, AFTER_US = 5 * MINUTE_US, 15 * MINUTE_US
"""What a timeline shows around the alarms of an incident."""

ALARMS_NOTED_MAX = 200
"""Alarms that become steps; further ones are counted, and stand in the timeline as all entries do.
A contact that chatters does not fill the archive."""

OPEN_MAX = 200
"""Incidents that alarms keep open at one site; further alarms join the latest. Somebody who makes
alarms up does not fill the archive."""

TEXT_CHARS_MAX = 2_000
ITEMS_MAX = 50

Said = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]


class IncidentError(Exception):
    """It is not done; the text says why, and behind a semicolon what to do."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """`until_us` None: until it is closed."""

    title: Said
    since_us: int
    until_us: int | None = None


class AlarmJoined(msgspec.Struct, frozen=True, kw_only=True, tag="alarm"):
    """Its time is that of the edge."""

    edge: str
    incarnation: str
    seq: int
    kind: str


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag="note"):
    text: Said


class PolicyTest(msgspec.Struct, frozen=True, kw_only=True):
    """The decision `entry` as it is stored, and whether the policy of this version and digest, and
    every later one, grants it.
    """

    entry: str
    granted: bool
    code: int
    version: int
    policy: str

    @property
    def recorded(self) -> Recorded:
        """The decision with its whole question. Raises EntryError."""
        return recorded(decode_entry(self.entry.encode()))

    @property
    def words(self) -> str:
        verdict = "granted" if self.granted else "refused"
        return (
            f"entry {self.recorded.seq} has to be {verdict} from policy version {self.version} on"
        )


class MeasureTaken(msgspec.Struct, frozen=True, kw_only=True, tag="measure"):
    text: Said
    test: PolicyTest | None = None


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed"):
    """`gaps`: what was missing, of people, doors, rules or records."""

    cause: Said
    gaps: Annotated[tuple[Said, ...], msgspec.Meta(min_length=1, max_length=ITEMS_MAX)]


What = Opened | AlarmJoined | Noted | MeasureTaken | Closed


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`utc_us`: when, by the clock where it was said; an alarm's by that of its edge."""

    number: int
    utc_us: int
    who: str
    what: What


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`first_us` to `last_us`: from the first alarm to the last; by hand, what was said."""

    id: int
    site: str
    title: str
    drill: bool
    by_alarm: bool
    closed: bool
    first_us: int
    last_us: int
    alarms: int


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    summary: Summary
    steps: tuple[Step, ...]

    @property
    def measures(self) -> tuple[MeasureTaken, ...]:
        return tuple(step.what for step in self.steps if isinstance(step.what, MeasureTaken))

    @property
    def span(self) -> tuple[int, int]:
        """From when to when its timeline goes; the end is the first moment that is too late."""
        summary = self.summary
        if summary.by_alarm:
            return max(0, summary.first_us - BEFORE_US), summary.last_us + AFTER_US
        ends = [step.utc_us for step in self.steps if isinstance(step.what, Closed)]
        return summary.first_us, min((summary.last_us, *ends))


def refuse(incident: Incident, what: What) -> None:
    """Raises IncidentError where the step may not follow."""
    if incident.summary.closed and not isinstance(what, Noted):
        raise IncidentError(f"incident {incident.summary.id} is closed; a note can still be added")
    if isinstance(what, Closed) and not incident.measures:
        raise IncidentError(
            f"incident {incident.summary.id} has no measure; say one with `--measure`, or what"
            " policy changes it with `sentrypost central incident measure`"
        )


def recorded(entry: Entry) -> Recorded:
    """A decision, to be made again. Raises EntryError where the entry is none."""
    body = decode_body(entry)
    if not isinstance(body, ev.DecisionMade):
        raise EntryError(f"entry {entry.seq} is no decision but {entry.kind}")
    return Recorded(entry.seq, body.policy, body.request, body.decision)
