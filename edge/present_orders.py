"""What events of orders say to people, in words."""

from collections.abc import Callable
from typing import Any

from controller import events as ev
from controller.body import Body
from controller.orders import EndCause, Order
from edge.tone import Names, Said, Tone, always, operator
from policies.rights import OrderKind

ID_SIGNS = 12
"""Of an order's id, where people tell orders apart."""

ENDS = {
    EndCause.ORDERED: "ended by order",
    EndCause.TIME: "its time is over",
    EndCause.RESTART: "the edge was started again",
    EndCause.FIRE: "there is a fire",
    EndCause.JOURNAL: "the journal cannot be written",
    EndCause.REAL: "what was ordered since is no drill",
    EndCause.POSTURE: "a posture shuts the door",
}


def order_words(order: Order) -> str:
    """What is ordered, for where."""
    drill = "DRILL: " if order.drill else ""
    level = f" to level {order.level}" if order.level is not None else ""
    cover = f" of the {order.cover}" if order.kind is OrderKind.LOCKDOWN else ""
    where = ", ".join((*order.zones, *order.portals)) or "the whole site"
    if order.ends:
        where = ", ".join(one[:ID_SIGNS] for one in order.ends)
    return f"{drill}{order.kind}{level}{cover}, {where}"


def _accepted(body: ev.OrderAccepted, names: Names) -> Said:
    code = ", with a one-time code" if body.break_glass else ""
    late = "; it came late and frees nothing until somebody on the spot confirms it"
    words = f"order {body.order.id[:ID_SIGNS]}: {order_words(body.order)} ({body.order.reason})"
    said = f"{words}, {_by(body, names)}{code}, by {body.path}{late if body.late else ''}"
    return Tone.NOTICE if body.order.drill else Tone.ALARM, said


def _by(body: ev.OrderAccepted, names: Names) -> str:
    """Who answers for it. What the edge has signed by itself somebody has given there."""
    if body.people:
        return f"signed by {names.get('signed_by', f'{body.people} people')}"
    return f"given by {operator(names)}"


def _refused(body: ev.OrderRefused, names: Names) -> Said:
    what = f"an order {body.order_kind} ({body.path})".replace("  ", " ")
    return Tone.NOTICE, f"{what} that {operator(names)} brought is not taken: {body.reason}"


def _ended(body: ev.OrderEnded, _: Names) -> Said:
    by = f" {body.by[:ID_SIGNS]}" if body.by else ""
    what = f"the {body.order_kind} {body.order[:ID_SIGNS]} is in force no more"
    return Tone.NOTICE, f"{what}: {ENDS[body.cause]}{by}"


def _confirmed(body: ev.EvacuationConfirmed, names: Names) -> Said:
    what = f"the evacuation {body.order[:ID_SIGNS]} is meant, says {operator(names)}"
    return Tone.ALARM, f"{what}: ways out are freed"


def _challenged(body: ev.CountersChallenged, names: Names) -> Said:
    what = f"{operator(names)} wants orders to count again here"
    return Tone.NOTICE, f"{what}: two people have to sign {body.challenge}"


SAYINGS: dict[type[Body], Callable[[Any, Names], Said]] = {
    ev.OrderAccepted: _accepted,
    ev.OrderRefused: _refused,
    ev.OrderEnded: _ended,
    ev.OrdersSuspected: always(Tone.ALARM, "{body.refusals} orders were refused one after another"),
    ev.EvacuationConfirmed: _confirmed,
    ev.CountersChallenged: _challenged,
}
