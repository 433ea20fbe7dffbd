"""The edge's machine and central's: what stays when their programs die, and the programs.

The programs are the real ones. A killed one is left as it was at that moment: nothing of it runs
any more, and nothing that it still holds reaches disk, wire or broker.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import central.witness
from central.archive import ArchiveError
from central.archive_sqlite import SqliteArchive
from central.collector import Collector
from central.findings import Finding
from controller.body import NOTE_CHARS
from controller.ids import HolderId
from controller.inputs import Input, PinOutcome
from drivers.api import Command
from drivers.mqtt_link import LinkReport, LinkSettings
from drivers.osdp.family import line_config
from edge.assembly import Edge, Outside, assembled
from edge.duress import Occasion
from edge.journal import JournalError, JournalWriter, Record, Signers
from edge.journal_keys import JournalKey
from edge.people import Checked, People, load_site_key
from edge.signatures import SigningKey
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.cameras import VirtualCamera, VirtualFaces, VirtualShelf
from simulators.virtual.clock import VirtualClock
from simulators.virtual.disk import Disk
from simulators.virtual.hand import Latency, VirtualHand
from simulators.virtual.hardware import Hardware
from simulators.virtual.link import VirtualLink
from simulators.virtual.loop import virtual_loop
from simulators.virtual.plan import Plan
from simulators.virtual.seen import Seen, What, Witness
from simulators.virtual.wire import WireDriver

JOURNAL = Path("/edge/journal")
ARCHIVE = Path("/central/archive.db")
EDGE_CLIENT, CENTRAL_CLIENT = "virtual.gate", "virtual.central"

RESTART_S_MIN, RESTART_S_MAX = 1.0, 4.0
"""What an init system waits before it starts a program again."""

PIN_S_MIN, PIN_S_MAX = 0.1, 0.4

JOURNAL_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"journal".ljust(32)))
ORDER_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"order".ljust(32)))
WITNESS_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"witness".ljust(32)))
SIGNERS = Signers(JOURNAL_KEY.public, central.witness.Witness(WITNESS_KEY, int).key)
"""Whose signatures count at the site."""

Aim = Callable[[str], None]
"""Told the name of an operation that is in flight: a fault may strike now."""

log = logging.getLogger(__name__)


class WatchedWriter(JournalWriter):
    """The edge's writer; `acknowledged` is told what it says to be durable, `noted` how far the
    edge says that the archive has it.
    """

    acknowledged: Callable[[Sequence[Record]], None]
    noted: Callable[[int], None]

    def submit(self, records: Sequence[Record]) -> asyncio.Future[None]:
        stored = super().submit(records)
        stored.add_done_callback(lambda done: self._tell_of(done, records))
        return stored

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        self.noted(seq)
        await super().set_acked(seq, incarnation=incarnation)

    def _tell_of(self, done: asyncio.Future[None], records: Sequence[Record]) -> None:
        if not done.cancelled() and done.exception() is None:
            self.acknowledged(records)


class VirtualPins:
    """`edge.people.PinCheck` as a job with seeded latency and failure."""

    def __init__(self, pins: dict[HolderId, str], chance: Random, aim: Aim) -> None:
        self._pins = pins
        self._chance = chance
        self._aim = aim
        self.failing = 0.0
        """The share of checks that do not end in time."""

    async def check(self, occasion: Occasion, pin: str) -> Checked:
        self._aim("pin")
        # Of the attempt, not of `_chance`: what is sealed has no say in what happens.
        sealed = Random(occasion.attempt).randbytes(NOTE_CHARS * 3 // 4)
        note = base64.b64encode(sealed).decode()
        if self._chance.random() < self.failing:
            await asyncio.sleep(3.0)
            return Checked(PinOutcome.UNAVAILABLE, note)
        await asyncio.sleep(self._chance.uniform(PIN_S_MIN, PIN_S_MAX))
        right = self._pins.get(occasion.holder) == pin
        return Checked(PinOutcome.MATCHED if right else PinOutcome.WRONG, note)


class Machine:
    """One computer with one program that an init system keeps up.

    `dead` holds what killed programs have left, so that nothing of them is finalised in the run.
    """

    name: str

    def __init__(self, chance: Random, witness: Witness) -> None:
        self.wanted = False
        self.life = 0
        self.process: object = None
        self.dead: list[object] = []
        self._chance = chance
        self._witness = witness
        self._loop = virtual_loop()
        self._task: asyncio.Task[None] | None = None
        self._context: Context = copy_context()

    def start(self) -> None:
        """Start the program, and again whenever it ends by itself."""
        self.wanted = True
        if self._task is not None:
            return
        self.life += 1
        self.process = f"{self.name} {self.life}"
        self._tell(What.STARTED)
        self._task = self._loop.spawn(self.process, self._live(), name=self.process)
        self._task.add_done_callback(self._look_at)

    def kill(self) -> None:
        """kill -9; the init system starts it again."""
        if self._task is None:
            return
        self._tell(What.KILLED)
        self._loop.kill(self.process)
        self.dead.append((self._task, *self._leave()))
        self._task = None
        self.start_later()

    def start_later(self) -> None:
        self._loop.outside(self._chance.uniform(RESTART_S_MIN, RESTART_S_MAX), self._again)

    def _again(self) -> None:
        if self.wanted and self._task is None:
            self.start()

    async def _live(self) -> None:
        """The program from its start to its end."""
        self._context = copy_context()
        # Its bits of chance are its own: what it draws moves nothing of the next one's.
        await self._serve(Random(f"{self._chance.getrandbits(64)} {self.life}"))
        self._ended()

    def _ended(self) -> None:
        self._tell(What.STOPPED)
        self._task = None
        if self.wanted:
            self.start_later()

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """A program that dies of a bug is not started again: whoever runs the site is told."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler(
                {"message": f"{self.name} died of a bug", "exception": error, "task": task}
            )

    def inside(self, call: Callable[[], object]) -> None:
        """Call something of the program, as one of its own tasks would."""
        self._context.copy().run(call)

    def ask(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something of the program as a task of its own."""
        return self._loop.spawn(self.process, coroutine, name=name)

    def restart(self) -> None:
        """A stop in good order, after which the init system starts the program again."""
        if self._task is not None:
            self._ask_to_stop()

    async def stop(self) -> None:
        """Ask the program to end in good order, and wait until it has."""
        self.wanted = False
        self.restart()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _tell(self, what: What, detail: str = "") -> None:
        self._witness(Seen(self._loop.time(), what, self.name, detail))

    async def _serve(self, chance: Random) -> None:
        raise NotImplementedError

    def _ask_to_stop(self) -> None:
        raise NotImplementedError

    def _leave(self) -> Sequence[object]:
        """The program is dead: fence what it holds; what has to be kept alive."""
        raise NotImplementedError


class EdgeMachine(Machine):
    """The edge: `edge.assembly` on the site's wires, a disk and a broker."""

    name = "edge"

    def __init__(
        self,
        plan: Plan,
        hardware: Hardware,
        disk: Disk,
        broker: VirtualBroker,
        clock: VirtualClock,
        latency: Latency,
        chance: Random,
        witness: Witness,
        aim: Aim,
    ) -> None:
        super().__init__(chance, witness)
        self.disk = disk
        self.clock = clock
        self.edge: Edge | None = None
        self.pins = VirtualPins(plan.pins, Random(chance.getrandbits(64)), aim)
        self.opened: Callable[[Edge], Coroutine[Any, Any, None]]
        """Told of an edge that has restored its state and runs nothing yet."""
        self.closing: Callable[[Edge], None]
        """Told of an edge that has ended in good order, before its journal is closed."""
        self.acknowledged: Callable[[Sequence[Record]], None]
        self.noted: Callable[[int], None]
        self.crashed: Callable[[str], None]
        """Told why an edge has ended though nobody had asked it to."""
        self.cameras = {name: VirtualCamera(name, clock.mono_ns) for name in hardware.looked_at}
        self.faces: VirtualFaces | None = None
        if self.cameras:
            own = Random(chance.getrandbits(64))
            self.faces = VirtualFaces(hardware, plan.faces, clock.mono_ns, own, aim)
        self._plan = plan
        self._hardware = hardware
        self._broker = broker
        self._latency = latency
        self._aim = aim
        self._people: People | None = None
        self._link: VirtualLink | None = None
        self._stopping = False

    async def _serve(self, chance: Random) -> None:
        self._stopping = False
        config = msgspec.structs.replace(self._plan.config, witness=SIGNERS.witness)
        try:
            writer = await WatchedWriter.open(
                JOURNAL,
                site=config.site,
                edge=config.edge,
                entropy=chance.randbytes,
                utc_us=self.clock.moment().utc_us,
                disk=self.disk,
                hand=VirtualHand(self._latency),
            )
        except JournalError as error:
            self._tell(What.REFUSED, type(error).__name__)
            return
        writer.acknowledged, writer.noted = self.acknowledged, self.noted
        self._people = People.open(config.state / "site.db", create=True)
        try:
            edge = await assembled(config, self._outside(writer, self._people, chance))
            await self.opened(edge)
            self.edge = edge
            await edge.run()
            self.closing(edge)
        except JournalError as error:
            self._tell(What.REFUSED, type(error).__name__)
        except ExceptionGroup as group:
            self.crashed(repr(group.exceptions))
        finally:
            self.edge = None
            await _closed(writer)
            self._people.close()

    def _outside(self, writer: JournalWriter, people: People, chance: Random) -> Outside:
        config = self._plan.config
        drivers = {
            name: WireDriver(
                line_config(spec),
                self._hardware.wires[name],
                chance.randbytes,
                self.clock.mono_ns,
                self._sending,
            )
            for name, (_, spec) in config.lines.items()
        }

        def link(report: Callable[[LinkReport], None]) -> VirtualLink:
            settings = LinkSettings(host="virtual", port=1883, client_id=EDGE_CLIENT)
            self._link = VirtualLink(self._broker, settings, report, Random(chance.getrandbits(64)))
            return self._link

        return Outside(
            key=load_site_key(config.site_key),
            journal_key=JournalKey(JOURNAL_KEY),
            order_key=ORDER_KEY,
            clock=self.clock,
            entropy=chance.randbytes,
            jitter=Random(chance.getrandbits(64)),
            drivers=drivers,
            writer=writer,
            people=people,
            pins=self.pins,
            cameras={one.name: one for one in self.cameras.values()},
            faces=self.faces,
            shelf=VirtualShelf() if self.cameras else None,
            ballast=None,
            link=link,
        )

    def _sending(self, _: Command) -> None:
        self._aim("strike")

    def judge(self, heard: Input) -> bool:
        """Let the running core judge an input; false where no edge runs, or it is about to end."""
        edge = self.edge
        if edge is None or self._stopping:
            return False
        self.inside(lambda: edge.daemon.judge(heard))
        return True

    def cut_power(self) -> None:
        """The machine goes dark; its disk keeps what had reached it, its clock begins anew."""
        self.disk.power_cut()
        self.clock.reboot(self._chance.randrange(1, 60) * 1_000_000)
        self.kill()

    def _ask_to_stop(self) -> None:
        asked, self._stopping = self._stopping, True
        if self.edge is not None:
            self.edge.daemon.stop()
        elif not asked:
            self.kill()  # it does not listen for signals yet

    def _leave(self) -> Sequence[object]:
        self.disk.fence()
        edge, self.edge = self.edge, None
        link, self._link = self._link, None
        people, self._people = self._people, None
        if link is not None:
            link.fence()
            self._broker.reset(EDGE_CLIENT)
        if people is not None:
            people.close()
        return edge, link, people


class CentralMachine(Machine):
    """Central: the real collector and archive."""

    name = "central"

    def __init__(self, disk: Disk, broker: VirtualBroker, chance: Random, witness: Witness) -> None:
        super().__init__(chance, witness)
        self.disk = disk
        self._broker = broker
        self._link: VirtualLink | None = None
        self._stop = asyncio.Event()
        disk.make_folder(ARCHIVE.parent)
        disk.sync_folder(str(ARCHIVE.parent), disk.age)

    async def _serve(self, chance: Random) -> None:
        settings = LinkSettings(host="virtual", port=1883, client_id=CENTRAL_CLIENT)
        self._link = VirtualLink(self._broker, settings, _unheard, Random(chance.getrandbits(64)))
        self._stop = asyncio.Event()
        collector = Collector(
            self._link,
            lambda: self.open_archive(chance),
            self._found,
            central.witness.Witness(WITNESS_KEY, lambda: virtual_loop().now_ns() // 10**9),
        )
        try:
            await collector.run(self._stop)
        except ArchiveError as error:
            self._tell(What.REFUSED, type(error).__name__)

    def open_archive(self, chance: Random) -> SqliteArchive:
        return SqliteArchive(ARCHIVE, connect=self.disk.connect_archive, entropy=chance.randbytes)

    def _found(self, finding: Finding) -> None:
        self._tell(What.ARCHIVED, type(finding).__name__)

    def cut_power(self) -> None:
        self.disk.power_cut()
        self.kill()

    def _ask_to_stop(self) -> None:
        self._stop.set()

    def _leave(self) -> Sequence[object]:
        self.disk.fence()
        link, self._link = self._link, None
        if link is not None:
            link.fence()
            self._broker.reset(CENTRAL_CLIENT)
        return (link,)


def _unheard(_: LinkReport) -> None:
    """Nobody reads central's commentary."""


async def _closed(writer: JournalWriter) -> None:
    try:
        async with asyncio.timeout(2.0):
            await writer.close()
    except (TimeoutError, JournalError):
        log.info("the journal's disk did not answer at the end")
