"""Hours of a site under siege, drawn from a seed: orders of every kind by every path, again, late,
signed by one person too few, while it burns, restarts, and loses its journal and its clock.

After each step the core and the second reading have to agree.
"""

import random
from collections.abc import Callable

from msgspec.structs import replace

from controller.effects import FreeEgress, SecurePortal
from controller.events import FireLine
from controller.holders import KeyId
from controller.ids import OrderId, PortalId
from controller.moment import SECOND_US
from controller.orders import Cover, Order
from controller.portal import Contact
from policies.facts import Direction
from policies.rights import OrderKind as Kind
from tests.controller.compound import ROLES
from tests.controller.oracle_orders import BY_SOURCES, BY_TWO, ENDED_BY, POSTURES
from tests.controller.siege import FIRES, PORTALS, Offer, Siege
from tests.controller.support import FRIDAY_0728_UTC_US

TEN_YEARS_US = 10 * 365 * 86_400 * SECOND_US
ISSUERS = tuple(KeyId(f"{n:02x}" * 16) for n in (1, 2, 3))
PATHS = ("switch", "panic", "file", "wire", "control", "union")
HELD = ("mag", "vault")
ZONES = ("street", "yard", "hall", "office", "vault", "refuge", "cellar", "annex")
LINES = (FireLine.ALARM, FireLine.CUT, FireLine.SHORTED, FireLine.GONE)


