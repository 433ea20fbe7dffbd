"""What must hold of people and places, by the facts that were fed and the passages that were made.

A second book about who is where is kept for it, without the core's.
"""

from collections.abc import Iterator
from typing import NamedTuple

from controller import events as ev
from controller import inputs
from controller.effects import ReleasePortal
from controller.ids import PortalId
from controller.moment import SECOND_US
from controller.portal import Contact
from policies.facts import ScreeningResult
from tests.controller.hour import Run, Step
from tests.controller.support import way_in

VAULT, PLACES = "vault", 3
ENTITLED = {"ann", "bob", "cora", "dan", "eve", "gus", "hal"}
"""Those whose role the vault's grant names, whatever became of their badges."""
HOST, VISITORS, STAY_S = "bob", {"vic", "wim"}, 200
AGENTS = {"pia"}
NEVER_SEARCHED = {"bob", "cora", "hal"}
WINDOW_US = 20 * SECOND_US


class Pair(NamedTuple):
    """A release on the way in that two people badged for."""

    step: Step
    portal: str
    first: str
    second: str
    apart_us: int


class Badges:
    """Who badged for which attempt, and when."""

    def __init__(self, run: Run) -> None:
        self.of: dict[str, tuple[str, int]] = {}
        for step in run.steps:
            if isinstance(step.fact, inputs.BadgeRead):
                who = step.fact.ref.removeprefix("ref-")
                self.of[step.fact.attempt] = (who, step.moment.mono_us)


def entries(run: Run) -> Iterator[tuple[Step, ReleasePortal, str]]:
    """Every release on a way in, and whose attempt it was."""
    badges = Badges(run)
    for step in run.steps:
        for effect in step.effects:
            if isinstance(effect, ReleasePortal) and effect.direction is way_in(effect.portal):
                yield step, effect, badges.of[effect.attempt][0]


def pairs(run: Run) -> Iterator[Pair]:
    """Releases after a second badge at the same reader."""
    badges = Badges(run)
    for step, effect, first in entries(run):
        fact = step.fact
        if isinstance(fact, inputs.BadgeRead) and fact.attempt != effect.attempt:
            second, at_us = badges.of[fact.attempt]
            apart_us = at_us - badges.of[effect.attempt][1]
            yield Pair(step, effect.portal, first, second, apart_us)


def vault_pairs(run: Run) -> dict[int, Pair]:
    """Who was let into the vault, by the identity of the step."""
    return {id(pair.step): pair for pair in pairs(run) if pair.portal == VAULT}


def check_nobody_enters_alone_where_two_are_needed(run: Run) -> None:
    """Two different people, neither of them a visitor, within twenty seconds."""
    together = {id(pair.step): pair for pair in pairs(run)}
    for step, effect, first in entries(run):
        if effect.portal != VAULT:
            continue
        pair = together.get(id(step))
        assert pair is not None, f"{first} alone"
        assert pair.first != pair.second, pair
        assert {pair.first, pair.second} <= ENTITLED, pair
        assert pair.apart_us <= WINDOW_US, pair


def check_a_visitor_enters_with_his_host(run: Run) -> None:
    """The host badged right after him, at the same door."""
    together = {id(pair.step): pair for pair in pairs(run)}
    for step, _, first in entries(run):
        if first in VISITORS:
            pair = together.get(id(step))
            assert pair is not None, f"{first} alone"
            assert pair.second == HOST, pair


class _Vault:
    """Who is in the vault, by what was seen of its door."""

    def __init__(self, run: Run) -> None:
        self._badges = Badges(run)
        self._grants: dict[str, list[str]] = {}
        self._unsure: set[str] = set()
        """Attempts granted while the leaf was not seen closed: used or not, nobody knows."""
        self.inside: set[str] = set()
        self.count = 0

    def follow(self, step: Step) -> None:
        fact = step.fact
        for effect in step.effects:
            if isinstance(effect, ReleasePortal):
                who = [self._badges.of[effect.attempt][0]]
                if isinstance(fact, inputs.BadgeRead) and fact.attempt != effect.attempt:
                    who.append(self._badges.of[fact.attempt][0])
                self._grants[effect.attempt] = who
        for event in step.events:
            body = event.body
            if (  # a free way out is granted by no release
                isinstance(body, ev.DecisionMade)
                and body.decision.granted
                and step.before.portals[body.portal].contact is not Contact.CLOSED
            ):
                self._unsure.add(body.attempt)
            self._read(body, by_button=_by_button(step))

    def _read(self, body: ev.Body, *, by_button: bool) -> None:
        unused = isinstance(body, ev.GrantUnused) and body.attempt in self._unsure
        if isinstance(body, ev.PassageMade) or (unused and isinstance(body, ev.GrantUnused)):
            alone = self._badges.of.get(body.attempt or "")
            who = self._grants.get(body.attempt or "", [alone[0]] if alone else [])
            self.inside -= set(who)  # he is seen elsewhere
            if body.portal != VAULT:
                return
            if body.direction is way_in(VAULT):
                unsure = body.attempt in self._unsure or by_button
                self.inside |= set() if unsure else set(who)
                self.count += len(who)
            else:
                self.count = max(0, self.count - max(1, len(who)))
        elif isinstance(body, ev.PersonErased):  # nothing is known of him any more
            self.inside.discard(body.holder.removeprefix("h-"))
        elif isinstance(body, ev.EgressReleased) and body.portal == VAULT:
            self.inside, self.count = set(), 0
        elif isinstance(body, ev.PortalOpened) and body.portal == VAULT:
            self.inside = set()
            self.count = max(0, self.count - (not body.after.released))


