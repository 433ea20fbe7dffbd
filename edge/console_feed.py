"""What the console shows, made once for all who look at it and told again when it has changed.

It is made behind the commits and the looks at the doors, never on the way of a command. What the
journal tells of an order or a consent is read once.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from controller.arrival import Arrival
from controller.state import SiteState
from edge.arrivals import Come
from edge.control.desk import portals_shown
from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import (
    ConsoleHeartbeat,
    ConsoleState,
    DraftShown,
    OrderCame,
    SomebodyNamed,
    SuccessionShown,
    ZoneInside,
)
from edge.control.messages_visits import ConsentShown
from edge.daemon import Daemon
from edge.order_desk import OrderDesk
from edge.uplink import Uplink
from edge.visit_desk import VisitDesk
from policies.compiled import ZoneKind
from policies.rights import ProtectedShown

HEARTBEAT_S = 2.0
"""A page says that it is not live when it has heard nothing for five."""

TOGETHER_S = 0.05
"""Forty doors answer within some tens of milliseconds: they are told in a few pieces."""


class _Ground(NamedTuple):
    """What it was made of: of the same it is not made again."""

    state: SiteState
    roll: object
    down: bool
    central: bool | None


class _Known(NamedTuple):
    """Somebody whose id stands in the state."""

    shown: SomebodyNamed
    protected: bool


class _Made(NamedTuple):
    ground: _Ground
    state: ConsoleState
    known: tuple[_Known, ...]


class ConsoleFeed:
    """One edge's. `drafts`: those that wait, as somebody sees them."""

    def __init__(
        self,
        daemon: Daemon,
        orders: OrderDesk,
        visits: VisitDesk,
        uplink: Uplink | None,
        drafts: Callable[[AtPage], tuple[DraftShown, ...]],
    ) -> None:
        self._daemon = daemon
        self._orders = orders
        self._visits = visits
        self._uplink = uplink
        self._drafts = drafts
        self._news = asyncio.Event()
        self._making = asyncio.Lock()
        self._made: _Made | None = None
        self._consents: tuple[tuple[object, object], tuple[ConsentShown, ...]] | None = None
        orders.looked.append(self.changed)

    def changed(self) -> None:
        """There may be news. Never blocks."""
        self._news.set()
        self._news = asyncio.Event()

    async def state(self, by: AtPage) -> ConsoleState:
        """As it is now. Raises JournalError."""
        made = await self._shown()
        shown, now = made.state, self._daemon.now()
        return replace(
            shown,
            seq=self._daemon.site.state.seq,
            posture=replace(shown.posture, utc_us=now.utc_us),
            drafts=self._drafts(by),
            people=tuple(one.shown for one in made.known if _may_name(by, one)),
        )

    async def follow(self, by: AtPage) -> AsyncGenerator[ConsoleState | ConsoleHeartbeat, None]:
        """Now and at each change; where there is none for two seconds, a heartbeat. Raises
        JournalError.
        """
        loop = asyncio.get_running_loop()
        last: ConsoleState | None = None
        due_s = 0.0
        while True:
            news, now = self._news, await self.state(by)
            if last is None or _lasting(now) != last:
                last, due_s = _lasting(now), loop.time() + HEARTBEAT_S
                yield now
                await asyncio.sleep(TOGETHER_S)
            if not await _within(news, due_s):
                due_s = loop.time() + HEARTBEAT_S
                moment = self._daemon.now()
                yield ConsoleHeartbeat(utc_us=moment.utc_us, seq=self._daemon.site.state.seq)

    async def _shown(self) -> _Made:
        """But for what is told of each moment, and to each person."""
        async with self._making:
            ground = self._ground()
            if self._made is None or not _same(self._made.ground, ground):
                state = await self._fresh(ground)
                # Everybody on file is looked at: beside the event loop.
                known = await asyncio.to_thread(_known, state, self._daemon)
                self._made = _Made(ground, state, known)
            return self._made

    def _ground(self) -> _Ground:
        daemon = self._daemon
        roll, down = daemon.people.roll, daemon.recorder.down
        central = None if self._uplink is None else self._uplink.status.connected
        return _Ground(daemon.site.state, roll, down, central)

    async def _fresh(self, ground: _Ground) -> ConsoleState:
        daemon, policy = self._daemon, self._daemon.site.policy
        listed = await self._orders.listed()
        consents = await self._consents_of(ground)
        # From here on nothing is waited for: all of it is of one moment.
        state = daemon.site.state
        inside = state.people.inside
        return ConsoleState(
            seq=0,
            ready=state.ready,
            recorded=state.recorded and not ground.down,
            clock_trusted=state.clock_trusted,
            central=ground.central,
            posture=self._orders.posture(),
            orders=listed.orders,
            came=tuple(_came(self._orders, come) for come in self._orders.arrivals.all()),
            doors=portals_shown(state, policy),
            succession=tuple(
                SuccessionShown(role=rule.id, deputies=rule.deputies)
                for rule in policy.successions.values()
            ),
            consents=consents,
            drafts=(),
            inside=tuple(
                ZoneInside(
                    zone=zone.id,
                    name=zone.name,
                    public=zone.kind is ZoneKind.PUBLIC,
                    people=inside.get(zone.id, 0),
                )
                for zone in policy.zones
            ),
        )

    async def _consents_of(self, ground: _Ground) -> tuple[ConsentShown, ...]:
        """Who gave them stands in the journal: it is read where there are others than before."""
        of = ground.state.consents, ground.roll
        if self._consents is None or not _same(self._consents[0], of):
            self._consents = of, (await self._visits.consents()).consents
        return self._consents[1]


