"""The words of a drill's report, the same on a terminal and on a page."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from controller.arrival import Action, Arrival
from controller.drill import LATE_US, DoorShown, Drill, FoundShown
from controller.moment import SECOND_US
from controller.orders import Cover, EndCause
from edge.drills import Report
from edge.present import local
from edge.tone import Tone
from policies.rights import OrderKind

Names = Mapping[str, tuple[str, str]]
"""The integrator's id and the name, by pseudonym."""

ENDS = {
    EndCause.ORDERED: "by an order",
    EndCause.TIME: "by itself: its time was over",
    EndCause.RESTART: "because the edge started anew",
    EndCause.FIRE: "because of a fire",
    EndCause.JOURNAL: "because nothing could be recorded",
    EndCause.REAL: "because of a real order",
    EndCause.POSTURE: "because of an order that shuts the doors",
}

ARRIVALS = {
    Arrival.ORDERED: "not confirmed",
    Arrival.DEVICE_CONFIRMED: "confirmed, leaf not observable",
    Arrival.CLOSED: "closed",
    Arrival.CLOSED_AND_LOCKED: "closed and bolted",
    Arrival.FREED: "free",
    Arrival.OPEN: "OPEN",
    Arrival.STUCK: "STUCK open",
    Arrival.UNKNOWN: "NOT KNOWN",
}

DOOR_HEADS = ("door", "was to be", "device confirmed", "obeyed", "at the end", "")
PEOPLE_HEADS = ("after", "person", "name", "seen at", "")

Cells = tuple[Tone, tuple[str, ...]]


def after(us: int | None) -> str:
    """So long after the order; `–`: never."""
    return "–" if us is None else f"{us / SECOND_US:.3f} s"


def head(report: Report, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """What was ordered, when, and how it ended: names and values."""
    drill, order = report.drill, report.drill.order
    what = f"{order.kind}, {order.cover}" if order.kind is OrderKind.LOCKDOWN else f"{order.kind}"
    if order.cover is Cover.PERIMETER and order.kind is OrderKind.LOCKDOWN:
        what = "lockdown of the perimeter"
    yield "drill of", what if drill.works_locks else f"{what}; no lock was worked"
    yield "where", ", ".join(order.zones) or "the whole site"
    yield "reason", order.reason
    yield "order", f"{order.id}, entry {drill.entry}"
    doubt = "" if drill.clock_trusted else " (by a clock that nobody vouched for)"
    yield "given", f"{local(drill.utc_us, zone)}{doubt}, by {_people(drill)}, {drill.path}"
    if drill.cause is None or drill.ended_utc_us is None:
        yield "ended", f"not yet, {after(drill.last_us)} after the order"
    else:
        how = f"by order {drill.by[:16]}" if drill.by else ENDS[drill.cause]
        when = f"{local(drill.ended_utc_us, zone)}, {after(drill.ended_us)} after the order"
        yield "ended", f"{when}, {how}"


def _people(drill: Drill) -> str:
    if not drill.people:
        return "a switch"
    return "one person" if drill.people == 1 else f"{drill.people} people"


def summary(drill: Drill) -> str:
    """The doors in one sentence."""
    if not drill.doors:
        return "The order was about no door."
    if not drill.works_locks:
        away = sum(not door.linked for door in drill.doors)
        reached = f"{len(drill.doors) - away} of {len(drill.doors)} doors could be reached"
        return f"{reached} when the order came; no lock was worked."
    times = [door.obeyed_us for door in drill.doors if door.obeyed_us is not None]
    said = f"{len(times)} of {len(drill.doors)} doors obeyed"
    if times:
        said += f", the slowest after {after(max(times))}"
    unseen = [one for one in drill.doors if one.obeyed_us is None and not one.missing]
    parts = [said]
    if drill.late:
        parts.append(f"{len(drill.late)} later than {LATE_US / SECOND_US:.0f} s")
    if unseen:
        parts.append(f"{len(unseen)} confirmed and cannot be seen")
    if drill.missing:
        names = ", ".join(door.portal for door in drill.missing)
        parts.append(f"missing: {names}")
    return f"{'; '.join(parts)}."


def people_summary(drill: Drill) -> str:
    """The muster in one sentence."""
    standing = [one for one in drill.found if not one.undone]
    if not drill.mustered and not standing:
        return "Nobody was mustered."
    count = len({one.holder for one in standing})
    said = "1 person checked off" if count == 1 else f"{count} people checked off"
    if standing:
        said += f", the last {after(standing[-1].after_us)} after the order"
    if drill.replaced:
        return f"{said}; a real muster took its place after {after(drill.muster_us)}."
    if drill.unfound is None:
        return f"{said}; the muster was not ended."
    return f"{said}; {drill.unfound} still missing when it ended, after {after(drill.muster_us)}."


def warnings(report: Report) -> Iterator[str]:
    """What keeps the report from being whole."""
    if report.pruned:
        yield "Entries of this drill are not kept here any more: what they told is missing."
    if report.other_policy:
        yield (
            "Another policy is in force by now: doors that it has and the drill had not, or the "
            "other way round, are told wrongly."
        )
    if report.drill.cause is None:
        yield "The drill goes on: what is here is what there is so far."


def doors(drill: Drill) -> Iterator[Cells]:
    """A row for each door: those that never obeyed first, then the slowest."""
    for door in sorted(drill.doors, key=_by_trouble):
        wanted = "freed" if door.action is Action.FREE else "locked"
        if not drill.works_locks:
            linked = "reachable" if door.linked else "DID NOT ANSWER"
            yield Tone.PLAIN if door.linked else Tone.NOTICE, (door.portal, wanted, linked)
            continue
        cells = (
            door.portal,
            wanted,
            after(door.confirmed_us),
            after(door.obeyed_us),
            ARRIVALS[door.arrival],
            ", ".join(_remarks(door)),
        )
        yield Tone.ALARM if door.missing else Tone.NOTICE if door.late else Tone.PLAIN, cells


def _by_trouble(door: DoorShown) -> tuple[bool, int, str]:
    return (not door.missing, -(door.obeyed_us or 0), door.portal)


def _remarks(door: DoorShown) -> Iterator[str]:
    if door.missing:
        yield "MISSING"
    if door.late:
        yield "LATE"
    if not door.linked:
        yield "did not answer when the order came"
    if not door.observable:
        yield "no contact: never called secured"


def people(drill: Drill, names: Names) -> Iterator[Cells]:
    """A row for each check, in the order of the journal."""
    for one in drill.found:
        yield _person(one, names)


def _person(one: FoundShown, names: Names) -> Cells:
    person, name = names.get(one.holder, ("?", f"not on file ({one.holder})"))
    undone = "taken back" if one.undone else ""
    return (
        Tone.NOTICE if one.undone else Tone.PLAIN,
        (after(one.after_us), person, name, one.where, undone),
    )
