"""A site with every kind of portal, its people, and a rig that feeds facts to the core.

What the checkers believe about the site (COVERS, WAY_OUT, ...) is written down here by hand, from
the text of the policy: it must not be asked of the code that is being doubted.
"""

from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from controller import inputs
from controller.effects import Effect
from controller.events import Body, Event, FireLine
from controller.holders import NOBODY, Credential, Directory, Holder
from controller.ids import (
    AttemptId,
    CredentialId,
    CredentialRef,
    HolderId,
    InputId,
    PortalId,
    QuestionId,
    ReaderId,
)
from controller.ledger import Personal
from controller.moment import SECOND_US, Moment
from controller.portal import Contact, Portal
from controller.site import Outcome, Site
from controller.state import SiteState
from controller.turn import Origin
from policies import CompiledPolicy, SourceFile, load
from policies.facts import Assurance, CredentialStatus, Direction, Factor, HolderFacts, Mode
from simulators.orders import offered, towards

T = TypeVar("T", bound=msgspec.Struct)

ORIGIN = Origin("testonia", "gatehouse", "0123456789abcdef")
ENTRY, EXIT = Direction.ENTRY, Direction.EXIT

POLICY = """
schema = 1
site = "testonia"
version = 1
timezone = "Europe/Vienna"

[schedule.office]
mon-fri = ["07:30-18:30"]

[factors]
standard = { 1 = "badge", 3 = "badge+pin" }
high = { 1 = "badge+pin" }
badge = { 1 = "badge" }

[zone.street]
kind = "public"
[zone.court]
inside = "street"
kind = "premises"
factors = "badge"
[zone.lobby]
inside = "court"
kind = "premises"
factors = "standard"
[zone.office]
inside = "lobby"
kind = "premises"
factors = "standard"
[zone.archive]
inside = "office"
kind = "premises"
factors = "high"
[zone.refuge]
inside = "office"
kind = "refuge"
factors = "badge"
[zone.vault]
inside = "office"
kind = "premises"
factors = "badge"
two-person = true
first-person = true
anti-passback = "hard"
occupancy-max = 3
screening = ["gate-house"]
[zone.trap]
inside = "court"
kind = "premises"
factors = "badge"
[zone.store]
inside = "lobby"
kind = "premises"
factors = "badge"

# A lever inside, a request-to-exit contact that only silences the alarm.
[portal.gate]
from = "street"
to = "court"
kind = "gate"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
rex = "shunt"
# A panic bar and nothing else.
[portal.panic]
from = "court"
to = "lobby"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
# Stands open in office hours.
[portal.front]
from = "court"
to = "lobby"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
rex = "shunt"
open = "office"
open-threat-max = 2
# A magnet with an exit button; stands open in office hours as well.
[portal.hall]
from = "court"
to = "lobby"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "free"
rex = "unlock"
open = "office"
open-threat-max = 2
# A magnet with an exit button; whoever needs it has more time here.
[portal.mag]
from = "lobby"
to = "office"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "free"
rex = "unlock"
open-s = 3
held-s = 10
stuck-s = 60
pre-alarm-s = 6
open-extended-s = 8
held-extended-s = 25
# Readers on both sides, and a green box.
[portal.archive]
from = "office"
to = "archive"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
exit-factors = "standard"
bolt = true
# Two people together, once.
[portal.vault]
from = "office"
to = "vault"
kind = "door"
held-s = 8
stuck-s = 20
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
# The safe room: may be entered while nothing can be recorded.
[portal.refuge]
from = "office"
to = "refuge"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
emergency = true
[portal.trap-a]
from = "court"
to = "trap"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
rex = "shunt"
interlock = "trap"
[portal.trap-b]
from = "trap"
to = "office"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
interlock = "trap"
# Named from the inside: going through it as `entry` leads out.
[portal.back]
from = "office"
to = "court"
kind = "door"
lock = "power-to-unlock"
egress = "electric"
on-fire = "release"
egress-route = "entry"
exit = "reader"
hard-wired-release = true
# No contact: nobody can see whether it is open.
[portal.blind]
from = "lobby"
to = "store"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
contact = false

[screening.gate-house]
[fire.lobby-panel]
zones = ["lobby"]
[fire.archive-panel]
zones = ["archive"]

[role.staff]
clearance = 3
[role.guard]
clearance = 6
escort = true
screening = "exempt"
overrides = ["lockdown", "shelter", "evacuate", "fire", "threat"]
[role.diplomat]
clearance = 5
protected = true
extended = true
[role.guest]
clearance = 1
[role.visitor]
kind = "visitor"
per-host = 1
stay-max-s = 200
[role.police]
host-state = true

[[grant]]
id = "all"
roles = ["staff", "guard", "diplomat"]
zones = ["court", "lobby", "office", "archive", "refuge", "trap", "store"]
[[grant]]
id = "guests"
roles = ["guest"]
zones = ["court"]
[[grant]]
id = "vault"
roles = ["staff", "guard", "diplomat"]
zones = ["vault"]
first-person = true
[[grant]]
id = "visitors"
roles = ["visitor"]
zones = ["court", "lobby"]
escorted = true
[[grant]]
id = "police"
roles = ["police"]
zones = ["court", "lobby"]
[[grant]]
id = "back-in"
roles = ["staff", "guard", "diplomat"]
portals = ["back", "trap-b"]
"""

