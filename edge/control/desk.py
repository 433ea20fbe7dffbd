"""What the control server needs of the daemon."""

from collections.abc import Callable, Sequence
from typing import Protocol

from controller.reader import Reader
from controller.state import SiteState
from edge.control.desk_alarms import AlarmsAsked
from edge.control.desk_backup import Backups
from edge.control.desk_devices import Devices
from edge.control.desk_faces import Faces
from edge.control.desk_gate import Gates
from edge.control.desk_guards import Guards
from edge.control.desk_orders import Orders
from edge.control.desk_page_orders import PageOrders
from edge.control.desk_pages import SignIns
from edge.control.desk_people import Badges, Persons
from edge.control.desk_pictures import Pictures
from edge.control.desk_visitors import Deliveries, Visitors
from edge.control.messages import (
    ExportPeopleReply,
    FireStatus,
    HistoryReply,
    ImportPeopleReply,
    LookedReport,
    PortalStatus,
    ReaderStatus,
    ResetFireReply,
    StatusReply,
    TakePeopleReply,
    UplinkReport,
)
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.control.messages_journal import (
    CheckpointSaid,
    CheckpointsReply,
    VerifyCosigned,
    VerifyFinding,
    VerifyReply,
)
from edge.control.messages_muster import MusterReply, Step
from edge.control.messages_perimeter import PerimeterReply, PerimeterStep
from edge.control.messages_policy import PolicyReply, PolicyStatusReply, RolesReply
from edge.control.messages_report import ReportPersonReply
from edge.control.messages_views import NamesReply, ViewsReply
from edge.control.messages_visits import (
    CodeReply,
    ConsentsReply,
    LetPass,
    MakeCode,
    PassReply,
    VisitReply,
)
from edge.gate_sight import EVERYTHING, Sight
from edge.journal.checkpoints import Kept
from edge.journal.record import Stored
from edge.journal.verify import Report
from policies.compiled import CompiledPolicy
from policies.facts import ScreeningResult

Progress = Callable[[int, int], None]
"""Called on the event loop with entries done and entries in all."""


class Desk(Protocol):
    """The daemon, as seen by whoever speaks for the people at the control socket.

    `operator` is the account name that the kernel vouches for. A method that cannot do its work
    says so in its reply; it may raise a JournalError and nothing else.
    """

    @property
    def orders(self) -> Orders:
        """What is asked about orders and postures."""
        ...

    @property
    def page_orders(self) -> PageOrders:
        """What is asked about orders at pages."""
        ...

    @property
    def devices(self) -> Devices:
        """What is asked about lines and devices."""
        ...

    @property
    def faces(self) -> Faces:
        """What is asked about templates of faces."""
        ...

    @property
    def alarms(self) -> AlarmsAsked:
        """What is asked about alarms."""
        ...

    @property
    def sign_ins(self) -> SignIns | None:
        """What is asked about signing in at pages; None where this run has none."""
        ...

    @property
    def guards(self) -> Guards:
        """What is asked about comparisons that wait for a guard."""
        ...

    @property
    def gates(self) -> Gates:
        """What is asked for a guard's terminal."""
        ...

    @property
    def visitors(self) -> Visitors:
        """What is asked about visits."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """What is asked about deliveries."""
        ...

    @property
    def pictures(self) -> Pictures:
        """What is asked about pictures and clips."""
        ...

    @property
    def persons(self) -> Persons:
        """People one by one."""
        ...

    @property
    def badges(self) -> Badges:
        """Badges that are put on file at a reader."""
        ...

    @property
    def backups(self) -> Backups:
        """The journal for a backup."""
        ...

    def status(self) -> StatusReply:
        """The site now. Never blocks."""
        ...

    @property
    def last_seq(self) -> int:
        """The newest entry that is on disk."""
        ...

    async def read(self, from_seq: int, limit: int) -> list[Stored]:
        """Entries from `from_seq` on, in order, at most `limit`, at least one if there is one."""
        ...

    async def wait_beyond(self, seq: int) -> None:
        """Return as soon as `last_seq` is larger than `seq`; may be cancelled at any time."""
        ...

    async def reset_fire(self, fire: str, operator: str) -> ResetFireReply:
        """Ask the core to reset a fire latch; returns when the answer is on disk."""
        ...

    async def import_people(self, csv: bytes, operator: str, dry_run: bool) -> ImportPeopleReply:
        """Import a CSV file as a whole, or not at all."""
        ...

    async def take_people(self, envelope: bytes, operator: str, dry_run: bool) -> TakePeopleReply:
        """Take a signed change set as a whole, or not at all."""
        ...

    async def erase_person(self, asked: ErasePerson, operator: str) -> ErasePersonReply:
        """Erase somebody, whole, or say what there is of him."""
        ...

    async def report_person(self, person: str, operator: str) -> ReportPersonReply:
        """Tell everything that is kept of somebody; on record before it is told."""
        ...

    async def export_people(self, since: int | None) -> tuple[bytes, ExportPeopleReply]:
        """A change set to be signed, empty where there is none."""
        ...

    async def people_history(self, count: int) -> HistoryReply:
        """The newest changes of the people on file."""
        ...

    async def load_policy(self, envelope: bytes, operator: str) -> PolicyReply:
        """Put a signed policy in force as a whole, or not at all."""
        ...

    async def return_policy(self, operator: str) -> PolicyReply:
        """Put the policy in force again that was before."""
        ...

    async def policy_status(self) -> PolicyStatusReply:
        """Which policy is in force, and by whom."""
        ...

    async def roles_held(self) -> RolesReply:
        """Which roles people on file have."""
        ...

    async def screen(
        self, person: str, station: str, result: ScreeningResult, operator: str
    ) -> VisitReply:
        """Note what a screening station says of somebody on file."""
        ...

    async def give_consent(self, envelope: bytes, operator: str) -> VisitReply:
        """Put a signed consent of the head of mission in force, or nothing of it."""
        ...

    async def end_consent(self, person: str, operator: str) -> VisitReply:
        """End the consent for somebody at once."""
        ...

    async def let_pass(self, asked: LetPass, operator: str) -> PassReply:
        """Judge the passage of somebody whom a guard knows, and release the portal if it is his."""
        ...

    async def consents(self) -> ConsentsReply:
        """Every consent that is in force."""
        ...

    async def make_code(self, asked: MakeCode, operator: str) -> CodeReply:
        """Make a code for a visitor; on record, and on file, before it is told."""
        ...

    async def muster(self, begin: int) -> MusterReply:
        """The roll of a muster, from its `begin`th person on."""
        ...

    async def change_muster(
        self, step: Step, operator: str, sight: Sight = EVERYTHING
    ) -> VisitReply:
        """Begin or end a muster, check somebody off, or take that back. `sight`: whom of them
        whoever asks is shown by name.
        """
        ...

    def perimeter(self) -> PerimeterReply:
        """Alarm points, sets, local sources and barriers. Never blocks."""
        ...

    async def change_perimeter(self, step: PerimeterStep, operator: str) -> VisitReply:
        """Arm, disarm, shunt, or end a shunt."""
        ...

    async def leaves(self, begin: int, limit: int) -> bytes:
        """The leaf hashes of the entries behind `begin`, at most `limit`."""
        ...

    async def checkpoints(self, size: int | None) -> CheckpointsReply:
        """What was said of the journal's size."""
        ...

    def views(self, *, rebuild: bool) -> ViewsReply:
        """How far reports are; with `rebuild` they begin from nothing. Never blocks."""
        ...

    def names(self, holders: Sequence[str]) -> NamesReply:
        """Those of them who are on file. Never blocks."""
        ...

    async def verify(self, progress: Progress) -> VerifyReply:
        """Verify everything stored up to now; may be cancelled."""
        ...


