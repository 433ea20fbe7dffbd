"""A small daemon for the control socket: a real journal, real entries, and a desk over them."""

import asyncio
import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from controller.events import (
    Body,
    ClockJudged,
    EdgeStarted,
    Event,
    Fire,
    FireLatched,
    FireLine,
    Header,
    PortalForced,
    encode,
    kind_of,
)
from controller.ids import HolderId, PortalId
from controller.ledger import Personal
from controller.portal import Contact, Portal, State
from controller.state import SiteState, apply
from edge.control import frames, protocol
from edge.control import messages as m
from edge.control.desk import Progress, checkpoint_said, status_reply, verify_reply
from edge.control.messages import (
    ExportPeopleReply,
    HistoryReply,
    ImportPeopleReply,
    ImportProblem,
    LookedReport,
    ResetFireReply,
    StatusReply,
    TakePeopleReply,
    UplinkReport,
)
from edge.control.messages_journal import CheckpointsReply, VerifyReply
from edge.control.messages_policy import PolicyReply, PolicyStatusReply, RoleHeld, RolesReply
from edge.control.messages_views import NamesReply, PersonNamed, ViewsReply
from edge.control.messages_visits import CodeReply, ConsentsReply, MakeCode, VisitReply
from edge.control.place import JOURNAL, SOCKET, address_of
from edge.control.server import ControlServer
from edge.journal import JournalWriter, Record, Stored
from policies import CompiledPolicy, SourceFile, load
from policies.facts import ScreeningResult
from tests.edge.house import POLICY

T = TypeVar("T")
UTC_US = 1_795_181_389_000_000
READ_BYTES = 4 * 1024 * 1024


def house_policy() -> CompiledPolicy:
    """The house's, where the vault's door has no contact."""
    from zoneinfo import ZoneInfo

    blind = POLICY.replace("[portal.vault-door]", "[portal.vault-door]\ncontact = false")
    source = SourceFile("policy.toml", blind.encode())
    return load([source], timezone=ZoneInfo, tzdata_version="2025.2")


class SmallDesk:
    """A daemon without devices: what is recorded here goes into its journal and its state."""

    def __init__(self, writer: JournalWriter, policy: CompiledPolicy) -> None:
        self.writer = writer
        self.policy = policy
        self.state = SiteState()
        self.changed = asyncio.Condition()
        self.asked: list[tuple[str, ...]] = []
        self.slow_s = 0.0
        self.to_sign = b""
        self.key = self.witness = ""
        self.looked: LookedReport | None = None
        self.sign_ins = None

    async def record(self, *bodies: Body, personal: tuple[Personal, ...] = ()) -> None:
        records = []
        for body in bodies:
            header = Header(
                site="house",
                edge="gate",
                incarnation=self.writer.incarnation,
                seq=self.state.seq + 1,
                kind=kind_of(type(body)),
                utc_us=UTC_US + self.state.seq * 1_000,
                mono_us=self.state.seq,
                clock_trusted=True,
                cause="test",
                policy="",
            )
            event = Event(header=header, body=body, personal=personal)
            self.state = apply(self.state, event)
            records.append(Record(header.seq, encode(event), personal))
        await self.writer.append(records)
        async with self.changed:
            self.changed.notify_all()

    # --- the Desk protocol ---

    def status(self) -> StatusReply:
        return status_reply(
            self.state,
            self.policy,
            site="house",
            edge="gate",
            incarnation=self.writer.incarnation,
            version="0.1.0",
            readers=("front-in", "vault-in"),
            started_utc_us=UTC_US,
            utc_us=UTC_US + 90_000_000,
            uplink=UplinkReport(connected=True, acked=1, behind=self.last_seq - 1),
            safe_mode=False,
            kept_copy=False,
            looked=self.looked,
        )

    @property
    def last_seq(self) -> int:
        return self.writer.last_seq

    async def read(self, from_seq: int, limit: int) -> list[Stored]:
        return await self.writer.read(from_seq, limit, READ_BYTES)

    async def wait_beyond(self, seq: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.last_seq > seq)

    async def reset_fire(self, fire: str, operator: str) -> ResetFireReply:
        self.asked.append(("reset", fire, operator))
        if fire != "panel":
            return ResetFireReply(accepted=False, reason=f"no fire input '{fire}'")
        return ResetFireReply(accepted=True, reason="the latch is reset")

    async def import_people(self, csv: bytes, operator: str, dry_run: bool) -> ImportPeopleReply:
        self.asked.append(("import", operator, str(dry_run)))
        await asyncio.sleep(self.slow_s)
        if b"bad" in csv:
            problem = ImportProblem(row=2, column="roles", message="no role 'bad'")
            return ImportPeopleReply(applied=False, version=3, problems=(problem,))
        return ImportPeopleReply(applied=not dry_run, version=4, added=csv.count(b"\n"))

    async def take_people(self, envelope: bytes, operator: str, dry_run: bool) -> TakePeopleReply:
        self.asked.append(("take", hashlib.sha256(envelope).hexdigest(), operator, str(dry_run)))
        await asyncio.sleep(self.slow_s)
        return TakePeopleReply(applied=not dry_run, version=4, brings=4)

    async def export_people(self, since: int | None) -> tuple[bytes, ExportPeopleReply]:
        return self.to_sign, ExportPeopleReply(base=since or 0, number=4)

    async def people_history(self, count: int) -> HistoryReply:
        return HistoryReply(timezone="UTC", changes=(), reason=f"none of {count}")

    async def screen(
        self, person: str, station: str, result: ScreeningResult, operator: str
    ) -> VisitReply:
        self.asked.append(("screen", person, station, result, operator))
        return VisitReply(accepted=True, reason="noted")

    async def give_consent(self, envelope: bytes, operator: str) -> VisitReply:
        self.asked.append(("consent", hashlib.sha256(envelope).hexdigest(), operator))
        return VisitReply(accepted=False, reason="nobody has signed it", remedy="have it signed")

    async def end_consent(self, person: str, operator: str) -> VisitReply:
        self.asked.append(("end consent", person, operator))
        return VisitReply(accepted=True, reason="ended", recorded=False)

    async def consents(self) -> ConsentsReply:
        return ConsentsReply(timezone="UTC", clock_trusted=True, consents=())

    async def make_code(self, asked: MakeCode, operator: str) -> CodeReply:
        self.asked.append(("code", asked.person, str(asked.hours), operator))
        return CodeReply(code="SPV1.ABC", valid_from_s=1, valid_until_s=2, timezone="UTC")

    async def load_policy(self, envelope: bytes, operator: str) -> PolicyReply:
        self.asked.append(("load", hashlib.sha256(envelope).hexdigest(), operator))
        return PolicyReply(applied=True, version=4, digest="ab" * 32)

    async def return_policy(self, operator: str) -> PolicyReply:
        self.asked.append(("return", operator))
        return PolicyReply(applied=False, version=4, digest="ab" * 32, reason="nothing before")

    async def roles_held(self) -> RolesReply:
        return RolesReply(roles=(RoleHeld(role="staff", people=3),))

    async def policy_status(self) -> PolicyStatusReply:
        return PolicyStatusReply(
            name="house",
            version=4,
            digest="ab" * 32,
            tzdata="2025.2",
            timezone="Europe/Vienna",
            since_utc_us=UTC_US,
            operator="smith",
            signed_by=("Anna", "Ben"),
            keys=("k1", "k2"),
            before="",
            before_version=0,
            version_max=4,
            signers=("Anna", "Ben"),
        )

    def views(self, *, rebuild: bool) -> ViewsReply:
        self.asked.append(("views", str(rebuild)))
        return ViewsReply(seq=1, last_seq=self.last_seq, trouble="none are kept here")

    def names(self, holders: Sequence[str]) -> NamesReply:
        known = (PersonNamed(holder=HolderId(one), person=one, name="Ada") for one in holders)
        return NamesReply(people=tuple(known))

    async def verify(self, progress: Progress) -> VerifyReply:
        await asyncio.sleep(self.slow_s)
        return verify_reply(await self.writer.verify(progress))

    async def leaves(self, begin: int, limit: int) -> bytes:
        return await self.writer.leaves_of(begin, begin + limit)

    async def checkpoints(self, size: int | None) -> CheckpointsReply:
        kept = await self.writer.said(size)
        said = tuple(checkpoint_said(one) for one in kept)
        witnesses = (self.witness,) if self.witness else ()
        return CheckpointsReply(key=self.key, witnesses=witnesses, checkpoints=said)