SECOND_POLICY = (
    POLICY.replace("version = 1", "version = 2")
    .replace("[portal.blind]", "[portal.annex]")
    .replace("[role.staff]", '[fire.store-panel]\nzones = ["store"]\n[role.staff]')
)
"""The same site a year later: `blind` is `annex` now, and the store has a fire input of its own."""

PORTALS = frozenset(
    {"gate", "panic", "front", "hall", "mag", "archive", "vault", "refuge"}
    | {"trap-a", "trap-b", "back", "blind", "annex"}
)
RELEASED_ON_FIRE = frozenset({"hall", "mag", "archive", "vault", "trap-b", "back"})
EMERGENCY = frozenset({"refuge"})
SCHEDULED = frozenset({"front", "hall"})
FREE_EXITS = PORTALS - {"archive", "vault", "trap-b", "back"}
INTERLOCK = frozenset({"trap-a", "trap-b"})
_IN_LOBBY = PORTALS - {"gate", "trap-a"}
"""Portals with the lobby or an area inside it on one of their sides."""
COVERS = {
    "lobby-panel": _IN_LOBBY,
    "archive-panel": frozenset({"archive"}),
    "store-panel": frozenset({"annex"}),
}
FIRES_OF = {1: {"lobby-panel", "archive-panel"}, 2: {"lobby-panel", "archive-panel", "store-panel"}}


def way_out(portal: str) -> Direction:
    return ENTRY if portal == "back" else EXIT


def way_in(portal: str) -> Direction:
    return EXIT if portal == "back" else ENTRY


@cache
def compiled(text: str) -> CompiledPolicy:
    sources = [SourceFile("site.toml", text.encode())]
    return load(sources, timezone=ZoneInfo, tzdata_version="2025.2")


WHO = {
    # badge: (role, knows a PIN, credential's status)
    "ann": ("staff", True, CredentialStatus.ACTIVE),
    "bob": ("guard", True, CredentialStatus.ACTIVE),
    "cora": ("diplomat", True, CredentialStatus.ACTIVE),
    "dan": ("staff", False, CredentialStatus.ACTIVE),
    "eve": ("staff", True, CredentialStatus.REVOKED),
    "fay": ("guest", False, CredentialStatus.ACTIVE),
    "gus": ("staff", True, CredentialStatus.SUSPENDED),
    "vic": ("visitor", False, CredentialStatus.ACTIVE),
    "wim": ("visitor", False, CredentialStatus.ACTIVE),
    "hal": ("diplomat", True, CredentialStatus.LOST),
    "pia": ("police", False, CredentialStatus.ACTIVE),
}
GUARDS = frozenset({"h-bob"})


