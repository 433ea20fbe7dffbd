"""What one person orders at a page: made, signed and given by the edge in the turn in which it was
asked for. It raises protection; the core looks at her roles.
"""

from collections import deque
from typing import NamedTuple

from msgspec.structs import replace

from controller.events_points import PanicRaised
from controller.inputs_points import PanicAsked
from controller.moment import SECOND_US, Micros
from controller.orders import Order
from controller.site import Outcome
from edge.config import Config
from edge.control.desk_page_orders import AtPage
from edge.control.messages_orders import OrderReply
from edge.control.messages_page_orders import HoldArmed, PanicReply, RaiseFromPage
from edge.daemon import Daemon
from edge.order_desk import OrderDesk
from edge.order_own import OwnOrder
from edge.order_particulars import named, order_of_kind
from edge.orders import OrderError
from edge.page_holds import Holds

SAME_US = 60 * SECOND_US
"""For so long one press is one order, however often a browser sends it."""

PRESSES_MAX = 64
"""Presses that are remembered: more than everybody at a site makes within a minute."""

HOLD_AGAIN = "hold the button for about a second"
DRAFT = "draft it, so that whoever else has to signs it as well"


class _Press(NamedTuple):
    """What was pressed, and what came of it."""

    person: str
    asked: RaiseFromPage
    at_us: Micros
    order: Order
    outcome: Outcome


class Raising:
    """One edge's."""

    def __init__(self, daemon: Daemon, config: Config, orders: OrderDesk) -> None:
        self._daemon = daemon
        self._config = config
        self._orders = orders
        self._holds = Holds(lambda: daemon.now().mono_us, orders.entropy)
        self._presses: deque[_Press] = deque(maxlen=PRESSES_MAX)

    def arm(self, by: AtPage) -> HoldArmed:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        return self._holds.arm(by.session)

    async def raised(self, asked: RaiseFromPage, by: AtPage) -> OrderReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        before = self._pressed(asked, by)
        if before is not None:
            if _content(before.asked) != _content(asked):
                return _refused("this press has given another order", HOLD_AGAIN)
            reply = await self._orders.became(before.order, before.outcome)
            return replace(reply, already=True)
        why = self._holds.why_not(by.session, asked.held)
        if why is not None:
            return _refused(why, HOLD_AGAIN)
        try:
            own = self._made(asked)
        except OrderError as error:
            return _refused(str(error), error.remedy)
        now_us = self._daemon.now().mono_us
        outcome = self._orders.give_own(own, by.holder, by.person)
        self._presses.append(_Press(by.person, asked, now_us, own.order, outcome))
        reply = await self._orders.became(own.order, outcome)
        return reply if reply.accepted else replace(reply, remedy=DRAFT)

    async def panic(self, reason: str, by: AtPage) -> PanicReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        daemon = self._daemon
        outcome = daemon.judge(
            PanicAsked(
                id=daemon.new_id(),
                terminal=by.terminal,
                reason=daemon.personal("reason", reason),
                operator=daemon.personal("operator", by.person),
            )
        )
        # In the same turn: the alarm and its order go to disk together.
        terminal = self._config.terminals.get(by.terminal)
        gives = None if terminal is None else terminal.panic
        given = None
        if gives is not None:
            given = await self._orders.panicked(by.terminal, gives, by.person)
        await daemon.recorder.drained()
        told = any(isinstance(event.body, PanicRaised) for event in outcome.events)
        return PanicReply(alarmed=told, given=given, recorded=not daemon.recorder.down)

    def _made(self, asked: RaiseFromPage) -> OwnOrder:
        """Raises OrderError."""
        said = named(
            {
                "zones": asked.zones,
                "cover": asked.cover,
                "level": asked.level,
                "ends": asked.ends,
                "drill": asked.drill,
                "until_s": asked.until_s,
            }
        )
        if not asked.moves:
            said["moves"] = False
        own, policy = self._orders.own, self._daemon.site.policy
        head, now_s = own.head(asked.reason), self._daemon.now().utc_s
        return own.signed(order_of_kind(asked.kind, said, head, policy, now_s))

    def _pressed(self, asked: RaiseFromPage, by: AtPage) -> _Press | None:
        since_us = self._daemon.now().mono_us - SAME_US
        for press in self._presses:
            same = (press.person, press.asked.request) == (by.person, asked.request)
            if same and press.at_us > since_us:
                return press
        return None


def _content(asked: RaiseFromPage) -> RaiseFromPage:
    """What it orders: by which hold is another question."""
    return replace(asked, held="-" * 22)


def _refused(reason: str, remedy: str) -> OrderReply:
    return OrderReply(accepted=False, reason=reason, remedy=remedy)
