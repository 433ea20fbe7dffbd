"""A report of one person where no daemon runs: by journal and file of people themselves."""

import logging
import os

from controller.erasures import on_report_asked
from controller.ids import HolderId, InputId
from controller.inputs import PersonReportAsked
from controller.ledger import PERSONAL_CHARS_MAX, SALT_BYTES, Personal
from edge.assembly import settle_people
from edge.config import Config
from edge.control.messages_report import (
    KEPT_PICTURES_MAX,
    Kept,
    PictureOf,
    ReportPersonReply,
    SignInsKept,
)
from edge.control.place import PEOPLE_FILE
from edge.erase_closed import opened_writer, turn_of
from edge.erasing import known_of
from edge.face_enrolment import face_closed
from edge.journal.erasure import Search
from edge.people import Made, People
from edge.pictures.index import PictureIndex
from edge.policy_start import served_next
from edge.recorder import record_of
from edge.report_desk import badges_of, changes_of, nobody, now_of, on_file, pictures_of
from edge.restore import restored_state
from edge.signins.reported import sign_ins_closed
from edge.signins.store import SignInsError

CAUSE = InputId("person-report")

log = logging.getLogger(__name__)


async def report_closed(config: Config, person: str, made: Made) -> ReportPersonReply:
    """Record that somebody is reported on, and tell what is kept. `made`: who asks.

    Raises JournalError, PeopleError, FacesError, PicturesError.
    """
    async with opened_writer(config) as writer:
        with People.open(config.state / PEOPLE_FILE) as people:
            state = await restored_state(writer)
            settle_people(people, state)
            record = people.roll.named(person)
            if record is None:
                return nobody(person)
            search = Search(known_of(people.roll, record), 1, writer.last_seq)
            await writer.search(search)
            shown = _pictures(config, HolderId(record.id))
            turn = turn_of(config, writer, people, state, CAUSE)
            salt = os.urandom(SALT_BYTES).hex()
            asked = PersonReportAsked(
                id=CAUSE,
                holder=HolderId(record.id),
                operator=Personal("operator", made.by[:PERSONAL_CHARS_MAX], salt),
                searched=search.last,
            )
            on_report_asked(turn, asked)
            await writer.append([record_of(event) for event in turn.events])
            kept = Kept(
                site=config.site,
                edge=config.edge,
                incarnation=writer.incarnation,
                timezone=served_next(config).timezone,
                on_file=on_file(
                    record, people.roll, face_closed(config, state, HolderId(record.id))
                ),
                changes=changes_of(people, record),
                now=now_of(turn.state, HolderId(record.id)),
                badges=badges_of(search),
                recorded=writer.last_seq,
                searched=writer.last_seq,
                acked=None if config.broker is None else writer.acked,
                pictures=shown[:KEPT_PICTURES_MAX],
                picture_count=len(shown),
                sign_ins=_sign_ins(config, HolderId(record.id)),
            )
    return ReportPersonReply(kept=kept)


def _pictures(config: Config, holder: HolderId) -> tuple[PictureOf, ...]:
    if not PictureIndex.exists(config.state):
        return ()
    with PictureIndex.open(config.state) as keys:
        return pictures_of(keys, holder)


def _sign_ins(config: Config, holder: HolderId) -> SignInsKept | None:
    try:
        return sign_ins_closed(config.state, holder)
    except SignInsError as error:
        log.warning("what is kept of signing in cannot be read: %s", error)
        return None
