"""What people ask of the running daemon about deliveries and couriers.

Whoever is let in with something is judged first, as anybody is whom a guard knows; what he brings
is on record with it.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from controller.deliveries import (
    DeliveryRefusal,
    why_not_handed,
    why_not_refused,
    why_not_taken,
)
from controller.events_visits import Goods, VisitId
from controller.ids import HolderId
from controller.inputs import Input
from controller.inputs_visits import DeliveryHandAsked, DeliveryRefuseAsked, DeliveryTakeAsked
from controller.ledger import Personal
from edge.control.messages_visitors import (
    VISITS_SHOWN_MAX,
    Brought,
    DeliveriesReply,
    DeliveryReply,
    HandOverDelivery,
    ReadDeliveries,
    RefuseDelivery,
    TakeDelivery,
)
from edge.control.messages_visits import LetPass, PassReply
from edge.daemon import Daemon
from edge.visit_desk import VisitDesk
from edge.visit_shown import deliveries_of_day, delivery_shown
from edge.visitor_words import NOBODY, REFUSED_DELIVERY
from policies.facts import Direction

OUTSIDE = "take it at the gate without letting anybody in, or refuse it"


class _Nobody(NamedTuple):
    """Whom nobody on file is called."""

    person: str


class DeliveryDesk:
    """One daemon's. `visits` lets people pass; `fresh()` draws an id."""

    def __init__(self, daemon: Daemon, visits: VisitDesk, fresh: Callable[[], str]) -> None:
        self._daemon = daemon
        self._visits = visits
        self._fresh = fresh

    async def take(self, asked: TakeDelivery, operator: str) -> DeliveryReply:
        """As `edge.control.desk_visitors.Deliveries` has it."""
        daemon, brought = self._daemon, asked.brought
        people = []
        for person in (brought.recipient, asked.bearer, asked.receiver):
            found = await self._person(person)
            if isinstance(found, _Nobody):
                return _nobody(found)
            people.append(found)
        delivery = self._fresh()
        fact = DeliveryTakeAsked(
            id=daemon.new_id(),
            delivery=delivery,
            goods=brought.goods,
            portal=brought.portal,
            place=asked.place,
            recipient=people[0],
            bearer=people[1],
            receiver=people[2],
            company=daemon.personal("company", brought.company),
            vehicle=self._said("vehicle", brought.vehicle),
            contents=self._said("contents", brought.contents),
            operator=daemon.personal("operator", operator),
        )
        why = why_not_taken(daemon.site.state, daemon.site.directory, fact)
        if why is not None:
            return _refused(why)
        if asked.bearer:
            passed = await self._let_in(asked, operator)
            if not passed.granted:
                return _kept_out(passed)
            done = await self._done(fact, delivery, "taken, and whoever brings it is let in")
            return _with_passage(done, passed)
        return await self._done(fact, delivery, "taken at the gate")

    async def hand(self, asked: HandOverDelivery, operator: str) -> DeliveryReply:
        """As `edge.control.desk_visitors.Deliveries` has it."""
        daemon, site = self._daemon, self._daemon.site
        receiver = await self._person(asked.receiver)
        if isinstance(receiver, _Nobody) or receiver is None:
            return _nobody(_Nobody(asked.receiver))
        why = why_not_handed(site.state, site.directory, asked.delivery, receiver)
        if why is not None:
            return _refused(why)
        fact = DeliveryHandAsked(
            id=daemon.new_id(),
            delivery=asked.delivery,
            receiver=receiver,
            operator=daemon.personal("operator", operator),
        )
        return await self._done(fact, asked.delivery, f"handed over to '{asked.receiver}'")

    async def refuse(self, asked: RefuseDelivery, operator: str) -> DeliveryReply:
        """As `edge.control.desk_visitors.Deliveries` has it."""
        daemon, what = self._daemon, asked.delivery
        at_gate = what if isinstance(what, Brought) else None
        delivery = what if isinstance(what, str) else self._fresh()
        fact = DeliveryRefuseAsked(
            id=daemon.new_id(),
            delivery=delivery,
            goods=None if at_gate is None else at_gate.goods,
            portal="" if at_gate is None else at_gate.portal,
            company=None if at_gate is None else daemon.personal("company", at_gate.company),
            vehicle=None if at_gate is None else self._said("vehicle", at_gate.vehicle),
            reason=daemon.personal("reason", asked.reason),
            operator=daemon.personal("operator", operator),
        )
        why = why_not_refused(daemon.site.state, fact)
        if why is not None:
            return _refused(why)
        polite = at_gate is not None and at_gate.goods is Goods.DIPLOMATIC_BAG
        call = "nobody opens or holds the bag: call the protocol officer" if polite else ""
        done = await self._done(fact, delivery, "refused")
        return DeliveryReply(
            accepted=done.accepted,
            reason=done.reason,
            remedy=call or done.remedy,
            recorded=done.recorded,
            shown=done.shown,
        )

    async def read(self, asked: ReadDeliveries) -> DeliveriesReply:
        """As `edge.control.desk_visitors.Deliveries` has it."""
        daemon, policy, now = self._daemon, self._daemon.site.policy, self._daemon.now()
        try:
            found = deliveries_of_day(daemon.site.state.deliveries, asked.day, policy.zone)
        except ValueError:
            found = []  # there is no such day, and so nothing came on it
        some = found[asked.begin : asked.begin + VISITS_SHOWN_MAX]
        return DeliveriesReply(
            timezone=policy.timezone,
            utc_s=now.utc_s,
            clock_trusted=now.trusted,
            total=len(found),
            deliveries=tuple([await delivery_shown(daemon, name, one) for name, one in some]),
        )

    # --- pieces ---

    async def _person(self, person: str) -> HolderId | _Nobody | None:
        """Who is meant; None where nobody is named."""
        if not person:
            return None
        record = await asyncio.to_thread(self._daemon.people.roll.named, person)
        return _Nobody(person) if record is None else HolderId(record.id)

    def _said(self, field: str, value: str) -> Personal | None:
        return self._daemon.personal(field, value) if value.strip() else None

    async def _let_in(self, asked: TakeDelivery, operator: str) -> PassReply:
        """Whoever has the courier's pass, with the guard's word as the factor."""
        brought = asked.brought
        rule = self._daemon.site.policy.portal(brought.portal)
        outwards = Direction.EXIT if rule is None else rule.way_out
        inwards = Direction.ENTRY if outwards is Direction.EXIT else Direction.EXIT
        bag = brought.goods is Goods.DIPLOMATIC_BAG
        wish = LetPass(
            portal=brought.portal,
            direction=inwards,
            person=asked.bearer,
            sealed_bag=bag,
            reason=f"brings a delivery: {brought.goods}",
        )
        return await self._visits.let_pass(wish, operator)

    async def _done(self, fact: Input, delivery: VisitId, what: str) -> DeliveryReply:
        daemon = self._daemon
        outcome = daemon.judge(fact)
        await daemon.recorder.drained()
        if not outcome.events:
            return DeliveryReply(
                accepted=False,
                reason="something else has happened to it in this moment",
                remedy="look at it again: `sentrypost delivery list`",
            )
        one = daemon.site.state.deliveries.get(delivery)
        return DeliveryReply(
            accepted=True,
            reason=what,
            recorded=not daemon.recorder.down,
            shown=None if one is None else await delivery_shown(daemon, delivery, one),
        )


def _nobody(nobody: _Nobody) -> DeliveryReply:
    reason = f"nobody on file has the id '{nobody.person}'"
    return DeliveryReply(accepted=False, reason=reason, remedy=NOBODY)


def _refused(why: DeliveryRefusal) -> DeliveryReply:
    reason, remedy = REFUSED_DELIVERY[why]
    return DeliveryReply(accepted=False, reason=reason, remedy=remedy)


def _kept_out(passed: PassReply) -> DeliveryReply:
    return DeliveryReply(
        accepted=False,
        reason="whoever brings it is not let in; nothing is taken",
        remedy=passed.remedy or OUTSIDE,
        granted=False,
        reasons=passed.reasons,
    )


def _with_passage(done: DeliveryReply, passed: PassReply) -> DeliveryReply:
    return DeliveryReply(
        accepted=done.accepted,
        reason=done.reason,
        remedy=done.remedy,
        recorded=done.recorded,
        shown=done.shown,
        granted=True,
        reasons=passed.reasons,
        released=passed.released,
    )
