"""Short streams of what happens at a virtual site, written by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from msgspec import Raw

from controller.events import (
    Body,
    DecisionMade,
    EdgeStarted,
    EgressEnded,
    EgressReleased,
    Entry,
    Fire,
    FireLatched,
    FireReset,
    GrantAborted,
    PortalGranted,
    PortalLeased,
    PostureChanged,
    kind_of,
)
from controller.ids import AttemptId, PortalId
from controller.ledger import Commitment
from controller.portal import Portal
from policies.codes import Code
from policies.facts import (
    CredentialStatus,
    Decision,
    Direction,
    HolderFacts,
    Mode,
    Objection,
    Request,
)
from simulators.virtual.doors_rules import door_rules
from simulators.virtual.plan import Person, Plan, write_plan
from simulators.virtual.rule import Rule, Violation
from simulators.virtual.seen import Seen, What

NOON_US = 1_790_589_600_000_000
"""Monday, 28 September 2026, 12:00 in Vienna."""

HOUR_US = 3_600_000_000
INCARNATION = "0123456789abcdef"


@cache
def one_wing() -> Plan:
    """One wing, everybody's kind of person. A board each for gate and front, office-0 and
    archive-0, refuge-0 and side-0, both lock doors; fire inputs on the first and the last.
    """
    with TemporaryDirectory() as folder:
        return write_plan(Path(folder), portals=8, people=100, chance=Random(1))


@contextmanager
def broken(what: str) -> Iterator[None]:
    with pytest.raises(Violation, match=what):
        yield


def story(rule: type[Rule]) -> "Story":
    """The rule of this kind, told of a calm site."""
    return Story(next(one for one in door_rules(one_wing()) if isinstance(one, rule)))


class Story:
    """What one rule is told, in order. The edge runs since 0.1 s, magnets hold since 1 s."""

    def __init__(self, rule: Rule) -> None:
        self.plan = one_wing()
        self.rule = rule
        self.utc_us = NOON_US
        self.trusted = True
        self._seq = 0
        self.see(0.0, What.STARTED, "edge")
        self.starts(0.1)
        self.secures(1.0, "archive-0", "side-0")

    def see(self, at_s: float, what: What, where: str, detail: str = "") -> None:
        self.rule.see(Seen(at_s, what, where, detail))

    def write(self, at_s: float, body: Body) -> None:
        self._seq += 1
        entry = Entry(
            site="virtual",
            edge="gate",
            incarnation=INCARNATION,
            seq=self._seq,
            kind=kind_of(type(body)),
            utc_us=self.utc_us,
            mono_us=0,
            clock_trusted=self.trusted,
            cause="a test",
            policy="",
            body=Raw(b"{}"),
        )
        self.rule.recorded(at_s, entry, body)

    def person(self, character: str) -> Person:
        return next(p for p in self.plan.people if p.character.name == character)

    # --- at the doors -----------------------------------------------------------------------

    def presents(self, at_s: float, character: str, direction: str, portal: str) -> None:
        self.see(at_s, What.PRESENTED, portal, f"{direction} {self.person(character).name}")

    def passes(self, at_s: float, character: str, direction: str, portal: str) -> None:
        self.see(at_s, What.PASSED, portal, f"{direction} {self.person(character).name}")

    def types(self, at_s: float, character: str, portal: str) -> None:
        """The right PIN."""
        self.see(at_s, What.TYPED, portal, self.person(character).name)

    def releases(self, at_s: float, portal: str) -> None:
        self.see(at_s, What.RELEASED, portal)

    def secures(self, at_s: float, *portals: str) -> None:
        for portal in portals:
            self.see(at_s, What.SECURED, portal)

    def sets(self, at_s: float, mode: str) -> None:
        """A posture is judged."""
        self.see(at_s, What.POSTURE, "site", f"{mode} 1")

    def passes_time(self, until_s: float) -> None:
        """Something that concerns no rule is seen."""
        self.see(until_s, What.ARCHIVED, "central", "EntriesStored")

    # --- on disk ----------------------------------------------------------------------------

    def starts(self, at_s: float) -> None:
        self.write(at_s, EdgeStarted(version="", policy="", fires=(), portals=()))

    def decides(
        self, at_s: float, character: str, direction: str, portal: str, *codes: Code
    ) -> None:
        """A verdict on somebody's badge: granted, or refused for these codes."""
        person = self.person(character)
        holders = dict(
            zip(
                (p.name for p in self.plan.people if p.character.known), self.plan.pins, strict=True
            )
        )
        holder = None
        if person.character.known:
            facts = HolderFacts(id=holders[person.name], version=1, roles=person.character.roles)
            holder = facts
        objections = tuple(Objection(code) for code in codes)
        self.write(
            at_s,
            DecisionMade(
                attempt=AttemptId(f"{character}-{portal}"),
                reader=None,
                portal=PortalId(portal),
                direction=Direction(direction),
                policy="",
                request=Request(
                    portal=portal,
                    direction=Direction(direction),
                    utc_s=self.utc_us // 1_000_000,
                    clock_trusted=self.trusted,
                    credential=person.character.status,
                    holder=holder,
                ),
                decision=Decision(not codes, codes[0] if codes else Code.GRANTED, objections),
            ),
        )

    def decides_anonymously(self, at_s: float, portal: str, *codes: Code) -> None:
        """A verdict on a request to exit."""
        request = Request(
            portal=portal,
            direction=Direction.EXIT,
            utc_s=0,
            clock_trusted=True,
            credential=CredentialStatus.NONE,
            holder=None,
        )
        objections = tuple(Objection(code) for code in codes)
        verdict = Decision(not codes, codes[0] if codes else Code.FREE_EXIT, objections)
        self.write(
            at_s,
            DecisionMade(
                attempt=AttemptId(f"button-{portal}"),
                reader=None,
                portal=PortalId(portal),
                direction=Direction.EXIT,
                policy="",
                request=request,
                decision=verdict,
            ),
        )

    def grants(self, at_s: float, character: str, direction: str, portal: str) -> None:
        """The verdict and the release that it is worth, in one commit."""
        self.decides(at_s, character, direction, portal)
        self.only_grants(at_s, character, direction, portal)

    def only_grants(self, at_s: float, character: str, direction: str, portal: str) -> None:
        self.write(
            at_s,
            PortalGranted(
                portal=PortalId(portal),
                after=Portal(
                    attempt=AttemptId(f"{character}-{portal}"), direction=Direction(direction)
                ),
            ),
        )

    def aborts(self, at_s: float, character: str, portal: str) -> None:
        self.write(
            at_s,
            GrantAborted(
                portal=PortalId(portal),
                after=Portal(),
                attempt=AttemptId(f"{character}-{portal}"),
                direction=Direction.ENTRY,
            ),
        )

    def leases(self, at_s: float, portal: str) -> None:
        self.write(at_s, PortalLeased(portal=PortalId(portal), after=Portal(leased=True)))

    def frees(self, at_s: float, *portals: str) -> None:
        for portal in portals:
            after = Portal(released=True)
            self.write(at_s, EgressReleased(portal=PortalId(portal), after=after))

    def ends_free(self, at_s: float, *portals: str) -> None:
        for portal in portals:
            self.write(at_s, EgressEnded(portal=PortalId(portal), after=Portal()))

    def latches(self, at_s: float, fire: str = "main", reason: str = "line alarm") -> None:
        self.write(at_s, FireLatched(fire=fire, after=Fire(latched=True), reason=reason))

    def resets(self, at_s: float, fire: str = "main") -> None:
        self.write(at_s, FireReset(fire=fire, after=Fire(), operator=Commitment("0" * 64)))

    def changes(self, at_s: float, mode: str, threat: int = 1) -> None:
        """A posture is on disk."""
        self.write(
            at_s,
            PostureChanged(mode=Mode(mode), threat=threat, was_mode=Mode.NORMAL, was_threat=1),
        )