def directory(version: int = 1) -> Directory:
    return NOBODY.after(
        version=version,
        holders=(
            Holder(facts=HolderFacts(f"h-{who}", version, (role,)), knows_pin=pin)
            for who, (role, pin, _) in WHO.items()
        ),
        credentials=(
            (
                CredentialRef(f"ref-{who}"),
                Credential(CredentialId(f"c-{who}"), HolderId(f"h-{who}"), status),
            )
            for who, (_, _, status) in WHO.items()
        ),
    )


FRIDAY_NIGHT_UTC_US = 1_795_212_000 * SECOND_US
"""Fri 2026-11-20 23:00 in Vienna: nothing stands open by schedule."""
FRIDAY_0728_UTC_US = FRIDAY_NIGHT_UTC_US - (15 * 3600 + 32 * 60) * SECOND_US


class Rig:
    """A site, its clock, and short words for what happens to it."""

    def __init__(
        self,
        policy: str = POLICY,
        state: SiteState | None = None,
        utc_us: int = FRIDAY_NIGHT_UTC_US,
    ) -> None:
        self.site = Site(ORIGIN, compiled(policy), state)
        self.now_us = 1_000 * SECOND_US
        self.utc_us = utc_us
        self.trusted = True
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self._count = 0

    def new_id(self) -> str:
        self._count += 1
        return f"i{self._count}"

    def moment(self) -> Moment:
        return Moment(mono_us=self.now_us, utc_us=self.utc_us, trusted=self.trusted)

    def feed(self, fact: inputs.Input) -> Outcome:
        outcome = self.site.step(fact, self.moment())
        self.events += outcome.events
        self.effects += outcome.effects
        return outcome

    def later(self, seconds: float) -> Outcome:
        """Time passes through every deadline on the way; what all of it came to."""
        until = self.now_us + round(seconds * SECOND_US)
        events: list[Event] = []
        effects: list[Effect] = []
        while True:
            due = self.site.deadline()
            at = until if due is None else min(due, until)
            assert at >= self.now_us, "a deadline lies in the past"
            self._to(at)
            outcome = self.feed(inputs.TimePassed(id=InputId(self.new_id())))
            events += outcome.events
            effects += outcome.effects
            after = self.site.deadline()
            assert after is None or after > at, "a deadline that passing does not clear"
            if at == until:
                return Outcome(tuple(events), tuple(effects))

    def _to(self, at_us: int) -> None:
        self.utc_us += at_us - self.now_us
        self.now_us = at_us

    def skip(self, seconds: float) -> None:
        """Time passes and nobody looks."""
        self._to(self.now_us + round(seconds * SECOND_US))

    def start(self) -> Outcome:
        return self.feed(inputs.Started(id=InputId(self.new_id()), version="test"))

    def people(self, version: int = 1) -> Outcome:
        return self.feed(
            inputs.DirectoryReplaced(id=InputId(self.new_id()), directory=directory(version))
        )

    def fire(self, line: str, fire: str = "lobby-panel") -> Outcome:
        return self.feed(
            inputs.FireLineHeard(id=InputId(self.new_id()), fire=fire, line=FireLine(line))
        )

    def reset(self, fire: str = "lobby-panel") -> Outcome:
        return self.feed(
            inputs.FireResetAsked(
                id=InputId(self.new_id()),
                fire=fire,
                operator=Personal("operator", "Officer Smith", "ab" * 16),
            )
        )

    def link(self, portal: str, up: bool = True) -> Outcome:
        return self.feed(
            inputs.PortalLinkHeard(id=InputId(self.new_id()), portal=PortalId(portal), up=up)
        )

    def contact(self, portal: str, contact: Contact) -> Outcome:
        return self.feed(
            inputs.ContactRead(id=InputId(self.new_id()), portal=PortalId(portal), contact=contact)
        )

    def opens(self, portal: str) -> Outcome:
        return self.contact(portal, Contact.OPEN)

    def closes(self, portal: str) -> Outcome:
        return self.contact(portal, Contact.CLOSED)

    def rex(self, portal: str, active: bool = True, drill: bool = False) -> Outcome:
        return self.feed(
            inputs.ExitAsked(
                id=InputId(self.new_id()),
                portal=PortalId(portal),
                active=active,
                attempt=AttemptId(self.new_id()),
                drill=drill,
            )
        )

    def badge(
        self,
        portal: str,
        who: str = "ann",
        direction: Direction = ENTRY,
        offers: tuple[Factor, ...] = (Factor.PIN,),
    ) -> Outcome:
        return self.feed(self.badge_fact(portal, who, direction, offers))

    def badge_fact(
        self, portal: str, who: str, direction: Direction, offers: tuple[Factor, ...]
    ) -> inputs.BadgeRead:
        return inputs.BadgeRead(
            id=InputId(self.new_id()),
            reader=reader_of(portal, direction),
            portal=PortalId(portal),
            direction=direction,
            ref=CredentialRef(f"ref-{who}"),
            assurance=Assurance.SECURE,
            attempt=AttemptId(self.new_id()),
            question=QuestionId(self.new_id()),
            offers=offers,
            badge=Personal("badge", f"ref-{who}", "cd" * 16),
            person=Personal("person", f"Surname-of-{who}", "ef" * 16),
        )

    def pin(self, question: str, outcome: inputs.PinOutcome = inputs.PinOutcome.MATCHED) -> Outcome:
        return self.feed(
            inputs.PinChecked(
                id=InputId(self.new_id()),
                question=QuestionId(question),
                outcome=outcome,
                assurance=Assurance.SECURE,
                person=Personal("person", "Surname-of-somebody", "ef" * 16),
                note=f"sealed beside {question}",
            )
        )

    def posture(self, mode: Mode, threat: int = 1, drill: bool = False) -> Outcome:
        """Bring the site to this by orders; what all of them came to."""
        orders = self.site.state.orders
        given = towards(orders, mode, threat, self.moment().utc_s, self.new_id, drill=drill)
        outcomes = [self.feed(offered(order)) for order in given]
        return Outcome(
            tuple(event for outcome in outcomes for event in outcome.events),
            tuple(effect for outcome in outcomes for effect in outcome.effects),
        )

    def journal(self, working: bool) -> Outcome:
        if working:
            return self.feed(inputs.JournalRecovered(id=InputId(self.new_id()), dropped=0))
        return self.feed(inputs.JournalFailed(id=InputId(self.new_id()), reason="disk full"))

    def policy(self, text: str) -> Outcome:
        return self.feed(inputs.PolicyReplaced(id=InputId(self.new_id()), policy=compiled(text)))

    def portal(self, portal: str) -> Portal:
        return self.site.state.portals[PortalId(portal)]

    def stands(self, effect: Effect) -> bool:
        return self.site.stands(effect, self.now_us)


def reader_of(portal: str, direction: Direction) -> ReaderId:
    return ReaderId(f"{portal}-{direction}")


def calm(policy: str = POLICY, utc_us: int = FRIDAY_NIGHT_UTC_US) -> Rig:
    """A site that has started, hears everything, and sees every leaf closed."""
    rig = Rig(policy, utc_us=utc_us)
    rig.start()
    rig.people()
    for rule in rig.site.policy.fire_inputs:
        rig.fire("normal", rule.id)
    for rule in rig.site.policy.portals:
        rig.link(rule.id)
        if rule.contact:
            rig.closes(rule.id)
    assert rig.site.state.ready
    return rig


def of_type(kind: type[T], outcome: Outcome) -> list[T]:
    """The outcome's events' bodies, or its effects, of one type."""
    found: list[msgspec.Struct] = [event.body for event in outcome.events]
    found += outcome.effects
    return [item for item in found if isinstance(item, kind)]


def bodies(outcome: Outcome) -> list[type[Body]]:
    return [type(event.body) for event in outcome.events]
