"""What people ask of the running daemon, answered: `edge.control.desk.Desk`."""

import asyncio
from collections.abc import Sequence
from itertools import islice

from msgspec.structs import replace

from controller.events import FireReset, FireResetRefused
from controller.ids import HolderId
from edge.alarm_desk import AlarmDesk
from edge.backup_desk import BackupDesk
from edge.badge_desk import BadgeDesk
from edge.certificates import CertificateWatch
from edge.code_desk import CodeDesk
from edge.config import Config
from edge.control.desk import Progress, checkpoint_said, status_reply, verify_reply
from edge.control.desk_pages import SignIns
from edge.control.messages import (
    ExportPeopleReply,
    HistoryReply,
    ImportPeopleReply,
    LookedReport,
    ResetFireReply,
    StatusReply,
    TakePeopleReply,
    UplinkReport,
)
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.control.messages_journal import CheckpointsReply, VerifyReply
from edge.control.messages_muster import MusterReply, Step
from edge.control.messages_perimeter import PerimeterReply, PerimeterStep
from edge.control.messages_policy import (
    ROLES_SHOWN_MAX,
    PolicyReply,
    PolicyStatusReply,
    RoleHeld,
    RolesReply,
)
from edge.control.messages_report import ReportPersonReply
from edge.control.messages_views import NamesReply, PersonNamed, ViewsReply
from edge.control.messages_visits import (
    CodeReply,
    ConsentsReply,
    LetPass,
    MakeCode,
    PassReply,
    VisitReply,
)
from edge.daemon import Daemon
from edge.delivery_desk import DeliveryDesk
from edge.device_desk import DeviceDesk
from edge.erase_desk import EraseDesk
from edge.face_desk import FaceDesk
from edge.gate_desk import GateDesk
from edge.gate_sight import EVERYTHING, Sight
from edge.guard_desk import GuardDesk
from edge.journal import Record, Stored
from edge.muster_desk import MusterDesk
from edge.order_desk import OrderDesk
from edge.page_order_desk import PageOrderDesk
from edge.people import roles_held
from edge.people_desk import PeopleDesk
from edge.perimeter_desk import PerimeterDesk
from edge.person_desk import PersonDesk
from edge.picture_desk import PictureDesk
from edge.policy_desk import PolicyDesk
from edge.report_desk import ReportDesk
from edge.safe_mode import SERVED_S
from edge.scrubber import Scrubber
from edge.uplink import Uplink
from edge.views_worker import Views
from edge.visit_desk import VisitDesk
from edge.visitor_desk import VisitorDesk
from policies.facts import ScreeningResult

READ_BYTES_MAX = 512 * 1024
"""Half a control frame: personal values and quoting need the rest."""


