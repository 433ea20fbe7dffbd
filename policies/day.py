"""What somebody can open on one day, hour by hour."""

from datetime import datetime, tzinfo

import msgspec

from policies.asked import Asked, Way, asked_for, unhindered
from policies.cells import Stretches, need_of
from policies.compiled import CompiledPolicy
from policies.facts import Direction, Request
from policies.hours import Span

SLOT_S = 1_800
"""What one sign of a strip stands for."""
OPENS, PARTLY, STANDS_OPEN, SHUT = "█", "▄", "○", "·"
RULER_HOURS = 3


class Hours(msgspec.Struct, frozen=True):
    """A stretch of time and what opens the passage in it."""

    span: Span
    asked: Asked


class PassageDay(msgspec.Struct, frozen=True):
    """`hours` follow each other without a gap."""

    portal: str
    direction: Direction
    way_out: bool
    zone: str  # entered, or left on the way out
    hours: tuple[Hours, ...]


def day_of(policy: CompiledPolicy, asker: Request, within: Span) -> tuple[PassageDay, ...]:
    """Every passage in the order of the policy. Of `asker` count the person, the posture and the
    circumstances; no limit of people stands in the way. Raises ValueError for a span above 400
    days or outside the calendar."""
    stretches = Stretches([policy], within)
    names = asker.holder.roles if asker.holder is not None else ()
    asker = unhindered(policy).before(asker)
    found = []
    for (portal, direction), passage in policy.passages.items():
        schedules = need_of(policy, portal, direction, names).schedules
        hours: list[Hours] = []
        for at_s, numbers in stretches.of(schedules):
            request = msgspec.structs.replace(asker, portal=portal, direction=direction, utc_s=at_s)
            asked = asked_for(policy, request)
            hours += [Hours(span, asked) for span in stretches.spans(numbers)]
        found.append(
            PassageDay(portal, direction, passage.way_out, passage.judged.id, _joined(hours))
        )
    return tuple(found)


def _joined(hours: list[Hours]) -> tuple[Hours, ...]:
    found: list[Hours] = []
    for one in sorted(hours, key=lambda hours: hours.span):
        if found and found[-1].asked == one.asked:
            found[-1] = Hours((found[-1].span[0], one.span[1]), one.asked)
        else:
            found.append(one)
    return tuple(found)


def strip(day: PassageDay, within: Span) -> str:
    """One sign for each half hour: opens, opens for a part of it, stands open, shut."""
    signs = []
    for start in range(within[0], within[1], SLOT_S):
        end = min(start + SLOT_S, within[1])
        inside = [h for h in day.hours if h.span[0] < end and h.span[1] > start]
        ways = {hours.asked.way for hours in inside}
        if ways <= {Way.OPEN, Way.FREE}:
            signs.append(STANDS_OPEN)
        elif Way.NEVER not in ways:
            signs.append(OPENS)
        else:
            signs.append(SHUT if ways == {Way.NEVER} else PARTLY)
    return "".join(signs)


def ruler(within: Span, zone: tzinfo) -> str:
    """The hours of the wall clock above a strip."""
    signs = ""
    for place, start in enumerate(range(within[0], within[1], SLOT_S)):
        wall = datetime.fromtimestamp(start, zone)
        if wall.hour % RULER_HOURS == 0 and wall.minute == 0:
            signs = f"{signs:<{place}}{wall:%H}"
    return f"{signs:<{(within[1] - within[0]) // SLOT_S}}"
