"""Orders at one edge: whichever way an envelope came, what becomes of it, and how far it has come.

An order acts because of who has signed it. Its signatures are judged here, on the event loop and at
once: a lockdown waits for no thread that something else has. Whether it counts is the core's to
say, and so is what follows from it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import islice
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from controller.body import Body
from controller.events import CountersChallenged, EvacuationConfirmed, OrderAccepted, OrderRefused
from controller.ids import HolderId, OrderId
from controller.inputs import CountersAsked, EvacuationConfirmAsked, OrderOffered, OrderRejected
from controller.orders import RAISING, STANDING, Order
from controller.site import Outcome
from edge.arrivals import Arrivals
from edge.break_glass import BreakGlassError, CodeChecker
from edge.config import Config
from edge.control.messages_orders import (
    FILES_MAX,
    ArrivalReply,
    Carrier,
    ChallengeReply,
    OrderFile,
    OrderFiles,
    OrderReply,
    OrdersReply,
    PostureReply,
)
from edge.daemon import Daemon
from edge.order_core import core_order, person_named
from edge.order_own import OwnOrder, OwnOrders
from edge.order_showing import Showing, said_of
from edge.order_sources import LocalSources
from edge.orders import AnyOrder, OrderError
from edge.sign_counts import SignCounts
from edge.signatures import SignatureError, SigningKey, TrustedKey, Use
from edge.signed_orders import SignedOrder, order_of
from edge.signers import KnownSigners
from edge.site_file import GivenEntry

TOGETHER_S = 0.005
"""From an entry until the doors are looked at: what it lets act goes first, and forty doors answer
within some tens of milliseconds."""

CHALLENGE_BYTES = 16

PAGE = "page"
"""The way of an order that somebody has given who has signed in at a page."""

OVER_THE_WIRE = "somebody, over the wire"
"""Who brought it is not known there; the signatures say who answers for it."""

QUARANTINED = "`sentrypost order challenge` draws what two people sign so that orders count again"
TOO_FEW = "have it signed by whoever is missing with `sentrypost order sign`, or make it anew"
MAKE_ANEW = "make it anew if it is meant again"
CHECK_ID = "`sentrypost order list` shows the ids of those in force"

B = TypeVar("B", bound=Body)


class _Asked(NamedTuple):
    """How an order came, and who gave it here."""

    path: str
    operator: str


class OrderDesk:
    """One daemon's. `run` remembers since when doors are as they are."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        key: SigningKey,
        codes: CodeChecker,
        entropy: Callable[[int], bytes],
    ) -> None:
        """`key`: with which the edge signs what its key switches and panic inputs give."""
        self._codes = codes
        self._daemon = daemon
        self._config = config
        self.entropy = entropy
        site = daemon.site
        self.arrivals = Arrivals(lambda: site.state, lambda: site.policy, daemon.now)
        self._showing = Showing(daemon, config, self.arrivals)
        self.signers = KnownSigners(config.keys)
        self.counts = SignCounts(config.state)
        self._keys = _keys(config, key)
        self.own = OwnOrders(daemon, config, key, entropy)
        self.sources = LocalSources(daemon, config, self.own, self._by_source)
        self._looked = asyncio.Event()
        self.looked: list[Callable[[], None]] = []
        """Told of every look at the doors."""

    async def run(self) -> None:
        """Look at the doors after each entry, until cancelled: where a journal is down and commits
        nothing, doors answer all the same.
        """
        recorder = self._daemon.recorder
        while True:
            settled = recorder.settled
            self.arrivals.look()
            self._looked.set()
            self._looked = asyncio.Event()
            for told in self.looked:
                told()
            await self.signers.keep(self._daemon.people.roll)
            await settled.wait()
            await asyncio.sleep(TOGETHER_S)

    # --- giving -----------------------------------------------------------------------------

    async def give(self, envelope: bytes, carrier: Carrier, code: str, operator: str) -> OrderReply:
        """As `edge.control.desk_orders.Orders` has it."""
        return await self.take(envelope, str(carrier), operator, code)

    async def take(
        self, envelope: bytes, path: str, operator: str = OVER_THE_WIRE, code: str = ""
    ) -> OrderReply:
        """Let what was signed act, or nothing of it, whichever way it came; returns when what
        became of it is on disk, or the disk does not take it.

        `path`: `file`, `control`, `wire` or `union`, for the record. `operator`: who gave it here.
        """
        asked = _Asked(path, operator)
        try:
            signed = order_of(envelope, self._keys, self._config.site)
        except (OrderError, SignatureError) as error:
            return await self._rejected(asked, str(error), error.remedy)
        try:
            self.counts.judge(signed)
            holder, code_id = await self.holder_named(signed.order), await self._code(code)
        except (OrderError, BreakGlassError) as error:
            return await self._rejected(asked, str(error), error.remedy, signed)
        order = core_order(signed, envelope, holder)
        signers = await self.signers.of(signed.signed, self._daemon.people.roll)
        outcome = self._offer(order, signed, signers, asked, code_id)
        counted = _first(OrderAccepted, outcome) is not None and self.counts.remember(signed)
        reply = await self.became(order, outcome)
        if counted:
            await asyncio.to_thread(self.counts.write)
        return reply

    async def holder_named(self, order: AnyOrder) -> HolderId | None:
        """Who takes somebody's place by it, where it is about that. Raises OrderError."""
        named = person_named(order)
        if named is None:
            return None
        record = await asyncio.to_thread(self._daemon.people.roll.named, named)
        if record is None:
            raise OrderError(
                f"nobody on file has the id '{named}'", "give the id that the file of people has"
            )
        return HolderId(record.id)

    async def _code(self, typed: str) -> str:
        """By which id a break-glass code is known; empty without one. Raises BreakGlassError."""
        if not typed:
            return ""
        found = await self._codes.check(typed)
        if found is None:
            raise BreakGlassError(
                "no such break-glass code", "type it as it stands in the envelope, with its number"
            )
        return found

    def _offer(
        self,
        order: Order,
        signed: SignedOrder,
        signers: tuple[HolderId | None, ...],
        asked: _Asked,
        code: str = "",
    ) -> Outcome:
        """`code`: the id of a break-glass code that was right."""
        daemon = self._daemon
        outcome = daemon.judge(
            OrderOffered(
                id=daemon.new_id(),
                order=order,
                people=len(signed.signed.people),
                signers=signers,
                keys=signed.signed.keys,
                sourced=signed.sourced,
                break_glass=code,
                path=asked.path,
                signed_by=daemon.personal("signed_by", ", ".join(signed.signed.people)),
                operator=daemon.personal("operator", asked.operator),
            )
        )
        if _first(OrderAccepted, outcome) is not None:
            self.arrivals.given(order.id, daemon.now().mono_us)
        return outcome

    def _by_source(self, own: OwnOrder, path: str, operator: str) -> Outcome:
        return self._offer(own.order, own.signed, (), _Asked(path, operator))

    async def panicked(self, terminal: str, gives: GivenEntry, operator: str) -> OrderReply:
        """Somebody at this terminal has called for help: give what it gives, as a panic button
        does, in this turn.
        """
        worked, anew = self.sources.worked(terminal, gives, PAGE, operator)
        reply = await self.became(worked.order, worked.outcome)
        return reply if anew else replace(reply, already=True)

    def give_own(self, own: OwnOrder, who: HolderId, operator: str) -> Outcome:
        """Let what the edge has signed for somebody signed in act, in this turn, or nothing of it.
        `who`: she; she needs the roles of the policy. `operator`: the integrator's id of her.
        """
        return self._offer(own.order, own.signed, (who,), _Asked(PAGE, operator))

    async def became(self, order: Order, outcome: Outcome) -> OrderReply:
        """What became of an order that was offered: when that is on disk, or the disk does not take
        it.
        """
        await self._daemon.recorder.drained()
        return self._told(order, outcome)

    async def _rejected(
        self, asked: _Asked, reason: str, remedy: str, signed: SignedOrder | None = None
    ) -> OrderReply:
        """It is none that this site believes; on record like one that does not count."""
        daemon = self._daemon
        order, kind = ("", "") if signed is None else (signed.id, str(signed.order.kind))
        daemon.judge(
            OrderRejected(
                id=daemon.new_id(),
                order=order,
                order_kind=kind,
                reason=reason,
                path=asked.path,
                operator=daemon.personal("operator", asked.operator),
            )
        )
        await daemon.recorder.drained()
        return OrderReply(
            accepted=False,
            reason=reason,
            remedy=remedy,
            order=order,
            order_kind=kind,
            recorded=not daemon.recorder.down,
        )

    def _told(self, order: Order, outcome: Outcome) -> OrderReply:
        refused, accepted = _first(OrderRefused, outcome), _first(OrderAccepted, outcome)
        orders = self._daemon.site.state.orders
        if refused is not None:
            counts = order.kind in RAISING or not orders.quarantined
            return self._reply(order, refused.reason, TOO_FEW if counts else QUARANTINED)
        one = orders.in_force.get(order.id)
        if accepted is None and one is None and order.kind in STANDING:
            return self._reply(order, "it was ended before, and never acts again", MAKE_ANEW)
        return replace(
            self._reply(order, said_of(order, outcome)),
            accepted=True,
            already=accepted is None,
            standing=one is not None,
            late=one is not None and one.late,
        )

    def _reply(self, order: Order, reason: str, remedy: str = "") -> OrderReply:
        return OrderReply(
            accepted=False,
            reason=reason,
            remedy=remedy,
            order=order.id,
            order_kind=str(order.kind),
            recorded=not self._daemon.recorder.down,
        )

    # --- asking -----------------------------------------------------------------------------

    async def follow(self, order: OrderId) -> AsyncIterator[ArrivalReply]:
        """As `edge.control.desk_orders.Orders` has it."""
        last: ArrivalReply | None = None
        while last is None or last.in_force:
            looked, now = self._looked, self._showing.arrival(order)
            if last is None or now.portals != last.portals or not now.in_force:
                last = now
                yield now
            else:
                await looked.wait()

    def arrival(self, order: OrderId) -> ArrivalReply:
        """How far it has come by now. Never blocks."""
        return self._showing.arrival(order)

    async def listed(self) -> OrdersReply:
        """As `edge.control.desk_orders.Orders` has it."""
        return await self._showing.orders()

    def posture(self) -> PostureReply:
        """As `edge.control.desk_orders.Orders` has it."""
        return self._showing.posture()

    def files(self, after: str) -> OrderFiles:
        """As `edge.control.desk_orders.Orders` has it."""
        orders = self._daemon.site.state.orders
        in_force = ((one, known.order) for one, known in orders.in_force.items())
        found = {one: (str(order.kind), order.envelope) for one, order in in_force}
        found |= {one: ("", envelope) for one, envelope in orders.lifts.items()}
        left = sorted(one for one, (_, envelope) in found.items() if one > after and envelope)
        files = (
            OrderFile(order=one, order_kind=found[one][0], envelope=found[one][1])
            for one in islice(left, FILES_MAX)
        )
        return OrderFiles(files=tuple(files), more=len(left) > FILES_MAX)

    # --- on the spot ------------------------------------------------------------------------

    async def confirm(self, order: OrderId, operator: str) -> OrderReply:
        """As `edge.control.desk_orders.Orders` has it."""
        daemon = self._daemon
        outcome = daemon.judge(
            EvacuationConfirmAsked(
                id=daemon.new_id(), order=order, operator=daemon.personal("operator", operator)
            )
        )
        await daemon.recorder.drained()
        one = daemon.site.state.orders.in_force.get(order)
        if _first(EvacuationConfirmed, outcome) is None or one is None:
            return OrderReply(
                accepted=False,
                reason="no evacuation with this id waits for somebody to confirm it",
                remedy=CHECK_ID,
                order=order,
            )
        return replace(
            self._reply(one.order, "ways out are released"), accepted=True, standing=True
        )

    async def challenge(self, operator: str) -> ChallengeReply:
        """As `edge.control.desk_orders.Orders` has it."""
        daemon = self._daemon
        if daemon.recorder.down:
            return ChallengeReply(
                challenge="",
                reason="the journal cannot be written; it would not be on record",
                remedy="mend the disk, then ask again",
            )
        outcome = daemon.judge(
            CountersAsked(
                id=daemon.new_id(),
                challenge=self.entropy(CHALLENGE_BYTES).hex(),
                operator=daemon.personal("operator", operator),
            )
        )
        await daemon.recorder.drained()
        drawn = _first(CountersChallenged, outcome)
        assert drawn is not None, "the core records every challenge"
        return ChallengeReply(challenge=drawn.challenge)


def _keys(config: Config, own: SigningKey) -> tuple[TrustedKey, ...]:
    """Those of the site file, and this edge's own: what it gave before a restore comes back by
    others.
    """
    if any(key.id == own.id for key in config.keys):
        return tuple(config.keys)
    person = f"edge {config.edge}"
    return (*config.keys, TrustedKey(config.edge, person, own.public, frozenset({Use.RAISE})))


def _first(kind: type[B], outcome: Outcome) -> B | None:
    return next((event.body for event in outcome.events if isinstance(event.body, kind)), None)
