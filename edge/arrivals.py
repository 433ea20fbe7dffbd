"""How far orders have come at each portal, since when, and how long that took.

The core says what is so now; here it is remembered since when. It is looked at when something was
committed and never on the way of a command: what locks a door waits for none of this.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from controller.arrival import Arrival, Arrived, arrivals
from controller.ids import OrderId, PortalId
from controller.moment import MILLISECOND_US, Moment
from controller.orders import InForce
from controller.state import SiteState
from policies.compiled import CompiledPolicy


class Door(NamedTuple):
    """One portal that an order is about. `linked`: its device answers. `released`: for the way out,
    by a fire or an evacuation. `since_utc_us`: since when what is said of it is so; where its
    device is gone, since when that is.
    """

    arrived: Arrived
    linked: bool
    released: bool
    since_utc_us: int


class Come(NamedTuple):
    """How far one order has come. `took_ms`: from its acceptance to the last portal that obeyed;
    None before the first, and for one that was given before this edge was started.
    """

    one: InForce
    doors: tuple[Door, ...]
    took_ms: int | None

    @property
    def missing(self) -> int:
        """Portals that somebody could still wait for: what nobody can see is not among them."""
        return sum(
            not door.arrived.obeyed and door.arrived.arrival is not Arrival.DEVICE_CONFIRMED
            for door in self.doors
        )


class _Seen(NamedTuple):
    arrival: Arrival
    since_utc_us: int


class _Followed:
    """One order while it is in force."""

    def __init__(self, began_us: int | None) -> None:
        self.began_us = began_us
        self.seen: dict[PortalId, _Seen] = {}
        self.obeyed_us: dict[PortalId, int] = {}
        """When each portal obeyed for the first time."""


class Arrivals:
    """One edge's. `look` has to be called after every commit, soon and not at once."""

    def __init__(
        self,
        state: Callable[[], SiteState],
        policy: Callable[[], CompiledPolicy],
        now: Callable[[], Moment],
    ) -> None:
        self._state = state
        self._policy = policy
        self._now = now
        self._looked: SiteState | None = None
        self._linked: dict[PortalId, tuple[bool, int]] = {}
        self._given_us: dict[OrderId, int] = {}
        self._orders: dict[OrderId, _Followed] = {}

    def given(self, order: OrderId, mono_us: int) -> None:
        """An order was accepted now; from here its time is counted."""
        self._given_us[order] = mono_us

    def look(self) -> None:
        """Remember what has changed since the last time."""
        state = self._state()
        if state is self._looked:
            return
        self._looked = state
        now = self._now()
        self._look_at_links(state, now)
        in_force = state.orders.in_force
        self._orders = {
            order: self._orders.get(order) or _Followed(self._given_us.get(order))
            for order in in_force
        }
        self._given_us = {o: us for o, us in self._given_us.items() if o in in_force}
        for order, followed in self._orders.items():
            self._look_at(followed, in_force[order], state, now)

    def come(self, order: OrderId) -> Come | None:
        """How far an order in force has come, as of now; None where it is not in force."""
        self.look()
        one = self._state().orders.in_force.get(order)
        if one is None:
            return None
        followed, took_ms = self._orders[order], None
        if followed.began_us is not None and followed.obeyed_us:
            last_us = max(followed.obeyed_us.values())
            took_ms = max(0, last_us - followed.began_us) // MILLISECOND_US
        return Come(one, tuple(self._doors(one, followed)), took_ms)

    def all(self) -> list[Come]:
        """Of every order in force, oldest first."""
        in_force = sorted(self._state().orders.in_force.values(), key=lambda one: one.seq)
        return [come for one in in_force if (come := self.come(one.order.id)) is not None]

    def _doors(self, one: InForce, followed: _Followed) -> Iterator[Door]:
        state = self._state()
        for arrived in self._arrived(one, state):
            linked, since_utc_us = self._linked[arrived.portal]
            if linked:
                since_utc_us = followed.seen[arrived.portal].since_utc_us
            released = state.portals[arrived.portal].released
            yield Door(arrived, linked, released, since_utc_us)

    def _look_at_links(self, state: SiteState, now: Moment) -> None:
        for portal, known in state.portals.items():
            was = self._linked.get(portal)
            if was is None or was[0] is not known.linked:
                self._linked[portal] = (known.linked, now.utc_us)

    def _look_at(self, followed: _Followed, one: InForce, state: SiteState, now: Moment) -> None:
        for arrived in self._arrived(one, state):
            was = followed.seen.get(arrived.portal)
            if was is not None and was.arrival is arrived.arrival:
                continue
            followed.seen[arrived.portal] = _Seen(arrived.arrival, now.utc_us)
            if arrived.obeyed:
                followed.obeyed_us.setdefault(arrived.portal, now.mono_us)

    def _arrived(self, one: InForce, state: SiteState) -> tuple[Arrived, ...]:
        if not one.acts:
            return ()  # a drill in which no lock is worked: there is nothing to wait for
        return arrivals(one, self._policy(), state.portals, state.answers)
