"""What must hold of a muster's roll: a second book of who may be inside, kept by other hands.

It is written from what doors do and from the text of the policy: who badged for which attempt is
read off the facts that were fed, which zones a portal joins off the TOML.
"""

import tomllib
from typing import NamedTuple

from controller import events as ev
from controller import events_muster as em
from controller import inputs
from controller.effects import FreeExit, ReleasePortal
from controller.muster import Confidence, roll
from controller.portal import Contact
from policies.facts import Direction
from tests.controller.hour import Run, Step
from tests.controller.support import POLICY, SECOND_POLICY, way_out

_TEXT = tomllib.loads(POLICY)
_LATER = tomllib.loads(SECOND_POLICY)
PORTALS = {
    name: (table["from"], table["to"])
    for text in (_TEXT, _LATER)
    for name, table in text["portal"].items()
}
ZONES = _TEXT["zone"]
OUTSIDE = {name for name, zone in ZONES.items() if zone["kind"] == "public"}
FREE = {
    name
    for text in (_TEXT, _LATER)
    for name, table in text["portal"].items()
    if table["exit"] == "free"
}
RANKS = (
    Confidence.UNKNOWN,
    Confidence.GRANT,
    Confidence.PERSON,
    Confidence.WITH_HOST,
    Confidence.PASSAGE,
)
VISITORS = {"h-vic", "h-wim"}


class Page(NamedTuple):
    """Of one person: where he is, or else is, and the best that may be said of how it is known."""

    places: frozenset[str]
    best: Confidence
    entry: int