def _same(one: Iterable[object], other: Iterable[object]) -> bool:
    """Whether they are the very same things: states are compared by their being, not their
    content.
    """
    return all(a is b for a, b in zip(one, other, strict=True))


def _known(state: ConsoleState, daemon: Daemon) -> tuple[_Known, ...]:
    """Those on file whose ids stand in it: who gave an order at a page, acts, has a consent."""
    roll, policy = daemon.people.roll, daemon.site.policy
    ids = {one.operator for one in state.orders} | {one.person for one in state.orders}
    ids |= {one.person for one in state.posture.acting}
    ids |= {name for one in state.consents for name in (one.person, one.given_by)}
    return tuple(
        _Known(
            SomebodyNamed(person=one.external_id, name=one.name),
            policy.standing(one.roles).protected,
        )
        for one in roll.holders.values()
        if one.external_id in ids
    )


def _may_name(by: AtPage, one: _Known) -> bool:
    """Of protected persons as at a gate; on a screen that is locked nobody is named."""
    sight = by.sight
    return sight.people and (not one.protected or sight.protected is ProtectedShown.NAME)


def _came(orders: OrderDesk, come: Come) -> OrderCame:
    told = orders.arrival(come.one.order.id)
    locked = [one for one in told.portals if not one.obeyed]
    unseen = [
        one
        for one in locked
        if one.arrival is Arrival.DEVICE_CONFIRMED and not one.observable and one.linked
    ]
    return OrderCame(
        order=come.one.order.id,
        took_ms=come.took_ms,
        portals=told.portals,
        missing=tuple(one.portal for one in locked if one not in unseen),
        unseen=tuple(one.portal for one in unseen),
    )


def _lasting(state: ConsoleState) -> ConsoleState:
    """Without what changes by itself."""
    return replace(state, seq=0, posture=replace(state.posture, utc_us=0))


async def _within(news: asyncio.Event, due_s: float) -> bool:
    """Whether there was news before it was due to say that there is none."""
    try:
        async with asyncio.timeout_at(due_s):
            await news.wait()
    except TimeoutError:
        return False
    return True
