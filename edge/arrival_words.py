"""How far an order has come, in words: `38 of 40 obeyed in 0.4 s; missing: roof (open)`."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from controller.arrival import Arrival
from edge.control.messages_orders import ArrivalReply, PortalArrival
from edge.present import clean, local

MISSING_SHOWN_MAX = 20
"""Named in one sentence; the table names all."""

_WHY = {
    Arrival.ORDERED: "no answer yet",
    Arrival.OPEN: "open",
    Arrival.STUCK: "stands open",
    Arrival.UNKNOWN: "its contact cannot be read",
}


def missing(portals: Sequence[PortalArrival]) -> list[PortalArrival]:
    """Those that could obey and do not. What nobody can see is told apart."""
    return [one for one in portals if not one.obeyed and not unseen(one)]


def unseen(portal: PortalArrival) -> bool:
    """Its device has confirmed, and no contact tells where the leaf is."""
    return portal.arrival is Arrival.DEVICE_CONFIRMED


def sentence(reply: ArrivalReply, zone: tzinfo) -> str:
    """The whole of it. `zone`: by whose wall times are said."""
    if not reply.portals:
        return "no portal of this edge is told anything by it"
    obeyed = sum(one.obeyed for one in reply.portals)
    took = "" if reply.took_ms is None else f" in {reply.took_ms / 1000:.1f} s"
    parts = [f"{obeyed} of {len(reply.portals)} obeyed{took}"]
    late = missing(reply.portals)
    if late:
        parts.append(f"missing: {_named(late, zone, reply.utc_us)}")
    blind = [one for one in reply.portals if unseen(one)]
    if blind:
        parts.append(f"locked, and nobody sees whether closed: {', '.join(_shown(blind))}")
    return clean("; ".join(parts))


def why(portal: PortalArrival, zone: tzinfo, utc_us: int) -> str:
    """Why a portal is missing, and since when where that was not just now."""
    if not portal.linked:
        return f"{portal.device} offline since {clock(portal, zone, utc_us)}"
    if portal.arrival is Arrival.OPEN and portal.released:
        return "released for the way out"
    return _WHY.get(portal.arrival, str(portal.arrival))


def clock(portal: PortalArrival, zone: tzinfo, utc_us: int) -> str:
    """`14:02`, with its day where that was another one."""
    since, now = local(portal.since_utc_us, zone), local(utc_us, zone)
    day, minute = since[:10], since[11:16]
    return minute if day == now[:10] else f"{day} {minute}"


def _named(portals: Sequence[PortalArrival], zone: tzinfo, utc_us: int) -> str:
    said = [f"{one.name} ({why(one, zone, utc_us)})" for one in portals[:MISSING_SHOWN_MAX]]
    return ", ".join((*said, *_rest(portals)))


def _shown(portals: Sequence[PortalArrival]) -> Iterator[str]:
    yield from (one.name for one in portals[:MISSING_SHOWN_MAX])
    yield from _rest(portals)


def _rest(portals: Sequence[PortalArrival]) -> Iterator[str]:
    if len(portals) > MISSING_SHOWN_MAX:
        yield f"and {len(portals) - MISSING_SHOWN_MAX} more"
