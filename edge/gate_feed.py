"""What happens at the gates, live, for every page that shows it.

One fold for all of them: entries as they are committed, and the core's state beside it. Nothing of
it is on the way of a decision: a commit is noted, and looked at in a task of its own. Each page has
a queue of its own; one that does not keep up is let go, and resumes from the newest entry that it
has seen.

Where the journal cannot be written doors and posture go on being shown as they are. Verdicts follow
as soon as they are on disk.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence

from msgspec.structs import replace

from controller.events import EntryError, decode_entry
from controller.ids import PortalId
from controller.state import SiteState
from edge.control.messages_gate import (
    GATE_HEARTBEAT_S,
    RECENT_MAX,
    TOLD_MAX,
    FollowGate,
    GateHeartbeat,
    GateHello,
    GateInside,
    GatePassage,
    GatePortal,
    GatePosture,
    GateReleaseWaits,
    GateTold,
    Stage,
)
from edge.daemon import Daemon
from edge.gate_passages import Passage, Passages
from edge.gate_showing import GateShowing
from edge.gate_sight import Guard, Sight
from edge.journal import JournalError, Record
from policies.compiled import CompiledPolicy

QUEUE_MAX = 512
"""Messages that wait for one page: what happens at a busy site in the ten seconds for which it may
take nothing."""

READ_ENTRIES, READ_BYTES = 200, 512 * 1024
"""Of one step of reading the journal."""

READ_BACK_ENTRIES = 5_000
"""Behind which a start looks for what passed before it: the better part of an hour of a busy site,
and a quarter of a second beside everything else."""

PAUSE_S = 0.01
"""Between two looks: what comes together is shown together, and a decision finds the loop free."""

LOOK_S = 1.0
"""Without a commit: deadlines pass, and a journal that cannot be written tells nothing."""

log = logging.getLogger(__name__)


class _Follower:
    """One page. What is put here is shared with other pages that may see the same."""

    def __init__(self, sight: Sight, portals: frozenset[str] | None) -> None:
        self.sight = sight
        self._portals = portals
        self.queue: asyncio.Queue[GateTold | None] = asyncio.Queue(QUEUE_MAX)
        self.lost = False

    def shows(self, portal: str) -> bool:
        return (self._portals is None or portal in self._portals) and self.sight.sees(portal)

    def put(self, message: GateTold) -> None:
        if self.lost:
            return
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            self.let_go()

    def let_go(self) -> None:
        """It is told nothing more, not even what waits for it, and asks again."""
        self.lost = True
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class GateFeed:
    """One edge's. `committed` must be told of every commit; `run` is a task beside the daemon."""

    def __init__(self, daemon: Daemon, showing: GateShowing) -> None:
        self._daemon = daemon
        self._showing = showing
        self._followers: set[_Follower] = set()
        self._wake = asyncio.Event()
        self._coming: list[Record] = []
        self._seq = daemon.writer.last_seq
        self.passages = Passages()
        self.releases: dict[str, GateReleaseWaits] = {}
        self._looked: SiteState | None = None
        self._policy: CompiledPolicy = daemon.site.policy
        self._portals: dict[PortalId, GatePortal] = {}
        self._posture: GatePosture | None = None
        self._inside: GateInside | None = None

    def committed(self, records: Sequence[Record]) -> None:
        """Entries reached the disk. Takes no time: what opens doors is handed on behind it."""
        self._coming += records
        self._wake.set()

    async def run(self) -> None:
        """Show what happens until cancelled."""
        await self._read_back()
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._take()
            self._look()
            await asyncio.sleep(PAUSE_S)

    async def follow(
        self, asked: FollowGate, guard: Guard
    ) -> AsyncGenerator[GateHello | GateTold, None]:
        """As `edge.control.desk_gate.Gates` has it."""
        follower = _Follower(guard.sight, frozenset(asked.portals) if asked.portals else None)
        now_s = asyncio.get_running_loop().time
        post = self._daemon.answering.guards
        attends = asked.attends and guard.sight.people
        self._look()
        self._look_at_doors()
        hello = self._hello(follower, asked.after)
        self._followers.add(follower)
        try:
            if attends:
                post.attend()
            yield hello
            beat_s = now_s() + GATE_HEARTBEAT_S
            while not follower.lost:
                if now_s() >= beat_s:
                    beat_s = now_s() + GATE_HEARTBEAT_S
                    # Whoever took the last message is there; one who hangs attends to nothing.
                    if attends:
                        post.attend()
                    # Not before what still waits: its number would say that the page has that too.
                    if follower.queue.empty():
                        yield self._heartbeat()
                try:
                    async with asyncio.timeout_at(beat_s):
                        message = await follower.queue.get()
                except TimeoutError:
                    continue
                if message is not None:
                    yield message
        finally:
            self._followers.discard(follower)

    def tell_release(self, waits: GateReleaseWaits) -> None:
        """A release waits for a second person, or does no longer."""
        self.releases.pop(waits.release, None)
        if not waits.over:
            self.releases[waits.release] = waits
        for follower in self._followers:
            if follower.sight.people and follower.shows(waits.portal):
                follower.put(waits)

    def _end_releases(self) -> None:
        now_us = self._daemon.now().utc_us
        for one in [one for one in self.releases.values() if one.until_utc_us <= now_us]:
            self.tell_release(replace(one, over=True))

    # --- entries ---

    async def _read_back(self) -> None:
        """What passed before this run, so that a page does not begin empty."""
        first = max(1, self._seq - READ_BACK_ENTRIES + 1)
        await self._read(first, self._seq, live=False)

    async def _take(self) -> None:
        """What was committed since. A journal that was written again brings what it had kept in
        memory without telling of it: that is read.
        """
        coming, self._coming = self._coming, []
        for record in coming:
            if record.seq == self._seq + 1:
                self._fold(record.entry, live=True)
                self._seq = record.seq
        newest = self._daemon.writer.last_seq
        if newest > self._seq and not self._coming and not self._daemon.recorder.down:
            await self._read(self._seq + 1, newest, live=True)
            self._seq = max(self._seq, newest)

    async def _read(self, first: int, last: int, *, live: bool) -> None:
        """Where it cannot be read now nothing of it is shown; reports have it later."""
        following = first
        try:
            while following <= last:
                part = await self._daemon.writer.read(
                    following, READ_ENTRIES, READ_BYTES, kept=True
                )
                for one in part:
                    if one.seq <= last:
                        self._fold(one.entry, live=live)
                if not part:
                    return
                following = part[-1].seq + 1
        except JournalError as error:
            log.warning("what passed cannot be read: %s", error)

    def _fold(self, entry: bytes, *, live: bool) -> None:
        try:
            found = self.passages.take(decode_entry(entry), live=live)
        except EntryError as error:
            log.warning("an entry cannot be shown: %s", error)
            return
        if found is not None and live:
            self._tell_passages((found,))

    # --- the state ---

    def _look(self) -> None:
        """Tell who waits, and where somebody looks on, how doors and posture have changed."""
        daemon = self._daemon
        waiting = self.passages.look(daemon.site.state.attempts, self._seq, daemon.now().utc_us)
        self._tell_passages(waiting)
        self._end_releases()
        if self._followers:
            self._look_at_doors()

    def _look_at_doors(self) -> None:
        state, policy = self._daemon.site.state, self._daemon.site.policy
        before, self._looked = self._looked, state
        if policy is not self._policy:
            # What a session sees is the policy's word as well: each page begins anew by it.
            self._policy = policy
            self._show_doors(None, state)
            for follower in self._followers:
                follower.let_go()
        else:
            self._tell_doors(self._show_doors(before, state))

    def _show_doors(self, before: SiteState | None, state: SiteState) -> list[GateTold]:
        """Bring it up to the state; what is another than before."""
        showing, news = self._showing, list[GateTold]()
        if before is None or _doors(before) != _doors(state):
            portals = showing.portals()
            news += [one for name, one in portals.items() if self._portals.get(name) != one]
            self._portals = portals
        if before is None or _posture(before) != _posture(state):
            posture = showing.posture()
            if posture != self._posture:
                news.append(posture)
            self._posture = posture
        if before is None or before.people.inside is not state.people.inside:
            inside = showing.inside()
            if inside != self._inside:
                news.append(inside)
            self._inside = inside
        return news

    def _tell_doors(self, news: Iterable[GateTold]) -> None:
        for one in news:
            for follower in self._followers:
                if not isinstance(one, GatePortal) or follower.shows(one.id):
                    follower.put(one)

    # --- telling ---

    def _tell_passages(self, passages: Iterable[Passage]) -> None:
        for passage in passages:
            shown: dict[Sight, GatePassage] = {}
            for follower in self._followers:
                if follower.sight.people and follower.shows(passage.portal):
                    sight = follower.sight._replace(portals=None)
                    if sight not in shown:
                        shown[sight] = self._showing.passage(passage, sight)
                    follower.put(shown[sight])

    def _hello(self, follower: _Follower, after: int | None) -> GateHello:
        daemon = self._daemon
        now = daemon.now()
        recent, missed = self._recent(follower, after)
        assert self._posture is not None, "it was looked at before"
        assert self._inside is not None, "as the posture"
        return GateHello(
            site=daemon.site.origin.site,
            edge=daemon.site.origin.edge,
            timezone=daemon.site.policy.timezone,
            utc_us=now.utc_us,
            seq=self._seq,
            recorded=not daemon.recorder.down,
            clock_trusted=now.trusted,
            posture=self._posture,
            inside=self._inside,
            portals=tuple(one for one in self._portals.values() if follower.shows(one.id)),
            recent=recent,
            missed=missed,
            releases=tuple(
                one
                for one in self.releases.values()
                if follower.sight.people and follower.shows(one.portal)
            ),
        )

    def _recent(
        self, follower: _Follower, after: int | None
    ) -> tuple[tuple[GatePassage, ...], bool]:
        """The newest, oldest first, and whether there were more behind `after`. Who still waits is
        told again whatever the page has: nothing but this says that he does.
        """
        if not follower.sight.people:
            return (), False
        found: list[Passage] = []
        missed = False
        for passage in self.passages.newest_first():
            if not follower.shows(passage.portal):
                continue
            waits = passage.stage is Stage.ASKED
            if waits and not self._showing.at_gate(passage):
                continue  # its end is on its way to the disk
            if not waits and after is not None and passage.seq <= after:
                continue
            if len(found) >= (TOLD_MAX if waits else RECENT_MAX):
                missed = after is not None
                continue
            found.append(passage)
        found.reverse()
        return tuple(self._showing.passage(one, follower.sight) for one in found), missed

    def _heartbeat(self) -> GateHeartbeat:
        now = self._daemon.now()
        return GateHeartbeat(
            utc_us=now.utc_us,
            seq=self._seq,
            recorded=not self._daemon.recorder.down,
            clock_trusted=now.trusted,
        )


def _doors(state: SiteState) -> tuple[int, ...]:
    """Whether it is the same, without a look into it: mappings are replaced, never changed."""
    return (id(state.portals), id(state.orders), id(state.answers), id(state.cameras))


def _posture(state: SiteState) -> tuple[object, ...]:
    fires, muster = id(state.fires), state.people.muster is not None
    return (state.mode, state.threat, fires, id(state.orders), muster)
