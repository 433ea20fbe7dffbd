"""Keeps pictures beside a daemon, which never waits for it: it is told of what is on disk, and asks
the cameras by itself.

Each camera has its own two tasks, one for pictures and one for clips, and a bounded number of
wishes; what has no place there is recorded as not kept, once. One that hangs holds up its own.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from controller.events import (
    DecisionMade,
    Entry,
    EntryError,
    decode_body,
    decode_entry,
    kind_of,
)
from controller.events_pictures import (
    ABOUT_MAX,
    HOLDERS_MAX,
    PictureKept,
    PictureKind,
    PictureLack,
    PictureMissed,
)
from controller.ids import HolderId, PortalId
from controller.inputs_pictures import PictureLacking, PictureStored
from controller.moment import SECOND_US
from drivers.cameras.api import Camera, Picture
from edge.daemon import Daemon
from edge.journal import JournalError, Record
from edge.pictures.choosing import AFTER_S, BEFORE_S, Chosen, Place, holder_of
from edge.pictures.ending import PictureEnds
from edge.pictures.errors import PicturesError
from edge.pictures.frame import Frame
from edge.pictures.room import ROOM_BYTES
from edge.pictures.store import PictureStore, Wanted

PICTURE_WITHIN_S = 1.0
"""How far from the decision a picture may be. A face is at the reader for longer than that."""

ANSWER_WITHIN_S = 10.0
"""For a camera's process to give a picture or clip; one that hangs is started again before."""

PICTURES_WAITING_MAX = 16
"""Decisions at one door while its camera thinks: nobody badges so often."""

CLIPS_WAITING_MAX = 4
"""Of one camera, each half a minute; alarms within one belong to it."""

LOOK_S = 60.0
"""Between two looks at the room, and for what is past its time."""

READ_ENTRIES, READ_BYTES = 1_000, 1 << 20

KEPT, DECIDED = kind_of(PictureKept), kind_of(DecisionMade)

log = logging.getLogger(__name__)

T = TypeVar("T")


class Wish(NamedTuple):
    """A picture of the moment of an entry. `at_us`: monotonic."""

    about: int
    portal: PortalId
    holder: HolderId | None
    at_us: int


class Clip:
    """A clip that is still going on; further alarms join it. Times are monotonic."""

    def __init__(self, wish: Wish) -> None:
        self.about = [wish.about]
        self.portal = wish.portal
        self.from_us = max(0, wish.at_us - BEFORE_S * SECOND_US)
        self.until_us = wish.at_us + AFTER_S * SECOND_US

    def takes(self, wish: Wish) -> bool:
        """Whether the alarm is seen in it as well."""
        if wish.about in self.about:
            return True
        if wish.at_us > self.until_us or len(self.about) == ABOUT_MAX:
            return False
        self.about.append(wish.about)
        return True


