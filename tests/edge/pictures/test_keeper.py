"""A running edge keeps pictures beside decisions and clips of alarms, and no door waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller import events as ev
from controller.events import Event, encode
from controller.events_pictures import (
    PictureEnd,
    PictureKept,
    PictureKind,
    PictureLack,
    PictureMissed,
    PicturesErased,
)
from controller.ids import HolderId
from controller.moment import Moment
from edge.commands.person_erase import erase as erase_command
from edge.journal import Record
from edge.pictures import keeper
from edge.pictures.index import PictureIndex
from edge.pictures.keeper import PICTURES_WAITING_MAX
from edge.pictures.room import ROOM_BYTES
from policies.compiled import Pictures
from policies.facts import Direction
from tests.edge.house import ADA, BOB, FRONT_CONTACT, House, bodies, until
from tests.edge.pictures.drawn import START, DrawnCamera, frames, wanted
from tests.edge.pictures.watched import Watched, at_rest, watched
from tests.edge.process import stored
from tests.edge.test_erase import asked, badges

ADA_ID, BOB_ID = HolderId("a" * 16), HolderId("b" * 16)
Scene = Callable[[Watched], Awaitable[None]]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(autouse=True)
def _short_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "AFTER_S", 1)


def front() -> DrawnCamera:
    return DrawnCamera("front-outside", "front")


def play(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    cameras: Sequence[DrawnCamera] = (),
    word: Pictures = Pictures.DECISIONS,
) -> None:
    async def run() -> None:
        async with watched(house, monkeypatch, cameras or [front()], word) as one:
            await scene(one)

    asyncio.run(run())


async def kept(one: Watched, count: int) -> list[PictureKept]:
    found = await until(one.edge, PictureKept, count)
    return [body for body in found if isinstance(body, PictureKept)]


async def missed(one: Watched, count: int) -> list[PictureMissed]:
    found = await until(one.edge, PictureMissed, count)
    return [body for body in found if isinstance(body, PictureMissed)]


async def seqs(one: Watched, kind: type[ev.Body]) -> list[int]:
    stored = await one.edge.daemon.writer.read(1, 10_000, 1 << 26)
    named = f'"{ev.kind_of(kind)}"'.encode()
    return [record.seq for record in stored if named in record.entry[:400]]


def test_each_decision_has_a_picture_whose_hash_the_journal_has(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Watched) -> None:
        await badges(one.edge, house, ADA, BOB)
        pictures = await kept(one, 2)
        assert [body.about[0] for body in pictures] == await seqs(one, ev.DecisionMade)
        assert [body.holders for body in pictures] == [(ADA_ID,), (BOB_ID,)]
        for body in pictures:
            assert one.store.index.digest_of(body.picture) == (body.sealed_bytes, body.sha256)
            (frame,) = one.frames(body.picture)
            assert frame.jpeg.startswith(START)
            decided = next(e for e in await decisions(one) if e.seq == body.about[0])
            assert abs(frame.utc_us - decided.utc_us) < 1_000_000
        for path in (house.folder / "state").rglob("*"):
            assert not path.is_file() or START not in path.read_bytes(), path

    play(house, monkeypatch, scene)


async def decisions(one: Watched) -> list[ev.Entry]:
    stored = await one.edge.daemon.writer.read(1, 10_000, 1 << 26)
    found = [ev.decode_entry(record.entry) for record in stored]
    return [entry for entry in found if entry.kind == ev.kind_of(ev.DecisionMade)]


def test_a_clip_begins_before_its_alarm_and_has_everybody_in_it_who_came(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Watched) -> None:
        await badges(one.edge, house, BOB)
        house.board.set_input(FRONT_CONTACT, True)
        (forced,) = await seqs_until(one, ev.PortalForced)
        clips = {body.camera: body for body in await kept(one, 2)}
        assert set(clips) == {"front-outside", "front-inside"}
        clip = clips["front-outside"]
        assert (clip.what, clip.about, clip.holders) == (PictureKind.CLIP, (forced,), (BOB_ID,))
        shown = one.frames(clip.picture)
        at_us = (await entry(one, forced)).utc_us
        assert shown[0].utc_us < at_us - 9_000_000
        assert at_us < shown[-1].utc_us <= at_us + 1_100_000
        times = [frame.utc_us for frame in shown]
        assert times == sorted(set(times)), "none twice where the two halves meet"
        house.board.set_input(FRONT_CONTACT, False)

    others = [
        DrawnCamera("front-inside", "front", Direction.EXIT),
        DrawnCamera("vault", "vault-door"),
    ]
    play(house, monkeypatch, scene, [front(), *others], word=Pictures.ALARMS)


async def seqs_until(one: Watched, kind: type[ev.Body]) -> list[int]:
    await until(one.edge, kind)
    return await seqs(one, kind)


async def entry(one: Watched, seq: int) -> ev.Entry:
    (stored,) = await one.edge.daemon.writer.read(seq, 1, 1 << 20)
    return ev.decode_entry(stored.entry)


def test_what_led_to_an_alarm_is_kept_though_the_camera_is_broken_behind_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "AFTER_S", 2)

    async def scene(one: Watched) -> None:
        camera = one.cameras["front-outside"]
        house.board.set_input(FRONT_CONTACT, True)
        (forced,) = await seqs_until(one, ev.PortalForced)
        camera.dead_from_ns = ((await entry(one, forced)).mono_us + 2_000_000) * 1_000
        (clip,) = await kept(one, 1)
        assert clip.count >= 36
        house.board.set_input(FRONT_CONTACT, False)

    play(house, monkeypatch, scene, word=Pictures.ALARMS)


def again(one: Watched, entry: ev.Entry, times: int) -> None:
    """The keeper is told of an entry so many times more."""
    body = ev.decode_body(entry)
    assert body is not None
    fields = {name: getattr(entry, name) for name in ev.Header.__struct_fields__}
    event = Event(header=ev.Header(**fields), body=body)
    one.keeper.committed([Record(entry.seq, encode(event))] * times)


def test_a_camera_that_hangs_holds_no_door_up_and_what_has_no_place_is_told_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Watched) -> None:
        camera = one.cameras["front-outside"]
        camera.hold()
        await badges(one.edge, house, ADA, BOB, ADA)
        await until(one.edge, ev.PortalGranted, 1)
        assert camera.asked == 1
        assert not await bodies(one.edge, PictureKept)
        last = (await decisions(one))[-1]
        again(one, last, PICTURES_WAITING_MAX + 5)
        (lack,) = await missed(one, 1)
        assert (lack.why, lack.camera) == (PictureLack.TOO_BUSY, "front-outside")
        camera.let_go()
        await kept(one, PICTURES_WAITING_MAX)
        assert len(await bodies(one.edge, PictureMissed)) == 1

    play(house, monkeypatch, scene)


def test_what_is_not_kept_is_told_once_and_again_after_something_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Watched) -> None:
        camera = one.cameras["front-outside"]

        async def lacks(why: PictureLack) -> None:
            before, asked = len(await bodies(one.edge, PictureMissed)), camera.asked
            await badges(one.edge, house, BOB, BOB)
            await asks(camera, asked + 2)
            assert (await missed(one, before + 1))[before:][0].why is why

        async def has_it() -> None:
            before = len(await bodies(one.edge, PictureMissed))
            count = len(await bodies(one.edge, PictureKept))
            await badges(one.edge, house, ADA)
            await kept(one, count + 1)
            assert len(await bodies(one.edge, PictureMissed)) == before

        camera.blind = True
        await lacks(PictureLack.NO_FRAME)
        camera.blind = False
        await has_it()

        one.free_bytes = ROOM_BYTES - 1
        await lacks(PictureLack.NO_ROOM)
        one.free_bytes = ROOM_BYTES
        await has_it()

        folder = one.store.index.folder
        folder.rename(folder.with_name("away"))
        await lacks(PictureLack.FAILED)
        folder.with_name("away").rename(folder)
        await has_it()
        camera.blind = True
        await lacks(PictureLack.NO_FRAME)
        assert len(await bodies(one.edge, PictureMissed)) == 4

        one.keeper._room_is_low = lambda: True
        await one.keeper.look()
        (gone,) = await until(one.edge, PicturesErased)
        assert isinstance(gone, PicturesErased)
        assert (gone.why, len(gone.pictures)) == (PictureEnd.NO_ROOM, 3)
        assert one.store.index.totals() == (0, 0)

    play(house, monkeypatch, scene)


async def asks(camera: DrawnCamera, count: int) -> None:
    async with asyncio.timeout(30):
        while camera.asked < count:
            await asyncio.sleep(0.01)


def test_pictures_go_when_their_time_is_over_and_never_by_a_clock_that_nobody_trusts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Watched) -> None:
        now_us = one.edge.daemon.now().utc_us
        store = one.store
        for days, what in ((2, PictureKind.PICTURE), (4, PictureKind.PICTURE)):
            old = wanted(what=what, made_us=now_us - days * 86_400_000_000)
            store.index.recorded(store.keep(old, frames(1)).picture, days)
        clip = wanted(what=PictureKind.CLIP, made_us=now_us - 4 * 86_400_000_000)
        store.index.recorded(store.keep(clip, frames(3)).picture, 9)
        moment = one.edge.daemon.now()
        with monkeypatch.context() as patch:
            untrusted = Moment(moment.mono_us, moment.utc_us, trusted=False)
            patch.setattr(one.edge.daemon, "now", lambda: untrusted)
            await one.keeper.look()
        assert len(store.index.rows()) == 3
        await one.keeper.look()
        (gone,) = await until(one.edge, PicturesErased)
        assert isinstance(gone, PicturesErased)
        assert (gone.why, len(gone.pictures)) == (PictureEnd.TIME_OVER, 1)
        assert [row.seq for row in store.index.rows()] == [2, 9]

    play(house, monkeypatch, scene)


def test_whoever_is_erased_takes_the_pictures_along_and_that_is_on_record_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: dict[str, bytes] = {}

    async def scene(one: Watched) -> None:
        await badges(one.edge, house, ADA, BOB)
        pictures = await kept(one, 2)
        for body in pictures:
            copies[body.picture] = one.store.index.path_of(body.picture).read_bytes()
        told = (await one.edge.desk.report_person("1", "smith")).kept
        assert told is not None
        assert [(one.seq, one.frames) for one in told.pictures] == [
            ((await seqs(one, PictureKept))[0], 1)
        ]
        reply = await one.edge.desk.erase_person(asked(), "smith")
        assert reply.erased, reply
        (gone,) = await bodies(one.edge, PicturesErased)
        assert isinstance(gone, PicturesErased)
        assert (gone.pictures, gone.why) == ((pictures[0].picture,), PictureEnd.PERSON_ERASED)
        assert gone.holder == ADA_ID
        assert one.store.index.of_holder(ADA_ID) == ()
        assert one.frames(pictures[1].picture)

    play(house, monkeypatch, scene)

    async def after() -> None:
        async with at_rest(house) as store:
            hers, his = copies
            store.index.path_of(hers).write_bytes(copies[hers])
            assert store.index.settle(lambda _, __: {}).files == (f"{hers}.sealed",)
            with store.opened(his) as opened:
                assert next(opened.frames()).jpeg.startswith(START)

    asyncio.run(after())


def test_a_picture_that_was_under_way_is_not_kept_of_somebody_who_is_erased(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Watched) -> None:
        camera = one.cameras["front-outside"]
        camera.hold()
        await badges(one.edge, house, ADA)
        await asks(camera, 1)
        reply = await one.edge.desk.erase_person(asked(), "smith")
        assert reply.erased
        camera.let_go()
        await badges(one.edge, house, BOB)
        (picture,) = await kept(one, 1)
        assert picture.holders == (BOB_ID,)
        assert one.store.index.totals()[0] == 1
        assert len(list(one.store.index.folder.iterdir())) == 1

    play(house, monkeypatch, scene)


def test_an_erasure_that_was_cut_off_is_carried_out_by_the_next_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(one: Watched) -> None:
        await badges(one.edge, house, ADA)
        await kept(one, 1)
        with monkeypatch.context() as patch:
            patch.setattr(PictureIndex, "erase", failing)
            reply = await one.edge.desk.erase_person(asked(), "smith")
            assert (reply.erased, reply.kept) == (False, True), reply
        one.edge.daemon.stop()

    async def after(one: Watched) -> None:
        async with asyncio.timeout(30):
            while one.store.index.of_holder(ADA_ID):
                await asyncio.sleep(0.01)
        assert list(one.store.index.folder.iterdir()) == []

    play(house, monkeypatch, cut)
    play(house, monkeypatch, after)


def failing(*_: object, **__: object) -> None:
    from edge.pictures.errors import PicturesError

    raise PicturesError("the disk has failed; mend it")


def test_a_start_keeps_what_the_journal_has_and_removes_what_it_does_not_know(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[str] = []

    async def first(one: Watched) -> None:
        monkeypatch.setattr(PictureIndex, "recorded", lambda *_: None)
        await badges(one.edge, house, ADA)
        known.append((await kept(one, 1))[0].picture)
        journal = one.edge.daemon.writer
        orphan = wanted(behind=(journal.incarnation, journal.last_seq))
        one.store.keep(orphan, frames(1))
        monkeypatch.undo()
        monkeypatch.setattr(keeper, "AFTER_S", 1)

    async def second(one: Watched) -> None:
        async with asyncio.timeout(30):
            while len(list(one.store.index.folder.iterdir())) > 1:
                await asyncio.sleep(0.01)
        assert [row.id for row in one.store.index.rows()] == known

    play(house, monkeypatch, first)
    play(house, monkeypatch, second)


@pytest.mark.parametrize("cut_off", [False, True], ids=["at once", "after a cut"])
def test_whoever_is_erased_where_no_daemon_runs_takes_the_pictures_along(
    house: House, monkeypatch: pytest.MonkeyPatch, cut_off: bool
) -> None:
    async def scene(one: Watched) -> None:
        await badges(one.edge, house, ADA, BOB)
        await kept(one, 2)

    play(house, monkeypatch, scene)
    command = ["1", "--reason", "asked for", "--config", str(house.folder / "site.toml")]
    command += ["--even-inside"]
    if cut_off:
        with monkeypatch.context() as patch:
            patch.setattr(PictureIndex, "erase", failing)
            failed = CliRunner().invoke(erase_command, command)
        assert isinstance(failed.exception, SystemExit | Exception)
        assert "the disk has failed" in failed.output

        async def after(one: Watched) -> None:
            async with asyncio.timeout(30):
                while one.store.index.of_holder(ADA_ID):
                    await asyncio.sleep(0.01)

        play(house, monkeypatch, after)
    else:
        done = CliRunner().invoke(erase_command, command)
        assert done.exit_code == 0, done.output
    found = list(entries_of(house))
    (erased,) = {body.holder for body in found if isinstance(body, PicturesErased)}
    assert erased == ADA_ID
    kinds = [type(body) for body in found]
    assert kinds.index(ev.PersonErased) < kinds.index(PicturesErased)

    async def rest() -> None:
        async with at_rest(house) as store:
            assert store.index.of_holder(ADA_ID) == ()
            assert len(store.index.of_holder(BOB_ID)) == 1

    asyncio.run(rest())


def entries_of(house: House) -> Iterator[ev.Body]:
    for one in stored(house):
        body = ev.decode_body(ev.decode_entry(one.entry))
        assert body is not None
        yield body