def _by_button(step: Step) -> bool:
    """Whether the leaf opened while a request to exit explains it."""
    opened = isinstance(step.fact, inputs.ContactRead) and step.fact.contact is Contact.OPEN
    vault = step.before.portals.get(PortalId(VAULT))
    until_us = None if vault is None else vault.shunt_until_us
    return opened and until_us is not None and step.moment.mono_us <= until_us


def check_who_is_inside_does_not_go_in_again(run: Run) -> None:
    """Hard anti-passback, as people really move."""
    vault, let_in = _Vault(run), vault_pairs(run)
    for step in run.steps:
        pair = let_in.get(id(step))
        if pair is not None:
            again = vault.inside & {pair.first, pair.second}
            assert not again, f"{again} again"
        vault.follow(step)


def check_no_more_people_than_places(run: Run) -> None:
    """Counted by passages; two come at a time."""
    vault, let_in = _Vault(run), vault_pairs(run)
    for step in run.steps:
        pair = let_in.get(id(step))
        assert pair is None or vault.count + 2 <= PLACES, f"{vault.count} inside, and {pair}"
        vault.follow(step)


def check_nobody_enters_unscreened_where_it_is_asked_for(run: Run) -> None:
    """The latest word of the station is good, or the person is never searched."""
    said: dict[str, ScreeningResult] = {}
    let_in = vault_pairs(run)
    good = {ScreeningResult.CLEARED, ScreeningResult.EXEMPT}
    for step in run.steps:
        fact = step.fact
        if isinstance(fact, inputs.ScreeningHeard) and fact.station == "gate-house":
            said[fact.holder.removeprefix("h-")] = fact.result
        pair = let_in.get(id(step))
        for who in set() if pair is None else {pair.first, pair.second} - NEVER_SEARCHED:
            assert said.get(who) in good, f"{who}: {said.get(who)}"


class _Consent(NamedTuple):
    """What was given, by a book of its own."""

    order: str
    until_s: int


def check_agents_of_the_host_state_enter_with_a_consent_alone(run: Run) -> None:
    """One that was given by a trusted clock, that nobody has ended, whose time is not over, and
    whose file acts for the first time.
    """
    book: dict[str, _Consent] = {}
    acted: set[str] = set()
    let_in = {id(step): first for step, _, first in entries(run)}
    for step in run.steps:
        fact, now_s = step.fact, step.moment.utc_s
        if isinstance(fact, inputs.ConsentOffered) and _can_act(step, fact, acted):
            acted.add(fact.order)
            book[fact.holder] = _Consent(fact.order, fact.until_s)
        elif isinstance(fact, inputs.ConsentEndAsked):
            book.pop(fact.holder, None)
        if let_in.get(id(step)) in AGENTS:
            consent = book.get(f"h-{let_in[id(step)]}")
            assert consent is not None, "no consent"
            assert step.moment.trusted, consent
            assert now_s < consent.until_s, consent
        if step.moment.trusted:
            # What was over once does not come back with a clock that is set.
            book = {who: one for who, one in book.items() if now_s < one.until_s}


def _can_act(step: Step, offered: inputs.ConsentOffered, acted: set[str]) -> bool:
    now_s = step.moment.utc_s
    timely = now_s < min(offered.until_s, offered.accept_until_s)
    timely = timely and offered.until_s <= now_s + 24 * 3600
    return timely and step.moment.trusted and step.after.recorded and offered.order not in acted


def check_a_consent_that_ends_names_its_agent_once(run: Run) -> None:
    """Where he is known inside; and nothing is done to him."""
    for step in run.steps:
        named = [e.body.holder for e in step.events if isinstance(e.body, ev.AgentWithoutConsent)]
        inside = []
        for event in step.events:
            people = run.states[event.header.seq - 1].people
            if isinstance(event.body, ev.ConsentEnded) and event.body.holder in people.presences:
                inside.append(event.body.holder)
        assert named == inside, step.fact


def check_who_stays_too_long_is_told_of_once(run: Run) -> None:
    """By a book of when each visitor came: in time, and never again for the same visit."""
    came: dict[str, int] = {}
    told: set[str] = set()
    for step in run.steps:
        trusted, now_s = step.moment.trusted, step.moment.utc_s
        inside = {f"h-{who}" for who in VISITORS} & set(step.after.people.presences)
        for event in step.events:
            body = event.body
            if isinstance(body, ev.VisitorOverstayed):
                assert body.visitor not in told, body
                assert came[body.visitor] + STAY_S <= now_s, body
                told.add(body.visitor)
            elif isinstance(body, ev.PassageMade) and body.moved and body.portal == "gate":
                came = {who: at for who, at in came.items() if who not in body.moved.holders}
                told -= set(body.moved.holders)
        came = {who: at for who, at in came.items() if who in inside}
        told &= inside
        for who in inside - set(came) if trusted else set():
            came[who] = now_s
        late = {who for who, at in came.items() if trusted and at + STAY_S <= now_s} - told
        # Who the visitors are an edge knows a moment after it has started.
        assert not late or isinstance(step.fact, inputs.Started | inputs.DirectoryReplaced), late
