"""Mistakes that somebody could make in the edge or in central, each with the rule that finds it at
the virtual site. A mistake's docstring says what it would cost.

A rule that no mistake breaks says nothing. Each mistake has a site at which it can show, and which
passes quickly.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, NoReturn

import pytest
from msgspec.structs import replace

from central.collector import Collector
from controller import fires, passages, site, state, verdicts
from controller import ledger as arithmetic
from controller.effects import Effect, ReleasePortal, SecurePortal
from controller.events import EdgeStarted, Event
from controller.inputs import BoltRead, FaceOutcome, JournalFailed, PortalLinkHeard
from controller.site import Site
from controller.state import SiteState
from controller.turn import Turn
from drivers import api
from drivers.mqtt_link import MqttLink, Session
from drivers.osdp.bus import Bus
from drivers.telling import Teller
from edge import assembly, wire
from edge.daemon import Daemon
from edge.face_watch import FaceWatch
from edge.journal import JournalWriter, Record, folder
from edge.recorder import Recorder
from edge.restore import restored_state, state_of
from edge.uplink import Uplink
from policies.facts import CredentialStatus, Factor, Request
from simulators.virtual.faults import Level
from simulators.virtual.people import DAY_S
from simulators.virtual.run import Options, simulate

Patch = pytest.MonkeyPatch

RELOCKS = "what-let-go-locks-again"
RELEASE = "release-needs-a-durable-grant"
POSTURE = "posture-forbids-entry"
EXITS = "exits-stay-free"
PERSONS = "never-for-the-wrong-person"
LAST = "records-last"
STORED = "stored-means-stored"
GROWS = "nothing-grows"
RUNS = "the-edge-runs-on"


class Plant(NamedTuple):
    """One mistake, and the site for it. `rules`: those that may find it first; `seed`: one by which
    they do.
    """

    put: Callable[[Patch], None]
    rules: tuple[str, ...]
    seed: int
    days: float = 0.42
    faults: Level = Level.HEAVY
    portals: int = 4
    people: int = 20
    hour: int = 0

    @property
    def name(self) -> str:
        return self.put.__name__.replace("_", " ")

    @property
    def cost(self) -> str:
        return self.put.__doc__ or ""

    def options(self, seed: int) -> Options:
        return Options(
            seed=seed,
            days=self.days,
            faults=self.faults,
            portals=self.portals,
            people=self.people,
            hour=self.hour,
        )


# --- between the core, the disk and the wire --------------------------------------------------


def a_strike_is_carried_before_its_commit(patch: Patch) -> None:
    """A door opens on a decision that the next power cut undoes: nobody can prove who came in."""
    honest = Recorder.record

    def record(self: Recorder, events: tuple[Event, ...], effects: tuple[Effect, ...]) -> None:
        honest(self, events, ())
        self._carry(effects)

    patch.setattr(Recorder, "record", record)


def a_posture_is_not_asked_for_after_the_commit(patch: Patch) -> None:
    """A slow disk lets somebody in behind the lockdown."""
    honest = Site.stands

    def stands(self: Site, effect: Effect, now_us: int) -> bool:
        if isinstance(effect, ReleasePortal):
            return effect.not_after_us is None or now_us <= effect.not_after_us
        return honest(self, effect, now_us)

    patch.setattr(Site, "stands", stands)


def nobody_is_asked_at_the_wire(patch: Patch) -> None:
    """A line that stumbles opens a door long after a lockdown, or when nobody stands there."""
    patch.setattr(Bus, "still_wanted", lambda self, command, now_ns: None)


def a_command_whose_end_is_told_is_not_forgotten(patch: Patch) -> None:
    """After some days the edge ends, and every door of it with it."""

    def ended(self: Daemon, fact: api.CommandEnded) -> None:
        effect = self._outstanding.get(fact.command)
        if effect is not None:
            self._effect_ended(effect, fact.outcome)

    patch.setattr(Daemon, "_command_ended", ended)


def each_try_to_connect_leaves_a_task_behind(patch: Patch) -> None:
    """A broker that is away for a weekend takes the edge's memory."""
    honest = MqttLink._connect_once
    left: list[asyncio.Task[Any]] = []

    async def connect_once(self: MqttLink, session: Session, number: int) -> NoReturn:
        waits = asyncio.Event().wait()
        left.append(asyncio.get_running_loop().create_task(waits, name="watchdog"))
        await honest(self, session, number)

    patch.setattr(MqttLink, "_connect_once", connect_once)


