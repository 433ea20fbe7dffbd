"""A report of one person: what is gathered, and that it is on record before anybody has it."""

import asyncio

from controller.events import PersonReported
from controller.ids import HolderId
from controller.inputs import PersonReportAsked
from controller.state import SiteState
from edge.config import Config
from edge.control.messages_report import (
    KEPT_CHANGES_MAX,
    KEPT_PICTURES_MAX,
    BadgeKept,
    ChangeKept,
    FaceKept,
    Kept,
    Now,
    OnFile,
    PictureOf,
    ReportPersonReply,
    ScreeningKept,
    VisitKept,
)
from edge.daemon import Daemon
from edge.erasing import Erasing
from edge.face_desk import FaceDesk
from edge.faces import FacesError
from edge.journal.erasure import Search
from edge.people import People, PeopleError
from edge.people.records import HolderRecord, Roll
from edge.pictures.errors import PicturesError
from edge.pictures.index import PictureIndex

NOBODY = "give the id that the file of people has; `sentrypost person history` names the newest"
NOT_ON_RECORD = "the journal cannot be written; it would not be on record who asked for it"
TRY_LATER = "try later"


class ReportDesk:
    """One daemon's."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        erasing: Erasing,
        faces: FaceDesk,
        pictures: PictureIndex | None,
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._erasing = erasing
        self._faces = faces
        self._pictures = pictures

    async def report(self, person: str, operator: str) -> ReportPersonReply:
        """As `edge.control.desk.Desk` has it."""
        daemon = self._daemon
        record = await asyncio.to_thread(daemon.people.roll.named, person)
        if record is None:
            return nobody(person)
        if self._unwritable():
            return ReportPersonReply(reason=NOT_ON_RECORD, remedy=TRY_LATER)
        search = await self._erasing.search(record)
        try:
            changes = await asyncio.to_thread(changes_of, daemon.people, record)
            face = await self._faces.kept(HolderId(record.id))
            shown = await asyncio.to_thread(pictures_of, self._pictures, HolderId(record.id))
        except (PeopleError, FacesError, PicturesError) as error:
            return ReportPersonReply(reason=str(error), remedy=TRY_LATER)
        outcome = daemon.judge(
            PersonReportAsked(
                id=daemon.new_id(),
                holder=HolderId(record.id),
                operator=daemon.personal("operator", operator),
                searched=search.last,
            )
        )
        await daemon.recorder.drained()
        if self._unwritable():
            return ReportPersonReply(reason=NOT_ON_RECORD, remedy=TRY_LATER)
        return ReportPersonReply(
            kept=Kept(
                site=self._config.site,
                edge=self._config.edge,
                incarnation=daemon.writer.incarnation,
                timezone=daemon.site.policy.timezone,
                on_file=on_file(record, daemon.people.roll, face),
                changes=changes,
                now=now_of(daemon.site.state, HolderId(record.id)),
                badges=badges_of(search),
                recorded=next(
                    e.header.seq for e in outcome.events if isinstance(e.body, PersonReported)
                ),
                searched=daemon.writer.last_seq,
                acked=None if self._config.broker is None else daemon.writer.acked,
                pictures=shown[:KEPT_PICTURES_MAX],
                picture_count=len(shown),
            )
        )

    def _unwritable(self) -> bool:
        return self._daemon.recorder.down


def nobody(person: str) -> ReportPersonReply:
    return ReportPersonReply(reason=f"nobody on file has the id '{person}'", remedy=NOBODY)


def badges_of(search: Search) -> tuple[str, ...]:
    """By which badges values of the person are told, those of the past included."""
    return tuple(sorted(search.badges))


def pictures_of(keys: PictureIndex | None, holder: HolderId) -> tuple[PictureOf, ...]:
    """Those in which somebody may be, the newest first. Raises PicturesError."""
    rows = () if keys is None else keys.rows_of(holder)
    return tuple(
        PictureOf(
            seq=row.seq or 0,
            what=row.what,
            portal=row.portal,
            camera=row.camera,
            from_us=row.from_us,
            until_us=row.until_us,
            frames=row.count,
        )
        for row in rows
    )


def on_file(record: HolderRecord, roll: Roll, face: FaceKept | None) -> OnFile:
    """The record as it is told to whom it is about."""
    return OnFile(
        id=record.external_id,
        random_id=HolderId(record.id),
        name=record.name,
        roles=record.roles,
        valid_from_s=record.valid_from_s,
        valid_until_s=record.valid_until_s,
        suspended=record.suspended,
        watchlisted=record.watchlisted,
        watchlists=record.watchlists,
        biometrics=record.biometrics,
        pin=record.id in roll.pins,
        badges=tuple(
            BadgeKept(reference=one.ref, status=one.status)
            for one in roll.credentials.values()
            if one.holder == record.id
        ),
        face=face,
    )


def changes_of(people: People, record: HolderRecord) -> tuple[ChangeKept, ...]:
    """The changes that the person was in, the newest first. Raises PeopleError."""
    return tuple(
        ChangeKept(
            version=one.step.number,
            utc_us=one.came.utc_us,
            edge=one.step.made.edge,
            entry=one.seq,
        )
        for one in people.history(KEPT_CHANGES_MAX)
        if record.external_id in one.people
    )


def now_of(state: SiteState, holder: HolderId) -> Now:
    """What the core remembers of somebody."""
    people = state.people
    seen = people.presences.get(holder)
    consent = state.consents.in_force.get(holder)
    return Now(
        zone=None if seen is None else seen.zone,
        sighting=people.sightings.get(holder),
        check=None if people.muster is None else people.muster.checks.get(holder),
        since_s=None if seen is None else seen.since_s,
        entered_s=None if seen is None else seen.inside_since_s,
        host=people.escorts.get(holder),
        visitors=tuple(one for one, host in people.escorts.items() if host == holder),
        unescorted=holder in people.unescorted,
        overstayed=seen is not None and seen.overstayed,
        party=0 if seen is None else seen.party,
        screened=tuple(
            ScreeningKept(station=station, result=said.result, at_s=said.at_s)
            for station, said in people.screened.get(holder, {}).items()
        ),
        wrong_pins=people.wrong_pins.get(holder, 0),
        locked_out=holder in people.locked_out,
        consent_until_s=None if consent is None else consent.until_s,
        visits=tuple(
            VisitKept(
                visit=name,
                state=one.state,
                host=one.host == holder,
                other=one.holder if one.host == holder else one.host,
                from_s=one.from_s,
                until_s=one.until_s,
            )
            for name, one in sorted(state.visits.items())
            if holder in {one.holder, one.host}
        ),
    )
