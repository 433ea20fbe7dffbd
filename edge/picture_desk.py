"""What people ask of the running daemon about pictures: listed, given away, looked through."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from functools import partial

from controller.events_pictures import PictureShown as ShownEvent
from controller.inputs_pictures import PictureAsked
from edge.control.messages_journal import VerifyProgress
from edge.control.messages_pictures import (
    FRAME_PART_BYTES_MAX,
    PICTURES_SHOWN_MAX,
    ExportPicture,
    ExportPictureReply,
    FramePart,
    PictureShown,
    PicturesReply,
    ReadPictures,
    VerifyPicturesReply,
)
from edge.daemon import Daemon
from edge.pictures import looking
from edge.pictures.beside import AtRest
from edge.pictures.errors import PictureMissingError, PicturesError
from edge.pictures.frame import Frame
from edge.pictures.index import PictureIndex, Row
from edge.pictures.looking import Recorded

NOTHING = "nothing was ever kept of a camera here"
NO_KEY = "this run has no picture key, or no camera; see its log"
NOT_ON_RECORD = "the journal cannot be written; it would not be on record who asked for it"
TRY_LATER = "try later"

READ_ENTRIES, READ_BYTES = 1_000, 1 << 20


class PictureDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, at_rest: AtRest) -> None:
        self._daemon, self._at_rest = daemon, at_rest

    async def listed(self, asked: ReadPictures) -> PicturesReply:
        """As `edge.control.desk_pictures.Pictures`."""
        zone, keys = self._daemon.site.policy.timezone, self._at_rest.keys
        if keys is None:
            return PicturesReply(timezone=zone)
        try:
            return await asyncio.to_thread(page_of, keys, asked, zone)
        except PicturesError as error:
            return PicturesReply(timezone=zone, reason=str(error), remedy=TRY_LATER)

    async def export(
        self, asked: ExportPicture, operator: str
    ) -> AsyncGenerator[FramePart | ExportPictureReply, None]:
        """As `edge.control.desk_pictures.Pictures`."""
        daemon, store = self._daemon, self._at_rest.store
        if store is None or self._at_rest.keys is None:
            yield ExportPictureReply(reason=NO_KEY)
            return
        zone = daemon.site.policy.timezone
        try:
            row = await asyncio.to_thread(one_named, self._at_rest.keys, asked.seq)
            with ExitStack() as stack:
                opened = await asyncio.to_thread(stack.enter_context, store.opened(row.id))
                recorded = await self._on_record(row, asked.reason, operator)
                if not recorded:
                    yield ExportPictureReply(reason=NOT_ON_RECORD, remedy=TRY_LATER)
                    return
                frames = opened.frames()
                while (frame := await asyncio.to_thread(next, frames, None)) is not None:
                    for part in parts_of(frame):
                        yield part
            yield ExportPictureReply(timezone=zone, picture=shown(row), recorded=recorded)
        except PicturesError as error:
            yield ExportPictureReply(reason=str(error))

    async def _on_record(self, row: Row, reason: str, operator: str) -> int:
        """The entry that says who is given it; 0 where it cannot be written."""
        daemon = self._daemon
        if self._unwritable():
            return 0
        outcome = daemon.judge(
            PictureAsked(
                id=daemon.new_id(),
                picture=row.id,
                operator=daemon.personal("operator", operator),
                reason=reason,
            )
        )
        await daemon.recorder.drained()
        seqs = (e.header.seq for e in outcome.events if isinstance(e.body, ShownEvent))
        return 0 if self._unwritable() else next(seqs)

    def _unwritable(self) -> bool:
        return self._daemon.recorder.down

    async def verify(self) -> AsyncGenerator[VerifyProgress | VerifyPicturesReply, None]:
        """As `edge.control.desk_pictures.Pictures`."""
        keys = self._at_rest.keys
        if keys is None:
            yield VerifyPicturesReply(reason=NOTHING)
            return
        try:
            was = await asyncio.to_thread(looking.before, keys)
            recorded: dict[str, Recorded] = {}
            begun, following, last = 0, 1, self._daemon.writer.last_seq
            while following <= last:
                part = await self._daemon.writer.read(
                    following, READ_ENTRIES, READ_BYTES, kept=True
                )
                if not part:
                    break
                begun = begun or part[0].seq
                for one in part:
                    looking.note(one.entry, recorded)
                following = part[-1].seq + 1
                yield VerifyProgress(done=min(following - 1, last), total=last)
            yield await asyncio.to_thread(looking.looked_through, was, recorded, keys, begun)
        except PicturesError as error:
            yield VerifyPicturesReply(reason=str(error))


def page_of(keys: PictureIndex, asked: ReadPictures, timezone: str) -> PicturesReply:
    """Blocks on the disk for a moment. Raises PicturesError."""
    rows = keys.rows(
        after=asked.after, portal=asked.portal, since_us=asked.since_us, about=asked.about
    )
    total, total_bytes = keys.totals()
    return PicturesReply(
        timezone=timezone,
        pictures=tuple(shown(row) for row in rows[:PICTURES_SHOWN_MAX]),
        more=len(rows) > PICTURES_SHOWN_MAX,
        total=total,
        total_bytes=total_bytes,
    )


def one_named(keys: PictureIndex, seq: int) -> Row:
    """The one that entry `seq` recorded, or the only one that is about it. Raises
    PictureMissingError.
    """
    behind = keys.rows(after=seq - 1)[:1] if seq else ()
    if behind and behind[0].seq == seq:
        return behind[0]
    found = keys.rows(about=seq)
    if not found:
        raise PictureMissingError(
            f"nothing is kept that entry {seq} recorded, or that is about it; "
            "`sentrypost picture list` has what is there"
        )
    if len(found) > 1:
        numbers = ", ".join(str(row.seq) for row in found)
        raise PictureMissingError(
            f"several are about entry {seq}; name one by its own number: {numbers}"
        )
    return found[0]


def shown(row: Row) -> PictureShown:
    return PictureShown(
        seq=row.seq or 0,
        id=row.id,
        what=row.what,
        about=row.about,
        portal=row.portal,
        camera=row.camera,
        from_us=row.from_us,
        until_us=row.until_us,
        count=row.count,
        sealed_bytes=row.sealed_bytes,
        sha256=row.sha256,
    )


def parts_of(frame: Frame) -> Iterator[FramePart]:
    """A frame as it goes over the socket."""
    make = partial(FramePart, utc_us=frame.utc_us, width=frame.width, height=frame.height)
    size = FRAME_PART_BYTES_MAX
    for at in range(0, len(frame.jpeg), size):
        yield make(data=frame.jpeg[at : at + size], ends=at + size >= len(frame.jpeg))