# --- the journal ------------------------------------------------------------------------------


def a_commit_is_not_synced(patch: Patch) -> None:
    """A power cut takes minutes of decisions that were called durable."""
    pragmas = tuple(pragma.replace("= FULL", "= NORMAL") for pragma in folder.PRAGMAS)
    patch.setattr(folder, "PRAGMAS", pragmas)


def entries_of_a_failed_commit_are_dropped(patch: Patch) -> None:
    """What happened just when the disk failed was never recorded."""
    honest = Recorder._keep

    def keep(self: Recorder, records: list[Record], *, pinned: bool) -> None:
        if not pinned:
            honest(self, records, pinned=False)

    patch.setattr(Recorder, "_keep", keep)


def entries_of_a_failed_commit_are_appended_blindly(patch: Patch) -> None:
    """A commit that had arrived after all ends the edge: nobody leaves by a reader."""

    async def catch_up(self: Recorder) -> None:
        await self._writer.reopen()
        await self._writer.append(self._kept.records)
        self._kept.forget(self._newest)
        self._down = False
        self._recovered(0)
        self._committed([])

    patch.setattr(Recorder, "_catch_up", catch_up)


def a_start_believes_the_snapshot_alone(patch: Patch) -> None:
    """Since yesterday's snapshot there was a fire, and the edge does not know."""

    async def restored(writer: JournalWriter) -> SiteState:
        newest = await writer.newest_snapshot()
        if newest is None:
            return await restored_state(writer)
        return replace(state_of(newest), seq=writer.last_seq)

    patch.setattr(assembly, "restored_state", restored)


def a_bolt_moves_without_an_event(patch: Patch) -> None:
    """No replay gives what the edge believed."""

    def moved(turn: Turn, fact: BoltRead) -> None:
        before = turn.state.portals.get(fact.portal)
        if before is not None:
            after = replace(before, bolted=fact.bolted)
            turn.state = replace(turn.state, portals=turn.state.portals | {fact.portal: after})

    patch.setitem(site._HANDLERS, BoltRead, moved)


def grants_survive_the_journal(patch: Patch) -> None:
    """While nothing can be recorded everybody still enters."""

    def failed(turn: Turn, fact: JournalFailed) -> None:
        return

    patch.setitem(site._HANDLERS, JournalFailed, failed)


# --- the way to the archive -------------------------------------------------------------------


def what_the_broker_took_counts_as_stored(patch: Patch) -> None:
    """What a broker loses is never sent again."""
    honest = Uplink._send_batch

    async def send_batch(self: Uplink) -> bool:
        if not await honest(self):
            return False
        while self._link.connected and self._link.outstanding:
            await asyncio.sleep(0.01)
        if self._link.connected:
            self._unnoted = self._window.sent
            await self._note()
        return True

    patch.setattr(Uplink, "_send_batch", send_batch)


def the_archive_acknowledges_before_its_commit(patch: Patch) -> None:
    """A full disk at central loses what the edge then forgets."""

    async def store(self: Collector, site: str, edge: str, batch: wire.Batch) -> Any:
        mark = await self._blocking(self._archive.mark, site, edge, batch.incarnation)
        last, chain = mark.seq, mark.chain
        if batch.first == last + 1:
            for entry in batch.entries:
                last, chain = last + 1, arithmetic.link(chain, arithmetic.leaf(entry.data))
            mark = replace(mark, seq=last, chain=chain)
        self._acknowledge(site, edge, batch.incarnation, mark)
        return await self._blocking(self._archive.store, site, edge, batch)

    patch.setattr(Collector, "_store_then_acknowledge", store)


# --- ways out ---------------------------------------------------------------------------------


def a_restart_forgets_the_fire(patch: Patch) -> None:
    """A restart locks the way out of a burning house."""
    honest = state._started

    def started(before: SiteState, body: EdgeStarted, mono_us: int) -> SiteState:
        return honest(replace(before, fires={}, portals={}), body, mono_us)

    patch.setattr(state, "_started", started)