class Besieged:
    """What happens, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        office = self.dice.random() < 0.5
        self.siege = Siege(FRIDAY_0728_UTC_US + (2 if office else 14) * 3600 * SECOND_US)
        self.given: list[Offer] = []
        self.waiting: list[Offer] = []
        self.counters = dict.fromkeys(ISSUERS, 1_000_000)

    def run(self, steps: int) -> None:
        self.siege.look()
        happenings = list(HAPPENINGS)
        for _ in range(steps):
            (happening,) = self.dice.choices(happenings, HAPPENINGS.values())
            happening(self)
            self.siege.look_at_orders()
            self.answers()
            self.siege.look_at_wishes()
            self.siege.look_at_arrival()
            for portal in PORTALS:
                self.siege.look_at_lock(portal)
            for portal in self.dice.sample(PORTALS, 3):
                self.siege.look_at_door(portal, self.dice.choice(ROLES))
        self.siege.look()

    def often(self, share: float) -> bool:
        return self.dice.random() < share

    def path(self) -> str:
        return self.dice.choice(PATHS)

    # --- orders ---------------------------------------------------------------------------------

    def new_order(self) -> None:
        offer = self.drawn()
        self.given.append(offer)
        if self.often(0.2):
            self.waiting.append(offer)  # on its way
        else:
            self.siege.offer(offer, self.path())

    def drawn(self) -> Offer:
        kinds = {
            Kind.LOCKDOWN: 14,
            Kind.SHELTER: 8,
            Kind.EVACUATE: 8,
            Kind.RAISE: 10,
            Kind.LIFT: 18,
            Kind.LOWER: 8,
            Kind.HOLD: 7,
            Kind.END_HOLD: 3,
            Kind.UNLOCK: 7,
            Kind.END_UNLOCK: 3,
            Kind.END_DRILL: 5,
            Kind.COUNTERS: 4,
            Kind.FIRE_OVERRIDE: 3,
        }
        (kind,) = self.dice.choices(list(kinds), kinds.values())
        order = order_of(self.dice, kind, self.counter(), self.siege.moment().utc_s)
        if kind in ENDED_BY.values() or kind is Kind.END_DRILL:
            order = replace(order, ends=self.some_ids())
        if kind is Kind.UNLOCK and self.often(0.5):
            alive = self.siege.reading.in_force.items()
            known = sorted(i for i, taken in alive if taken.order.kind in POSTURES)
            order = replace(order, despite=tuple(known))
        if kind is Kind.COUNTERS:
            right = self.siege.reading.challenge or "ab" * 16
            order = replace(order, challenge=right if self.often(0.8) else "cd" * 16)
        if kind is Kind.FIRE_OVERRIDE:
            order = replace(order, fire=self.dice.choice(FIRES))
        people = 2 if kind in BY_TWO and self.often(0.85) else self.dice.choice((1, 1, 2))
        return Offer(order, people, sourced=people == 1 and self.often(0.2))

    def counter(self) -> tuple[KeyId, int]:
        """Mostly the next one; sometimes far ahead, seen before, or far behind."""
        issuer = self.dice.choice(ISSUERS)
        self.counters[issuer] += self.dice.choice((1, 1, 1, 1, 40, 900))
        back = self.dice.choice((0, 0, 0, 0, 0, 1, 2, 60, 1_023, 1_024, 1_025, 5_000))
        return issuer, self.counters[issuer] - back

    def some_ids(self) -> tuple[OrderId, ...]:
        """Mostly what is in force; now and then what is still on its way, anything that was ever
        given, or nothing known.
        """
        alive = sorted(self.siege.reading.in_force)
        coming = [offer.order.id for offer in self.waiting]
        ever = [offer.order.id for offer in self.given] or ["0f" * 32]
        pool = self.dice.choice((alive, alive, alive, coming, ever)) or ever
        return tuple(self.dice.choice(pool) for _ in range(self.dice.choice((1, 1, 1, 2, 3))))

    def arrived(self) -> None:
        """Something that was on its way."""
        if self.waiting:
            offer = self.waiting.pop(self.dice.randrange(len(self.waiting)))
            self.siege.offer(offer, self.path())

    def again(self) -> None:
        """A stick that is put in again, a union that is heard again, signed by one more or less."""
        for _ in range(self.dice.choice((1, 1, 4))):
            if self.given:
                offer = self.dice.choice(self.given)
                other = Offer(offer.order, self.dice.choice((1, 2)))
                self.siege.offer(offer if self.often(0.6) else other, self.path())

    # --- the world ------------------------------------------------------------------------------

    def burns(self) -> None:
        self.siege.line(self.dice.choice(FIRES), self.dice.choice(LINES))

    def put_out(self) -> None:
        for fire in FIRES:
            if fire in self.siege.reading.burning:
                self.siege.put_out(fire)

    def restarts(self) -> None:
        self.siege.restart(kept=self.often(0.5))

    def journal(self) -> None:
        self.siege.journal(works=not self.siege.reading.recorded)

    def clock(self) -> None:
        step_us = self.dice.choice((0, 0, TEN_YEARS_US, -TEN_YEARS_US))
        self.siege.clock(trusted=not self.siege.trusted, step_us=step_us)

    def doubted(self) -> None:
        """The journal is not to be believed; mostly somebody has a challenge drawn for it."""
        if self.often(0.3):
            self.siege.doubted()
        self.siege.challenge(f"{self.dice.getrandbits(128):032x}")

    def confirms(self) -> None:
        late = [i for i, taken in self.siege.reading.in_force.items() if taken.late]
        self.siege.confirm(self.dice.choice(late or ["0e" * 32]))

    def passes(self) -> None:
        portal, who = self.dice.choice(PORTALS), self.dice.choice(ROLES)
        self.siege.passes(portal, self.dice.choice(tuple(Direction)), who)
        for contact in (Contact.OPEN, Contact.CLOSED) if self.often(0.4) else ():
            self.siege.leaf(portal, contact)

    def link(self) -> None:
        """A device goes away, and mostly comes back soon."""
        portal = self.dice.choice(PORTALS)
        self.siege.link(portal, up=False)
        if self.often(0.5):
            self.siege.later(self.dice.choice((1, 30)))
        if self.often(0.8):
            self.siege.link(portal, up=True)
            self.siege.leaf(portal, Contact.CLOSED)

    def found(self) -> None:
        for portal in sorted(self.siege.unlinked):
            self.siege.link(portal, up=True)
            self.siege.leaf(portal, Contact.CLOSED)

    def answers(self) -> None:
        """Most locks do what they are told at once; some answers are lost."""
        for effect in self.siege.effects:
            to_a_lock = isinstance(effect, SecurePortal | FreeEgress)
            if to_a_lock and effect.portal not in self.siege.unlinked:
                self.siege.answers(effect, "confirmed" if self.often(0.85) else "lost")

    def time(self) -> None:
        self.siege.later(self.dice.choice((1, 20, 60, 300, 900)))


def order_of(dice: random.Random, kind: Kind, counted: tuple[KeyId, int], now_s: int) -> Order:
    """One order of this kind, with everything that belongs to it but what it ends."""
    issuer, counter = counted
    order = Order(
        id=f"{dice.getrandbits(256):064x}",
        kind=kind,
        issuer=issuer,
        counter=counter,
        reason="shots heard",
        review_s=now_s + 3_600,
    )
    if kind in BY_SOURCES:
        zones = () if dice.random() < 0.5 else tuple(dice.sample(ZONES, dice.choice((1, 1, 2))))
        order = replace(order, zones=zones, drill=dice.random() < 0.2)
        if order.drill:
            until_s = now_s + dice.choice((120, 1_200, 7_200))
            order = replace(order, moves=dice.random() < 0.6, until_s=until_s)
    if kind is Kind.LOCKDOWN:
        order = replace(order, cover=dice.choice(tuple(Cover)))
    if kind is Kind.RAISE:
        order = replace(order, level=dice.choice((2, 3, 4, 5)))
    if kind not in BY_SOURCES or kind is Kind.EVACUATE:
        order = replace(order, accept_until_s=now_s + dice.choice((600, 600, 600, 30, -1)))
    if kind in {Kind.HOLD, Kind.UNLOCK}:
        pool = HELD if kind is Kind.HOLD else PORTALS
        portals = tuple(PortalId(name) for name in dice.sample(pool, dice.choice((1, 2))))
        until_s = now_s + dice.choice((60, 400, 900))
        order = replace(order, portals=portals, until_s=until_s)
    return order


HAPPENINGS: dict[Callable[[Besieged], None], float] = {
    Besieged.new_order: 50,
    Besieged.arrived: 8,
    Besieged.again: 12,
    Besieged.burns: 2,
    Besieged.put_out: 5,
    Besieged.restarts: 3,
    Besieged.journal: 3,
    Besieged.clock: 3,
    Besieged.doubted: 3,
    Besieged.confirms: 3,
    Besieged.link: 4,
    Besieged.found: 4,
    Besieged.passes: 25,
    Besieged.time: 12,
}