class Running:
    """The small daemon on a thread of its own, its state folder, and a way onto its loop."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.socket = state / SOCKET
        self.desk: SmallDesk
        self.server: ControlServer
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._failed: BaseException | None = None
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=self._main, name="small daemon", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def call(self, work: Any) -> Any:
        """Do it on the daemon's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def record(self, *bodies: Body, personal: tuple[Personal, ...] = ()) -> None:
        self.call(self.desk.record(*bodies, personal=personal))

    def clients(self) -> int:
        return len(self.server._clients)

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._run())
        except BaseException as error:  # noqa: BLE001  # handed to the test's thread
            self._failed = error
        finally:
            self._up.set()

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        self.state.mkdir(parents=True, exist_ok=True)
        writer = await JournalWriter.open(
            self.state / JOURNAL,
            site="house",
            edge="gate",
            entropy=os.urandom,
            utc_us=UTC_US,
        )
        try:
            self.desk = SmallDesk(writer, house_policy())
            self.desk.state = replace(self.desk.state, seq=writer.last_seq)
            self.server = ControlServer.open(self.desk, self.socket)
            serving = asyncio.create_task(self.server.run(), name="control")
            await self.desk.record(*beginning())
            self._up.set()
            await self._stop.wait()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        finally:
            await writer.close()


def beginning() -> tuple[Body, ...]:
    """Three entries: a start, a fire and a forced door."""
    return (
        EdgeStarted(version="0.1.0", policy="ab" * 32, fires=("panel",), portals=PORTALS),
        FireLatched(
            fire="panel",
            after=Fire(line=FireLine.CUT, latched=True),
            reason="the line is cut",
        ),
        PortalForced(
            portal=PortalId("front"),
            after=Portal(state=State.FORCED, contact=Contact.OPEN, linked=True),
        ),
    )


PORTALS = ("front", "vault-door")


def ticks(count: int) -> tuple[Body, ...]:
    return tuple(ClockJudged(trusted=True, stepped_ms=number) for number in range(count))


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder with a short name that every account may enter: pytest's own are private."""
    folder = Path(mkdtemp(prefix="sp-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        import shutil

        shutil.rmtree(folder)


def until(true: Any, within_s: float = 5.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.01)


def person(name: str) -> Personal:
    return Personal(field="person", value=name, salt=secrets.token_hex(16))


def raw(daemon: Running, timeout_s: float = 5.0) -> socket.socket:
    """A connection that has been greeted and speaks no protocol by itself."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout_s)
    with address_of(daemon.socket) as address:
        connection.connect(address)
    assert isinstance(receive(connection), m.Hello)
    return connection


def receive(connection: socket.socket) -> protocol.Reply:
    prefix = exactly(connection, 4)
    return protocol.decode_reply(exactly(connection, frames.length_of(prefix)))


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, "it ended"
        data += part
    return data


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