def a_fire_input_that_falls_silent_is_no_fire(patch: Patch) -> None:
    """Who cuts the cable of the fire panel has cut off everybody's way out."""
    patch.setattr(fires, "GONE_US", int(DAY_S) * 1_000_000)


def what_a_silent_reader_had_kept_is_told(patch: Patch) -> None:
    """The door opens for whoever stands there when the reader is back."""
    patch.setattr(Teller, "stored", lambda teller, found: teller.emit(found))


def a_board_that_is_back_is_not_told_of_the_fire(patch: Patch) -> None:
    """A cable that came loose before the fire keeps people in."""
    honest = site._HANDLERS[PortalLinkHeard]

    def heard(turn: Turn, fact: PortalLinkHeard) -> None:
        with pytest.MonkeyPatch.context() as meanwhile:
            meanwhile.setattr(fires, "free_egress", lambda _turn, _portal: None)
            honest(turn, fact)

    patch.setitem(site._HANDLERS, PortalLinkHeard, heard)


def doors_are_secured_whatever_is_in_force(patch: Patch) -> None:
    """A door that a fire had freed locks before somebody."""

    def secure(turn: Turn, portal_id: Any) -> None:
        turn.wish(
            lambda effect_id, cause, drill: SecurePortal(
                id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
            )
        )

    honest = Site.stands

    def stands(self: Site, effect: Effect, now_us: int) -> bool:
        return isinstance(effect, SecurePortal) or honest(self, effect, now_us)

    patch.setattr(fires, "secure", secure)
    patch.setattr(Site, "stands", stands)


def nobody_leaves_while_the_journal_is_down(patch: Patch) -> None:
    """A full disk keeps people in."""
    honest = Site.stands

    def stands(self: Site, effect: Effect, now_us: int) -> bool:
        recorded = self.state.recorded or not isinstance(effect, ReleasePortal)
        return recorded and honest(self, effect, now_us)

    patch.setattr(Site, "stands", stands)


# --- ways in ----------------------------------------------------------------------------------


def a_clock_that_nobody_vouches_for_is_believed(patch: Patch) -> None:
    """Whoever sets the clock opens the door."""
    honest = passages.question

    def request(*arguments: Any) -> Request:
        return replace(honest(*arguments), clock_trusted=True)

    patch.setattr(passages, "question", request)
    patch.setattr(verdicts, "question", request)


def what_stands_open_stays_open_in_a_lockdown(patch: Patch) -> None:
    """The front door stands open for seconds that the lockdown was for."""
    honest = verdicts.settle_lease

    def settle(turn: Turn, portal_id: Any, *, due: bool) -> None:
        if due or not turn.state.portals[portal_id].leased:
            honest(turn, portal_id, due=due)

    patch.setattr(verdicts, "settle_lease", settle)


def a_lost_badge_is_as_good_as_any(patch: Patch) -> None:
    """Whoever finds a badge enters."""
    honest = passages.question

    def request(*arguments: Any) -> Request:
        asked = honest(*arguments)
        known = asked.credential is not CredentialStatus.UNKNOWN
        return replace(asked, credential=CredentialStatus.ACTIVE) if known else asked

    patch.setattr(passages, "question", request)


def a_badge_is_taken_for_badge_and_pin(patch: Patch) -> None:
    """Whoever steals a badge reaches the archive."""
    honest = passages.question

    def request(*arguments: Any) -> Request:
        asked = honest(*arguments)
        pins = tuple(replace(one, factor=Factor.PIN) for one in asked.presented)
        return replace(asked, presented=asked.presented + pins)

    patch.setattr(passages, "question", request)


def anybody_is_taken_for_her(patch: Patch) -> None:
    """Whoever carries a colleague's badge is let in by his own face."""
    honest = FaceWatch.compare

    async def compare(watch: FaceWatch, *arguments: Any) -> tuple[FaceOutcome, str]:
        outcome, reason = await honest(watch, *arguments)
        return (FaceOutcome.MATCHED if outcome is FaceOutcome.WRONG else outcome), reason

    patch.setattr(FaceWatch, "compare", compare)


in_the_morning = partial(Plant, days=0.14, hour=7)
"""For mistakes that show when people come: from the first of them on, and no night before."""