def verify_reply(report: Report) -> VerifyReply:
    """A journal's report as it goes over the socket."""
    said = report.checkpoints
    cosigned = None
    if said.cosigned is not None:
        cosigned = VerifyCosigned(size=said.cosigned.size, utc_s=said.cosigned.utc_s)
    return VerifyReply(
        site=report.site,
        edge=report.edge,
        incarnation=report.incarnation,
        entries=report.entries,
        pruned=report.pruned,
        gone=report.gone,
        last_seq=report.last_seq,
        head=report.head.hex(),
        acked=report.acked,
        personal=report.personal,
        snapshots=report.snapshots,
        checkpoints=said.kept,
        key=said.key,
        witness=said.witness,
        cosigned=cosigned,
        findings=tuple(VerifyFinding(seq=f.seq, what=f.what) for f in report.findings),
    )


def checkpoint_said(kept: Kept) -> CheckpointSaid:
    """A kept checkpoint as it goes over the socket."""
    return CheckpointSaid(
        size=kept.size, note=kept.cosigned or kept.note, cosigned=kept.cosigned is not None
    )


def status_reply(
    state: SiteState,
    policy: CompiledPolicy,
    *,
    site: str,
    edge: str,
    incarnation: str,
    version: str,
    readers: tuple[str, ...],
    started_utc_us: int,
    utc_us: int,
    uplink: UplinkReport | None,
    safe_mode: bool,
    kept_copy: bool,
    looked: LookedReport | None,
) -> StatusReply:
    """The core's state as it goes over the socket. `readers`: all there are, heard or not."""
    return StatusReply(
        site=site,
        edge=edge,
        incarnation=incarnation,
        seq=state.seq,
        started_utc_us=started_utc_us,
        utc_us=utc_us,
        version=version,
        policy_version=policy.version,
        policy_digest=policy.digest,
        timezone=policy.timezone,
        ready=state.ready,
        recorded=state.recorded,
        clock_trusted=state.clock_trusted,
        mode=state.mode,
        threat=state.threat,
        people_version=state.holders_version,
        people_made_utc_us=state.holders_made_us,
        portals=portals_shown(state, policy),
        readers=_readers(state, readers),
        fires=tuple(
            FireStatus(id=name, line=fire.line, latched=fire.latched)
            for name, fire in state.fires.items()
        ),
        uplink=uplink,
        safe_mode=safe_mode,
        kept_copy=kept_copy,
        looked=looked,
        orders=len(state.orders.in_force),
    )


def portals_shown(state: SiteState, policy: CompiledPolicy) -> tuple[PortalStatus, ...]:
    """Every portal as it is."""
    names = {rule.id: rule for rule in policy.portals}
    shown = []
    for portal_id, portal in state.portals.items():
        rule = names.get(portal_id)
        shown.append(
            PortalStatus(
                id=portal_id,
                name=portal_id if rule is None else rule.name,
                state=portal.state,
                contact=portal.contact,
                bolted=portal.bolted,
                linked=portal.linked,
                released=portal.released,
                secured=portal.secured,
                leased=portal.leased,
                observable=rule is not None and rule.contact,
            )
        )
    return tuple(shown)


def _readers(state: SiteState, names: tuple[str, ...]) -> tuple[ReaderStatus, ...]:
    known = {str(name): reader for name, reader in state.readers.items()}
    shown = []
    for name in names:
        reader = known.get(name, Reader())
        shown.append(
            ReaderStatus(
                id=name,
                online=reader.online,
                secure=reader.secure,
                tampered=reader.tampered,
                power_failing=reader.power_failing,
            )
        )
    return tuple(shown)
