"""One virtual site: everything that it is made of, and whoever watches it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from controller.events import Entry, FireLine
from controller.ids import HolderId
from controller.inputs_faces import FaceEnrolAsked
from edge.assembly import Edge
from edge.daemon import Daemon
from policies.facts import Mode
from simulators.orders import offered, towards
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.cameras import MODEL
from simulators.virtual.clock import VirtualClock
from simulators.virtual.disk import Disk
from simulators.virtual.hand import disk_latency
from simulators.virtual.hardware import Hardware
from simulators.virtual.loop import virtual_loop
from simulators.virtual.machines import CentralMachine, EdgeMachine
from simulators.virtual.people import Crowd
from simulators.virtual.plan import Plan
from simulators.virtual.records_rules import Ledger, NothingGrows, StoredMeansStored, body_of
from simulators.virtual.rule import Rule, Violation
from simulators.virtual.seen import Seen, Trace, What

MONDAY_UTC_US = 1_790_546_400_000_000
"""Monday, 28 September 2026, 00:00 in Vienna."""

HOUR_US = 3_600 * 1_000_000

NETWORK_S = 0.002
CARETAKER_S = 45.0
"""How often the named person looks whether a fire can be reset."""

ENROLS_S = 300.0
VIEWS = 4

POSTURE_AGAIN_S = 20.0
LOOK_S = 600.0
WEIGH_LOOKS = 36

OPERATOR = "Chief"


class Site:
    """The parts, wired together; `start` lets them run."""

    def __init__(
        self,
        plan: Plan,
        chance: Random,
        days: float,
        trace: Trace,
        rules: Sequence[Rule],
        *,
        hour: int = 0,
        utc_us: int | None = None,
    ) -> None:
        """`hour`: when the Monday begins for this site; `utc_us`: what a right wall clock shows at
        the loop's zero, that hour where nobody says so.
        """
        self.plan = plan
        self.loop = virtual_loop()
        self.ledger = Ledger()
        self.violation: Violation | None = None
        self.ended = asyncio.Event()
        self.aim: Callable[[str, str], None] = lambda _, __: None
        """Told what is in flight, and where somebody is seen at it."""
        self.mends: dict[tuple[str, str], Callable[[], object]] = {}
        """What ends each fault that lasts."""
        self.kinds: dict[str, int] = {}
        """Entries of each kind."""
        self._growth = NothingGrows()
        self._stored = StoredMeansStored()
        self._trace = trace
        self._rules = rules
        self._postures = 0
        self.hardware = Hardware(plan, _own(chance), self.see)
        began_us = MONDAY_UTC_US + hour * HOUR_US if utc_us is None else utc_us
        self.clock = VirtualClock(began_us, 5_000_000)
        network = _own(chance)
        self.broker = VirtualBroker(_own(chance), lambda: network.expovariate(1 / NETWORK_S))
        disk = Disk(_own(chance))
        disk.committed = self._committed
        disk.before = self._about_to
        self.edge = EdgeMachine(
            plan,
            self.hardware,
            disk,
            self.broker,
            self.clock,
            disk_latency(disk, _own(chance)),
            _own(chance),
            self.see,
            self._in_flight,
        )
        self.edge.opened = self._opened
        self.edge.closing = self._closing
        self.edge.acknowledged = self._acknowledged
        self.edge.noted = self._noted
        self.edge.crashed = self._crashed
        archive_disk = Disk(_own(chance))
        archive_disk.committed = lambda _, rows: self._stored.archived(rows)
        self.central = CentralMachine(archive_disk, self.broker, _own(chance), self.see)
        self.crowd = Crowd(plan, self.hardware, _own(chance), days, hour)

    def start(self) -> list[asyncio.Task[None]]:
        """Everything runs; the tasks of people, to be cancelled at the end."""
        self.loop.set_exception_handler(self._failed)
        self.edge.start()
        self.central.start()
        return [
            *self.crowd.start(),
            self.loop.create_task(self._caretaker(), name="caretaker"),
            self.loop.create_task(self._look(), name="look"),
            self.loop.create_task(self._enrolling(), name="enrolling"),
        ]

    # --- watching ---------------------------------------------------------------------------

    def tell(self, what: What, where: str, detail: str = "") -> None:
        self.see(Seen(self.loop.time(), what, where, detail))

    def see(self, seen: Seen) -> None:
        """Everything that happens passes here, once."""
        if self.violation is not None:
            return
        self._trace.see(seen)
        with self.guarded():
            for rule in self._rules:
                rule.see(seen)
        if seen.what in {What.PRESENTED, What.RELEASED, What.OPENED, What.FIRE, What.STARTED}:
            self.aim(seen.what, seen.where)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """The first rule that is broken ends the run."""
        try:
            yield
        except Violation as violation:
            self._broken(violation)

    def _broken(self, violation: Violation) -> None:
        if self.violation is None:
            self.violation = violation
            self.ended.set()

    def _failed(self, _loop: object, context: dict[str, Any]) -> None:
        """An exception that nobody caught, in whatever ran."""
        where = context.get("task") or context.get("future") or context.get("handle")
        story = f"{context['message']}: {context.get('exception')!r} {where!r}"
        self._broken(Violation("no-exceptions", self.loop.time(), story))

    def _committed(self, path: Path, rows: list[tuple[Any, ...]]) -> None:
        def between(first: int, last: int) -> list[bytes]:
            found = self.edge.disk.reader(path).execute(
                "SELECT entry FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last)
            )
            return [data for (data,) in found]

        with self.guarded():
            for entry in self.ledger.durable(self.loop.time(), rows, between):
                self._recorded(entry)

    def _recorded(self, entry: Entry) -> None:
        data = self.ledger.entries[entry.seq - 1]
        self.kinds[entry.kind] = self.kinds.get(entry.kind, 0) + 1
        self.tell(What.ENTRY, "edge", f"{entry.seq} {entry.kind} {sha256(data).hexdigest()[:8]}")
        body = body_of(entry)
        for rule in self._rules:
            rule.recorded(self.loop.time(), entry, body)
        self.aim("entry", "")

    def _acknowledged(self, records: Sequence[Any]) -> None:
        with self.guarded():
            self.ledger.acknowledged(self.loop.time(), records)

    def _noted(self, seq: int) -> None:
        with self.guarded():
            self._stored.noted(self.loop.time(), seq)

    def _crashed(self, why: str) -> None:
        self._broken(Violation("the-edge-runs-on", self.loop.time(), why))

    async def _opened(self, edge: Edge) -> None:
        with self.guarded():
            for entry in await self.ledger.restored(self.loop.time(), edge):
                self._recorded(entry)

    def _closing(self, edge: Edge) -> None:
        disk = self.edge.disk
        ailing = disk.slow or disk.read_only or disk.syncs_to_fail or disk.limit_bytes is not None
        written = edge.daemon.site.state.seq == len(self.ledger.entries)
        if (ailing or edge.daemon.recorder.down) and not written:
            return  # a stop does not wait for ever for a disk that does not answer
        with self.guarded():
            self.ledger.same_state(self.loop.time(), edge, "last")

    def _in_flight(self, point: str) -> None:
        self.aim(point, "")

    def _about_to(self, operation: str, name: str) -> None:
        if operation == "sync" and name.endswith("-wal"):
            self.aim("commit", "")

    async def _look(self) -> None:
        """Every ten minutes at the edge, every six hours at what is in memory."""
        for look in count(1):
            await asyncio.sleep(LOOK_S)
            now_s, edge = self.loop.time(), self.edge.edge
            with self.guarded():
                if edge is not None:
                    tasks = self.loop.tasks_of(self.edge.process)
                    devices = len(self.hardware.wires) + len(self.edge.cameras)
                    self._growth.look(now_s, edge, tasks, devices)
                if look % WEIGH_LOOKS == 0:
                    self._growth.weigh(now_s, (self.edge.life, self.central.life))

    def mend_all(self) -> None:
        """End every fault that lasts."""
        for (where, what), mend in list(self.mends.items()):
            mend()
            self.tell(What.MENDED, where, what)
        self.mends.clear()
        for machine in (self.edge, self.central):
            machine.disk.syncs_to_fail = 0

    def close(self) -> None:
        """The end, however it came: what still runs is killed, the disks are let go."""
        for machine in (self.edge, self.central):
            machine.wanted = False
            machine.kill()
        self.edge.disk.close()
        self.central.disk.close()

    # --- what people in charge do -----------------------------------------------------------

    def burn(self, fire: str, for_s: float) -> None:
        """It burns for so long; whoever is inside leaves."""
        self.hardware.set_fire(fire, True)
        self.crowd.alarm()
        self.loop.outside(for_s, self.hardware.set_fire, fire, False)

    def set_posture(self, mode: Mode, threat: int) -> None:
        """The chief says so; where no edge runs, again a little later."""
        edge = self.edge.edge
        if edge is None:
            self.loop.outside(POSTURE_AGAIN_S, self.set_posture, mode, threat)
            return
        site = edge.daemon.site
        utc_s = edge.daemon.now().utc_s
        for order in list(towards(site.state.orders, mode, threat, utc_s, self._order_name)):
            if not self.edge.judge(offered(order)):
                self.loop.outside(POSTURE_AGAIN_S, self.set_posture, mode, threat)
                return
        self.tell(What.POSTURE, "site", f"{mode} {threat}")
        if mode is Mode.EVACUATE:
            self.crowd.alarm()

    def _order_name(self) -> str:
        self._postures += 1
        return f"posture-{self._postures}"

    async def _enrolling(self) -> None:
        """Whose face is not on file, or is no more after a power cut, is enrolled by somebody."""
        while self.edge.cameras:
            await asyncio.sleep(ENROLS_S)
            edge = self.edge.edge
            if edge is None or edge.daemon.recorder.down:
                continue
            for holder in self.plan.faces:
                if holder not in edge.daemon.site.state.faces:
                    self.edge.judge(_enrolment(edge.daemon, holder))

    async def _caretaker(self) -> None:
        """Resets every latched fire whose line is quiet."""
        while True:
            await asyncio.sleep(CARETAKER_S)
            edge = self.edge.edge
            if edge is None:
                continue
            for name, fire in sorted(edge.daemon.site.state.fires.items()):
                if fire.latched and fire.line is FireLine.NORMAL:
                    self.edge.ask(self._reset(edge, name), f"reset {name}")

    async def _reset(self, edge: Edge, fire: str) -> None:
        reply = await edge.desk.reset_fire(fire, OPERATOR)
        if reply.accepted:
            self.tell(What.RESET, fire)


def _enrolment(daemon: Daemon, holder: HolderId) -> FaceEnrolAsked:
    return FaceEnrolAsked(
        id=daemon.new_id(),
        holder=holder,
        version=daemon.site.state.faces_version + 1,
        model=MODEL,
        views=VIEWS,
        consent=daemon.personal("consent", "a form"),
        operator=daemon.personal("operator", OPERATOR),
    )


def _own(chance: Random) -> Random:
    """A source of its own for each part: what one draws moves nothing of another's."""
    return Random(chance.getrandbits(64))
