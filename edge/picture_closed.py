"""What is asked about pictures where no daemon runs: by journal, keys and files themselves."""

import os
from collections.abc import AsyncGenerator, Callable
from itertools import chain

from controller.ids import InputId
from controller.inputs_pictures import PictureAsked
from controller.ledger import PERSONAL_CHARS_MAX, SALT_BYTES, Personal
from controller.pictures import on_asked
from edge.assembly import settle_people
from edge.config import Config
from edge.control.closed import ClosedJournal
from edge.control.messages_pictures import (
    PICTURES_SHOWN_MAX,
    ExportPictureReply,
    FramePart,
    PicturesReply,
    ReadPictures,
    VerifyPicturesReply,
)
from edge.control.place import PEOPLE_FILE
from edge.erase_closed import opened_writer, turn_of
from edge.people import Made, People
from edge.picture_desk import NOTHING, one_named, page_of, parts_of, shown
from edge.pictures import looking
from edge.pictures.errors import PictureMissingError
from edge.pictures.index import PictureIndex
from edge.recorder import record_of
from edge.restore import restored_state

CAUSE = InputId("picture-export")


def listed_closed(config: Config, asked: ReadPictures) -> PicturesReply:
    """Everything that is asked for. Raises PicturesError."""
    zone = config.policy.timezone
    if not PictureIndex.exists(config.state):
        return PicturesReply(timezone=zone)
    with PictureIndex.open(config.state) as keys:
        pages = [page_of(keys, asked, zone)]
        while pages[-1].more:
            last = pages[-1].pictures[PICTURES_SHOWN_MAX - 1]
            pages.append(page_of(keys, _behind(asked, last.seq), zone))
        return PicturesReply(
            timezone=zone,
            pictures=tuple(chain.from_iterable(page.pictures for page in pages)),
            total=pages[0].total,
            total_bytes=pages[0].total_bytes,
        )


def _behind(asked: ReadPictures, seq: int) -> ReadPictures:
    return ReadPictures(after=seq, portal=asked.portal, since_us=asked.since_us, about=asked.about)


async def exported_closed(
    config: Config, seq: int, reason: str, made: Made
) -> AsyncGenerator[FramePart | ExportPictureReply, None]:
    """As the daemon gives it; on record before the first frame. Raises PicturesError, JournalError,
    PeopleError.
    """
    from edge.pictures.rotation import key_in_use
    from edge.pictures.store import PictureStore

    if not PictureIndex.exists(config.state):
        raise PictureMissingError(NOTHING)
    with PictureIndex.open(config.state) as keys:
        key = key_in_use(keys, config.state, config.picture_key, config.former_picture_key)
        store = PictureStore(keys, key, config.site, config.edge)
        row = one_named(keys, seq)
        with store.opened(row.id) as opened:
            recorded = await _recorded(config, row.id, reason, made)
            for frame in opened.frames():
                for part in parts_of(frame):
                    yield part
    yield ExportPictureReply(timezone=config.policy.timezone, picture=shown(row), recorded=recorded)


async def _recorded(config: Config, picture: str, reason: str, made: Made) -> int:
    """Durably; under which number."""
    async with opened_writer(config) as writer:
        with People.open(config.state / PEOPLE_FILE) as people:
            state = await restored_state(writer)
            settle_people(people, state)
            turn = turn_of(config, writer, people, state, CAUSE)
            salt = os.urandom(SALT_BYTES).hex()
            who = Personal("operator", made.by[:PERSONAL_CHARS_MAX], salt)
            on_asked(turn, PictureAsked(id=CAUSE, picture=picture, operator=who, reason=reason))
            await writer.append([record_of(event) for event in turn.events])
            return writer.last_seq


def verified_closed(
    config: Config, journal: ClosedJournal, progress: Callable[[int, int], None]
) -> VerifyPicturesReply:
    """Every file against the journal. Raises PicturesError, JournalError."""
    if not PictureIndex.exists(config.state):
        return VerifyPicturesReply(reason=NOTHING)
    with PictureIndex.open(config.state) as keys:
        was = looking.before(keys)
        recorded: dict[str, looking.Recorded] = {}
        begun = 0
        for one in journal.entries(1, journal.last_seq):
            begun = begun or one.seq
            looking.note(one.entry.encode(), recorded)
            progress(one.seq, journal.last_seq)
        return looking.looked_through(was, recorded, keys, begun)