class Book:
    """Who may be inside."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.checked: dict[str, tuple[str, int]] = {}
        self.going = False
        self.of_drill = False
        self._attempts: dict[str, list[str]] = {}
        self._unsure: set[str] = set()

    def follow(self, step: Step) -> None:
        """Everything that one step recorded."""
        fact = step.fact
        if isinstance(fact, inputs.BadgeRead):
            self._attempts[fact.attempt] = ["h-" + fact.ref.removeprefix("ref-")]
        for event in step.events:
            body = event.body
            if isinstance(body, ev.DecisionMade) and body.decision.granted:
                if body.request.holder is None:  # whose badge it is nobody knows
                    self._attempts[body.attempt] = []
                if isinstance(fact, inputs.BadgeRead) and fact.attempt != body.attempt:
                    second = "h-" + fact.ref.removeprefix("ref-")
                    self._attempts[body.attempt] = [*self._attempts[body.attempt], second]
                if step.before.portals[body.portal].contact is not Contact.CLOSED:
                    self._unsure.add(body.attempt)
            self._read(step, event)

    def _read(self, step: Step, event: ev.Event) -> None:
        body, seq = event.body, event.header.seq
        match body:
            case ev.PassageMade(portal=portal, direction=direction) if direction is not None:
                self._passed(step, body.attempt, portal, direction, seq)
            case ev.GrantUnused(portal=portal, direction=direction) if direction is not None:
                if body.attempt in self._unsure:
                    self._passed(step, body.attempt, portal, direction, seq)
            case ev.PortalOpened(portal=portal):
                self._doubt({_ends(portal, way_out(portal))[0]})
            case ev.EgressReleased(portal=portal):
                source, target = _ends(portal, way_out(portal))
                self._doubt(_lineage(source) - _lineage(target))
            case ev.EdgeStarted():
                there = set(body.portals)
                self._doubt({_ends(one, way_out(one))[0] for one in FREE & there})
            case ev.HoldersReplaced(gone=gone):
                self._forget(*gone)
            case ev.PersonErased(holder=holder):
                self._forget(holder)
            case _:
                self._mustered(event)

    def _passed(
        self, step: Step, attempt: str | None, portal: str, direction: Direction, seq: int
    ) -> None:
        who = self._attempts.get(attempt or "", [])
        source, target = _ends(portal, direction)
        if not who:  # a button asked
            self._doubt({source})
        elif attempt in self._unsure or _by_button(step, portal):
            for one in who:
                if target not in OUTSIDE or one in self.pages:
                    self.pages[one] = Page(frozenset((source, target)), Confidence.GRANT, seq)
        elif target in OUTSIDE:
            for one in who:
                self.pages.pop(one, None)
        else:
            for one in who:
                escorted = len(who) > 1 and one in VISITORS
                best = Confidence.WITH_HOST if escorted else Confidence.PASSAGE
                self.pages[one] = Page(frozenset((target,)), best, seq)

    def _doubt(self, zones: set[str]) -> None:
        for one, page in self.pages.items():
            if zones & page.places:
                self.pages[one] = page._replace(best=Confidence.UNKNOWN)

    def _forget(self, *gone: str) -> None:
        for one in gone:
            self.pages.pop(one, None)
            self.checked.pop(one, None)

    def _mustered(self, event: ev.Event) -> None:
        body, seq = event.body, event.header.seq
        match body:
            case em.MusterBegun():
                assert not self.going or (self.of_drill and not event.header.drill), body
                self.going, self.of_drill, self.checked = True, event.header.drill, {}
            case em.PersonCheckedOff(holder=holder, where=where):
                assert self.going, body
                self.checked[holder] = (where, seq)
            case em.CheckUndone(holder=holder):
                del self.checked[holder]
            case em.MusterEnded(missing=missing):
                assert missing == len(self.missing()), body
                for one, (where, at) in self.checked.items():
                    page = self.pages.pop(one, None)
                    if page is not None and page.entry > at:
                        self.pages[one] = page  # he went in again
                    elif where in ZONES and where not in OUTSIDE:
                        self.pages[one] = Page(frozenset((where,)), Confidence.PERSON, at)
                self.going, self.checked = False, {}
            case _:
                pass

    def missing(self) -> set[str]:
        """Those who are to be looked for."""
        return {
            one
            for one, page in self.pages.items()
            if one not in self.checked or self.checked[one][1] < page.entry
        }


def _ends(portal: str, direction: Direction) -> tuple[str, str]:
    outer, inner = PORTALS[portal]
    return (outer, inner) if direction is Direction.ENTRY else (inner, outer)


def _lineage(zone: str) -> set[str]:
    around = ZONES[zone].get("inside")
    return {zone} | (_lineage(around) if around else set())


def _by_button(step: Step, portal: str) -> bool:
    fact = step.fact
    opened = isinstance(fact, inputs.ContactRead) and fact.contact is Contact.OPEN
    until_us = step.before.portals[portal].shunt_until_us if opened and fact.portal == portal else 0
    return bool(until_us) and step.moment.mono_us <= until_us


def check_the_roll_lists_whoever_came_in_and_was_not_seen_leaving(run: Run) -> None:
    """Each once, where the doors say, and never with more confidence than the evidence has."""
    book = Book()
    for step in run.steps:
        book.follow(step)
        if step.after.people is step.before.people:
            continue  # what the book has of it is compared with the next change
        now = roll(step.after, None)
        assert [one.holder for one in now.people] == list({o.holder: 0 for o in now.people})
        assert {one.holder for one in now.people} == set(book.pages), step.fact
        for one in now.people:
            page = book.pages[one.holder]
            assert {one.zone, one.perhaps} - {""} == page.places, (one, page)
            assert RANKS.index(one.confidence) <= RANKS.index(page.best), (one, page)
            assert one.confidence is page.best, (one, page)
        assert {one.holder for one in now.people if one.missing} == book.missing(), step.fact
        assert now.missing == len(book.missing())
        assert (now.muster is not None) is book.going


def check_nobody_is_let_in_or_kept_in_by_a_muster(run: Run) -> None:
    """What is asked of one releases nothing, locks nothing, and moves nobody."""
    asked = "muster-"
    for step in run.steps:
        if step.fact.id.startswith(asked):
            mine = [event for event in step.events if event.header.cause == step.fact.id]
            assert len(mine) == 1, step.fact
            wished = [e for e in step.effects if isinstance(e, ReleasePortal | FreeExit)]
            assert not wished, step.fact
            assert step.after.people.presences.keys() <= step.before.people.presences.keys()