PLANTS = (
    in_the_morning(a_strike_is_carried_before_its_commit, (RELEASE,), 4, portals=2, people=10),
    in_the_morning(a_posture_is_not_asked_for_after_the_commit, (RELEASE, POSTURE), 7, people=60),
    in_the_morning(nobody_is_asked_at_the_wire, (POSTURE, RELEASE, EXITS), 14, people=60),
    in_the_morning(
        a_command_whose_end_is_told_is_not_forgotten,
        (GROWS,),
        1,
        faults=Level.NONE,
        portals=2,
        people=3,
    ),
    Plant(each_try_to_connect_leaves_a_task_behind, (GROWS,), 1, days=0.2, portals=2, people=2),
    Plant(a_commit_is_not_synced, (LAST,), 1, days=0.1, portals=2, people=2),
    Plant(entries_of_a_failed_commit_are_dropped, (LAST,), 2, days=0.2, portals=2, people=2),
    Plant(
        entries_of_a_failed_commit_are_appended_blindly, (RUNS,), 3, days=0.2, portals=2, people=2
    ),
    Plant(a_start_believes_the_snapshot_alone, (LAST,), 2, days=0.2, portals=2, people=2),
    Plant(a_bolt_moves_without_an_event, (LAST,), 4, days=0.2, portals=3, people=6),
    in_the_morning(grants_survive_the_journal, (RELEASE, RELOCKS), 2, portals=2, people=10),
    Plant(what_the_broker_took_counts_as_stored, (STORED,), 1, days=0.2, portals=2, people=2),
    Plant(the_archive_acknowledges_before_its_commit, (STORED,), 1, days=0.2, portals=2, people=2),
    Plant(a_restart_forgets_the_fire, (EXITS, POSTURE), 14, days=0.3, people=10),
    Plant(a_fire_input_that_falls_silent_is_no_fire, (EXITS, POSTURE), 7, days=0.2, people=2),
    in_the_morning(what_a_silent_reader_had_kept_is_told, (RELEASE, POSTURE), 5, people=80),
    Plant(a_board_that_is_back_is_not_told_of_the_fire, (EXITS,), 8, days=0.3, people=2),
    Plant(doors_are_secured_whatever_is_in_force, (EXITS,), 1, days=0.2, people=2),
    Plant(
        nobody_leaves_while_the_journal_is_down,
        (EXITS,),
        9,
        days=0.2,
        faults=Level.NORMAL,
        people=200,
        hour=11,
    ),
    in_the_morning(a_clock_that_nobody_vouches_for_is_believed, (PERSONS,), 7, portals=2, people=4),
    in_the_morning(what_stands_open_stays_open_in_a_lockdown, (POSTURE,), 1, portals=2, people=4),
    in_the_morning(
        a_lost_badge_is_as_good_as_any, (PERSONS,), 5, faults=Level.NONE, portals=2, people=40
    ),
    in_the_morning(a_badge_is_taken_for_badge_and_pin, (PERSONS,), 1, faults=Level.NONE, people=40),
    in_the_morning(
        anybody_is_taken_for_her, (PERSONS,), 3, faults=Level.NONE, portals=9, people=40
    ),
)


class Finding(NamedTuple):
    """What found a mistake: after how many seeds, the rule that was broken, and its story.

    `without`: the rule that was broken on the same seed without the mistake; empty: none was.
    """

    seed: int
    tried: int
    rule: str
    story: str
    without: str = ""


def hunt(name: str, seeds: range, *, compare: bool = False) -> Finding | None:
    """Plant a mistake and run the seeds until a rule is broken; None where none is.

    `compare`: the seed that found it is run without the mistake as well, until the same moment.
    """
    logging.disable(logging.CRITICAL)
    plant = next(plant for plant in PLANTS if plant.name == name)
    for tried, seed in enumerate(seeds, start=1):
        options = plant.options(seed)
        with pytest.MonkeyPatch.context() as patch:
            plant.put(patch)
            verdict = simulate(options)
        if not verdict.broken:
            continue
        without = ""
        if compare:
            until_days = min(options.days, verdict.broken_at_s / DAY_S)
            without = simulate(replace(options, days=until_days)).broken
        rule = verdict.broken.partition(" at ")[0]
        return Finding(seed, tried, rule, verdict.broken, without)
    return None