class Watch:
    """What is wanted of one camera, and who came to its portal lately."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.pictures: deque[Wish] = deque()
        self.clips: deque[Clip] = deque()
        self.wanted = asyncio.Event()
        self.clip_wanted = asyncio.Event()
        self.said: set[PictureLack] = set()
        self._came: deque[tuple[int, HolderId]] = deque(maxlen=HOLDERS_MAX)

    def sees(self, place: Place) -> bool:
        options = self.camera.options
        return options.portal == place.portal and place.side in (None, options.side)

    def came(self, holder: HolderId, at_us: int) -> None:
        self._came.append((at_us, holder))

    def holders(self, from_us: int, until_us: int) -> tuple[HolderId, ...]:
        """Who presented himself in this time, each once."""
        seen = (holder for at_us, holder in self._came if from_us <= at_us <= until_us)
        return tuple(dict.fromkeys(seen))

    def take(self, what: PictureKind, wish: Wish) -> bool:
        """Whether there was a place for it."""
        if what is PictureKind.PICTURE:
            if len(self.pictures) >= PICTURES_WAITING_MAX:
                return False
            self.pictures.append(wish)
            self.wanted.set()
            return True
        if self.clips and self.clips[-1].takes(wish):
            return True
        if len(self.clips) >= CLIPS_WAITING_MAX:
            return False
        self.clips.append(Clip(wish))
        self.clip_wanted.set()
        return True


class PictureKeeper:
    """Of one daemon. `committed` is to be told of every commit; it never blocks and never raises.

    `choose`: what of an entry is kept, as `choosing.chosen`. `days`: for how long each kind.
    `free_bytes` and `room_is_low` (`edge.ballast`) block on the disk for a moment.
    """

    def __init__(
        self,
        daemon: Daemon,
        store: PictureStore,
        cameras: Mapping[str, Camera],
        choose: Callable[[Entry], Sequence[Chosen]],
        days: Mapping[PictureKind, int],
        free_bytes: Callable[[], int],
        room_is_low: Callable[[], bool],
    ) -> None:
        self._daemon, self._store = daemon, store
        self._ends = PictureEnds(daemon, store.index)
        self._watches = [Watch(camera) for camera in cameras.values()]
        self._choose = choose
        self._days = dict(days)
        self._free_bytes, self._room_is_low = free_bytes, room_is_low
        self._recorded: deque[tuple[str, int]] = deque()
        self._news = asyncio.Event()
        self._disk = asyncio.Lock()
        self._trouble = ""

    # --- what is told ----------------------------------------------------------------------------

    def committed(self, records: Sequence[Record]) -> None:
        """Entries reached the disk."""
        for record in records:
            try:
                entry = decode_entry(record.entry)
            except EntryError:
                continue
            if entry.kind == KEPT:
                body = decode_body(entry)
                assert isinstance(body, PictureKept), "its kind says so, and we wrote it"
                self._recorded.append((body.picture, entry.seq))
                self._news.set()
            else:
                self._want(entry)

    def _want(self, entry: Entry) -> None:
        if entry.kind == DECIDED:
            self._note_who_came(entry)
        for one in self._choose(entry):
            for watch in self._watches:
                if not watch.sees(one.place):
                    continue
                wish = Wish(entry.seq, one.place.portal, one.holder, entry.mono_us)
                if not watch.take(one.what, wish):
                    self._miss(watch, one.what, wish, PictureLack.TOO_BUSY)

    def _note_who_came(self, entry: Entry) -> None:
        body = decode_body(entry)
        holder = None if body is None else holder_of(body)
        if holder is None or not isinstance(body, DecisionMade):
            return
        for watch in self._watches:
            if watch.sees(Place(body.portal)):
                watch.came(holder, entry.mono_us)

    def _miss(self, watch: Watch, what: PictureKind, wish: Wish, why: PictureLack) -> None:
        """Recorded once for a reason, until something is kept again."""
        if why in watch.said or self._daemon.recorder.down:
            return
        watch.said.add(why)
        missed = PictureMissed(
            what=what, about=wish.about, portal=wish.portal, camera=watch.camera.name, why=why
        )
        self._daemon.judge(PictureLacking(id=self._daemon.new_id(), missed=missed))

    # --- what is done ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled. A bug in here ends the pictures, and no door."""
        task = asyncio.create_task(self._serve(), name="pictures kept")
        try:
            await asyncio.wait({task})
            log.error("pictures have ended by a bug", exc_info=task.exception())
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _serve(self) -> None:
        await self._settle()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_after(), name="pictures looked after")
            tasks.create_task(self._mark(), name="pictures marked")
            for watch in self._watches:
                name = watch.camera.name
                tasks.create_task(self._pictures(watch), name=f"pictures {name}")
                tasks.create_task(self._clips(watch), name=f"clips {name}")

    async def _settle(self) -> None:
        """What an earlier run has left without an end. Until that is done nothing is kept."""
        while True:
            try:
                return await self.settle()
            except (PicturesError, JournalError) as error:
                self._say(error)
            await asyncio.sleep(LOOK_S)

    async def settle(self) -> None:
        """As `PictureIndex.settle`, by this journal. Raises PicturesError, JournalError."""
        index, writer = self._store.index, self._daemon.writer
        behind = await asyncio.to_thread(index.waiting, writer.incarnation)
        found = {} if behind is None else await self._in_journal(behind)
        orphans = await asyncio.to_thread(
            index.settle, lambda incarnation, _: found if incarnation == writer.incarnation else {}
        )
        if orphans.rows or orphans.files:
            log.warning(
                "%d pictures that the journal does not know are removed",
                max(len(orphans.rows), len(orphans.files)),
            )

    async def _in_journal(self, behind: int) -> dict[str, int]:
        """The pictures that the journal has behind an entry."""
        found: dict[str, int] = {}
        writer = self._daemon.writer
        while part := await writer.read(behind + 1, READ_ENTRIES, READ_BYTES, kept=True):
            for one in part:
                body = _kept_in(one.entry)
                if body is not None:
                    found[body.picture] = one.seq
            behind = part[-1].seq
        return found

    async def _pictures(self, watch: Watch) -> None:
        while True:
            watch.wanted.clear()
            while watch.pictures:
                await self._keep_picture(watch, watch.pictures[0])
                watch.pictures.popleft()
            await watch.wanted.wait()

    async def _keep_picture(self, watch: Watch, wish: Wish) -> None:
        picture = await _answered(watch.camera.picture(wish.at_us * 1_000, PICTURE_WITHIN_S))
        frames = () if picture is None else (picture,)
        holders = () if wish.holder is None else (wish.holder,)
        await self._keep(watch, PictureKind.PICTURE, wish, (wish.about,), holders, frames)

    async def _clips(self, watch: Watch) -> None:
        while True:
            watch.clip_wanted.clear()
            while watch.clips:
                await self._keep_clip(watch, watch.clips[0])
            await watch.clip_wanted.wait()

    async def _passed(self, until_us: int) -> None:
        """By the daemon's clock."""
        left_us = until_us - self._daemon.now().mono_us
        if left_us > 0:
            await asyncio.sleep(left_us / SECOND_US)

    async def _keep_clip(self, watch: Watch, clip: Clip) -> None:
        """What led to the alarm is asked for at once: the camera may be next."""
        now_ns, until_ns = self._daemon.now().mono_us * 1_000, clip.until_us * 1_000
        frames = await _answered(watch.camera.clip(clip.from_us * 1_000, now_ns)) or ()
        await self._passed(clip.until_us)
        watch.clips.popleft()  # nothing joins it any more
        seen_ns = frames[-1].at_ns + 1 if frames else clip.from_us * 1_000
        frames += await _answered(watch.camera.clip(seen_ns, until_ns)) or ()
        holders = watch.holders(clip.from_us, clip.until_us)
        wish = Wish(clip.about[0], clip.portal, None, clip.until_us)
        await self._keep(watch, PictureKind.CLIP, wish, tuple(clip.about), holders, frames)

    async def _keep(
        self,
        watch: Watch,
        what: PictureKind,
        wish: Wish,
        about: tuple[int, ...],
        holders: tuple[HolderId, ...],
        pictures: Sequence[Picture],
    ) -> None:
        """On disk, then on record; or recorded as not kept."""
        daemon = self._daemon
        if daemon.recorder.down:
            return  # what journal there is belongs to the doors
        moment = daemon.now()
        journal = (daemon.writer.incarnation, daemon.writer.last_seq)
        camera = watch.camera.name
        wanted = Wanted(what, about, wish.portal, camera, holders, moment.utc_us, journal)
        shift_us = moment.utc_us - moment.mono_us
        kept = await self._on_disk(wanted, [_frame(picture, shift_us) for picture in pictures])
        if isinstance(kept, PictureLack):
            self._miss(watch, what, wish, kept)
        elif kept is not None:
            daemon.judge(PictureStored(id=daemon.new_id(), kept=kept))
            watch.said.clear()

    async def _on_disk(
        self, wanted: Wanted, frames: Sequence[Frame]
    ) -> PictureKept | PictureLack | None:
        """What was kept, or why nothing was; None where nothing may be."""
        if not frames:
            return PictureLack.NO_FRAME
        try:
            async with self._disk:
                kept = await asyncio.to_thread(self._kept, wanted, frames)
                if kept is None:
                    return PictureLack.NO_ROOM
                if self._all_on_file(wanted.holders):
                    return kept
                # Erased meanwhile: whoever erased him did not see this one yet.
                await asyncio.to_thread(self._store.index.erase, [kept.picture])
                return None
        except PicturesError as error:
            self._say(error)
            return PictureLack.FAILED

    def _kept(self, wanted: Wanted, frames: Sequence[Frame]) -> PictureKept | None:
        """None where there is no room. Blocks on the disk."""
        if self._free_bytes() < ROOM_BYTES:
            return None
        return self._store.keep(wanted, frames)

    def _all_on_file(self, holders: Sequence[HolderId]) -> bool:
        """People go from their file first, and then their pictures: whoever is there still takes
        along what has a row by now.
        """
        on_file = self._daemon.people.roll.holders
        return all(holder in on_file for holder in holders)

    # --- what goes -------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """What is past its time goes, and the oldest where the disk is nearly full."""
        if self._daemon.recorder.down:
            return
        try:
            async with self._disk:
                if self._daemon.now().trusted:
                    for what, days in self._days.items():
                        await self._ends.past(what, days)
                if await asyncio.to_thread(self._room_is_low):
                    await self._ends.oldest()
            self._trouble = ""
        except (PicturesError, JournalError) as error:
            self._say(error)

    async def _mark(self) -> None:
        """What the journal has is known to be there."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self._recorded:
                    async with self._disk:
                        await asyncio.to_thread(self._store.index.recorded, *self._recorded[0])
                    self._recorded.popleft()
            except PicturesError as error:
                self._say(error)
                await asyncio.sleep(LOOK_S)
                self._news.set()

    def _say(self, error: Exception) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("pictures: %s", error)


async def _answered(asked: Awaitable[T]) -> T | None:
    """What a camera says; None where it does not in time."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await asked
    except TimeoutError:
        return None


def _frame(picture: Picture, shift_us: int) -> Frame:
    return Frame(
        utc_us=max(0, picture.at_ns // 1_000 + shift_us),
        width=picture.width,
        height=picture.height,
        jpeg=picture.jpeg,
    )


def _kept_in(entry: bytes) -> PictureKept | None:
    """What an entry says was kept, where it says so."""
    try:
        decoded = decode_entry(entry)
        body = decode_body(decoded) if decoded.kind == KEPT else None
    except EntryError:
        return None
    return body if isinstance(body, PictureKept) else None