class DaemonDesk:
    """One daemon's desk. `committed` must be told of every commit, so that readers can wait."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        people: PeopleDesk,
        erase: EraseDesk,
        report: ReportDesk,
        faces: FaceDesk,
        policy: PolicyDesk,
        visits: VisitDesk,
        codes: CodeDesk,
        visitors: VisitorDesk,
        muster: MusterDesk,
        orders: OrderDesk,
        uplink: Uplink | None,
        scrubber: Scrubber,
        certificates: CertificateWatch | None,
        version: str,
        *,
        safe_mode: bool,
        views: Views | None,
        pictures: PictureDesk,
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._people = people
        self._erase = erase
        self._report = report
        self._policy = policy
        self._visits = visits
        self._codes = codes
        self.visitors = visitors
        self.deliveries = DeliveryDesk(daemon, visits, visitors.gifts.fresh)
        self._muster = muster
        self.orders = orders
        self.page_orders = PageOrderDesk(daemon, config, orders, visits, uplink, views)
        self._perimeter = PerimeterDesk(daemon, config)
        self.devices = DeviceDesk(daemon, config)
        self._uplink = uplink
        self._scrubber = scrubber
        self._certificates = certificates
        self._version = version
        self.reports = views
        self.faces = faces
        self.alarms = AlarmDesk(daemon, config)
        self.guards = GuardDesk(daemon, faces)
        self.pictures = pictures
        self.sign_ins: SignIns | None = None
        """Where somebody can sign in at pages."""
        self.gates = GateDesk(daemon, faces, pictures, config.plan)
        self.persons = PersonDesk(daemon, people)
        self.backups = BackupDesk(daemon.writer)
        self.badges = BadgeDesk(daemon, config, self.persons)
        now = daemon.now()
        self._started_utc_us = now.utc_us
        self._safe_until_us = now.mono_us + int(SERVED_S * 1e6) if safe_mode else 0
        self._advanced = asyncio.Event()

    def committed(self, records: Sequence[Record]) -> None:
        """Entries reached the disk: whoever waits for news looks again."""
        self._advanced.set()
        self._advanced = asyncio.Event()

    @property
    def safe_mode(self) -> bool:
        """Whether this run began in safe mode, and has not lasted long enough to leave it."""
        return self._daemon.now().mono_us < self._safe_until_us

    def status(self) -> StatusReply:
        uplink = None
        if self._uplink is not None:
            seen = self._uplink.status
            watch = self._certificates
            uplink = UplinkReport(
                connected=seen.connected,
                acked=seen.acked,
                behind=seen.behind,
                secured=watch is not None,
                certificate_until_s=None if watch is None else watch.until_s,
            )
        return status_reply(
            self._daemon.site.state,
            self._daemon.site.policy,
            site=self._config.site,
            edge=self._config.edge,
            incarnation=self._daemon.writer.incarnation,
            version=self._version,
            readers=tuple(sorted(self._config.devices)),
            started_utc_us=self._started_utc_us,
            utc_us=self._daemon.now().utc_us,
            uplink=uplink,
            safe_mode=self.safe_mode,
            kept_copy=self._config.kept,
            looked=self._looked(),
        )

    def _looked(self) -> LookedReport | None:
        looked = self._scrubber.looked
        if looked is None:
            return None
        return LookedReport(utc_us=looked.utc_us, entries=looked.entries, findings=looked.findings)

    @property
    def last_seq(self) -> int:
        return self._daemon.writer.last_seq

    async def read(self, from_seq: int, limit: int) -> list[Stored]:
        return await self._daemon.writer.read(from_seq, limit, READ_BYTES_MAX, kept=True)

    async def wait_beyond(self, seq: int) -> None:
        while self.last_seq <= seq:
            await self._advanced.wait()

    async def reset_fire(self, fire: str, operator: str) -> ResetFireReply:
        if self._daemon.recorder.down:
            reason = "the journal cannot be written; the reset would not be on record"
            return ResetFireReply(accepted=False, reason=reason)
        outcome = self._daemon.judge_fire_reset(fire, operator)
        await self._daemon.recorder.drained()
        for event in outcome.events:
            if isinstance(event.body, FireReset):
                return ResetFireReply(accepted=True, reason="the latch is reset")
            if isinstance(event.body, FireResetRefused):
                return ResetFireReply(accepted=False, reason=event.body.reason)
        return ResetFireReply(accepted=False, reason="the core did not answer")

    async def import_people(self, csv: bytes, operator: str, dry_run: bool) -> ImportPeopleReply:
        return await self._people.import_people(csv, operator, dry_run)

    async def take_people(self, envelope: bytes, operator: str, dry_run: bool) -> TakePeopleReply:
        return await self._people.take(envelope, operator, dry_run)

    async def erase_person(self, asked: ErasePerson, operator: str) -> ErasePersonReply:
        return await self._erase.erase(
            asked.person,
            asked.reason,
            operator,
            even_inside=asked.even_inside,
            dry_run=asked.dry_run,
        )

    async def report_person(self, person: str, operator: str) -> ReportPersonReply:
        told = await self._report.report(person, operator)
        if told.kept is None or self.sign_ins is None:
            return told
        sign_ins = self.sign_ins.kept_of(told.kept.on_file.random_id)
        return replace(told, kept=replace(told.kept, sign_ins=sign_ins))

    async def export_people(self, since: int | None) -> tuple[bytes, ExportPeopleReply]:
        return await self._people.export(since)

    async def people_history(self, count: int) -> HistoryReply:
        return await self._people.history(count)

    async def load_policy(self, envelope: bytes, operator: str) -> PolicyReply:
        return await self._policy.load(envelope, operator)

    async def return_policy(self, operator: str) -> PolicyReply:
        return await self._policy.go_back(operator)

    async def policy_status(self) -> PolicyStatusReply:
        return await self._policy.status()

    async def roles_held(self) -> RolesReply:
        held = await asyncio.to_thread(roles_held, self._daemon.people.roll)
        roles = (RoleHeld(role=role, people=people) for role, people in sorted(held.items()))
        return RolesReply(roles=tuple(islice(roles, ROLES_SHOWN_MAX)))

    async def screen(
        self, person: str, station: str, result: ScreeningResult, operator: str
    ) -> VisitReply:
        return await self._visits.screen(person, station, result, operator)

    async def give_consent(self, envelope: bytes, operator: str) -> VisitReply:
        return await self._visits.give_consent(envelope, operator)

    async def end_consent(self, person: str, operator: str) -> VisitReply:
        return await self._visits.end_consent(person, operator)

    async def let_pass(self, asked: LetPass, operator: str) -> PassReply:
        return await self._visits.let_pass(asked, operator)

    async def consents(self) -> ConsentsReply:
        return await self._visits.consents()

    async def make_code(self, asked: MakeCode, operator: str) -> CodeReply:
        return await self._codes.make(asked, operator)

    async def muster(self, begin: int) -> MusterReply:
        return await self._muster.read(begin)

    async def change_muster(
        self, step: Step, operator: str, sight: Sight = EVERYTHING
    ) -> VisitReply:
        return await self._muster.change(step, operator, sight)

    def perimeter(self) -> PerimeterReply:
        return self._perimeter.read()

    async def change_perimeter(self, step: PerimeterStep, operator: str) -> VisitReply:
        return await self._perimeter.change(step, operator)

    async def run(self) -> None:
        """What has to be seen to later. Raises JournalClosed: a bug."""
        await self._people.run(self.wait_beyond)

    async def leaves(self, begin: int, limit: int) -> bytes:
        return await self._daemon.writer.leaves_of(begin, begin + limit)

    async def checkpoints(self, size: int | None) -> CheckpointsReply:
        writer = self._daemon.writer
        kept, begun = await writer.said(size), await writer.begun()
        signers = self._scrubber.signers
        keys = [one.text for one in signers.log_keys(writer.site, writer.edge, writer.incarnation)]
        return CheckpointsReply(
            key=keys[0] if keys else "",
            former=tuple(keys[1:]),
            witnesses=tuple(one.text for one in signers.witnesses),
            checkpoints=tuple(checkpoint_said(one) for one in kept),
            begun=begun.size,
            peaks=tuple(peak.hex() for peak in begun.peaks),
        )

    def views(self, *, rebuild: bool) -> ViewsReply:
        if self.reports is None:
            return ViewsReply(seq=0, last_seq=self.last_seq, trouble="this run keeps no reports")
        if rebuild:
            self.reports.rebuild()
        seen = self.reports.progress
        return ViewsReply(seq=seen.seq, last_seq=seen.last_seq, trouble=seen.trouble)

    def names(self, holders: Sequence[str]) -> NamesReply:
        on_file = self._daemon.people.roll.holders
        known = (on_file.get(HolderId(holder)) for holder in holders)
        people = (
            PersonNamed(holder=HolderId(one.id), person=one.external_id, name=one.name)
            for one in known
            if one is not None
        )
        return NamesReply(people=tuple(people))

    async def verify(self, progress: Progress) -> VerifyReply:
        return verify_reply(await self._daemon.writer.verify(progress, self._scrubber.signers))
