"""Whether a door obeyed: what is known of each portal that an order is about.

A portal obeys when its device has confirmed the command and its leaf is seen closed. What cannot be
seen is said to be unseen and never to be secured.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from controller.ids import PortalId
from controller.orders import InForce
from controller.portal import Contact, Portal, State
from controller.posture import covers, freed_by
from policies.compiled import CompiledPolicy, PortalRule
from policies.rights import OrderKind

CONFIRMED = "confirmed"
"""What a driver says of a command that its device has carried out."""


class Action(StrEnum):
    """What a command did to a lock."""

    SECURE = "secure"
    FREE = "free"
    RELEASE = "release"


class Answer(msgspec.Struct, frozen=True):
    """The newest command to lock and to free that a portal's device has confirmed, each by the seq
    of the entry behind it; 0: none since the device came.
    """

    secured: int = 0
    freed: int = 0


class Arrival(StrEnum):
    """How far an order has come at one portal."""

    ORDERED = "ordered"
    DEVICE_CONFIRMED = "device-confirmed"  # and no contact tells where the leaf is
    CLOSED = "closed"
    CLOSED_AND_LOCKED = "closed-and-locked"
    FREED = "freed"  # by an evacuation
    OPEN = "open"
    STUCK = "stuck"
    UNKNOWN = "unknown"


OBEYED = frozenset({Arrival.CLOSED, Arrival.CLOSED_AND_LOCKED, Arrival.FREED})


class Arrived(msgspec.Struct, frozen=True):
    """`observable`: a contact tells whether the leaf is closed."""

    portal: PortalId
    arrival: Arrival
    observable: bool

    @property
    def obeyed(self) -> bool:
        return self.arrival in OBEYED


def after_answer(
    answers: Mapping[PortalId, Answer], portal: PortalId, action: Action, cause: int
) -> dict[PortalId, Answer]:
    """A device has confirmed a command."""
    known = answers.get(portal, Answer())
    if action is Action.SECURE:
        known = replace(known, secured=max(known.secured, cause))
    elif action is Action.FREE:
        known = replace(known, freed=max(known.freed, cause))
    return {**answers, portal: known}


def after_lost(answers: Mapping[PortalId, Answer], portal: PortalId) -> dict[PortalId, Answer]:
    """What a device confirmed before it went away says nothing of what it does when it is back."""
    return {other: known for other, known in answers.items() if other != portal}


def arrivals(
    one: InForce,
    policy: CompiledPolicy,
    portals: Mapping[PortalId, Portal],
    answers: Mapping[PortalId, Answer],
) -> tuple[Arrived, ...]:
    """Of every portal that the order is about, in the order of the policy."""
    freed = freed_by(one, policy) if one.order.kind is OrderKind.EVACUATE else frozenset()
    found = []
    for rule in policy.portals:
        portal_id = PortalId(rule.id)
        if portal_id in portals and covers(one, policy, portal_id):
            answer = answers.get(portal_id, Answer())
            portal = portals[portal_id]
            frees = rule.id in freed and not one.late
            said = _freed(one, portal, answer) if frees else _shut(one, rule, portal, answer)
            found.append(Arrived(portal_id, said, rule.contact))
    return tuple(found)


def _freed(one: InForce, portal: Portal, answer: Answer) -> Arrival:
    if not portal.linked:
        return Arrival.UNKNOWN
    return Arrival.FREED if answer.freed >= one.seq else Arrival.ORDERED


def _shut(one: InForce, rule: PortalRule, portal: Portal, answer: Answer) -> Arrival:
    if not portal.linked or portal.contact is Contact.FAULTED:
        return Arrival.UNKNOWN
    if portal.state in {State.HELD, State.FORCED}:
        return Arrival.STUCK
    if portal.contact is Contact.OPEN or portal.released:
        return Arrival.OPEN
    if answer.secured < one.seq:
        return Arrival.ORDERED
    if not rule.contact:
        return Arrival.DEVICE_CONFIRMED
    if portal.contact is Contact.UNKNOWN:
        return Arrival.UNKNOWN
    return Arrival.CLOSED_AND_LOCKED if portal.bolted else Arrival.CLOSED
