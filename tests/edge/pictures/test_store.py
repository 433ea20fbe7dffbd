"""Pictures at rest: sealed, each under a key of its own, gone with it, whatever is cut off."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from controller.events_pictures import PictureKept, PictureKind
from controller.ids import HolderId
from edge.pictures import store as store_module
from edge.pictures.errors import (
    PictureDamagedError,
    PictureKeyError,
    PictureMissingError,
    PicturesError,
)
from edge.pictures.frame import Frame
from edge.pictures.index import FILE, PictureIndex
from edge.pictures.key import KEY_FILE, PictureKey, picture_key
from edge.pictures.store import PictureStore
from tests.edge.pictures.drawn import PIXELS, START, frames, jpeg, wanted

KEY = PictureKey(bytes(range(32)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PictureStore]:
    with PictureIndex.open(tmp_path) as index:
        yield PictureStore(index, KEY, "house", "gate")


def all_of(store: PictureStore, picture: str) -> list[Frame]:
    with store.opened(picture) as opened:
        return list(opened.frames())


def kept(store: PictureStore, seq: int = 8, count: int = 1, **changed: object) -> PictureKept:
    """Kept and recorded."""
    one = store.keep(wanted(**changed), frames(count))
    store.index.recorded(one.picture, seq)
    return one


def nothing(_: str, __: int) -> Mapping[str, int]:
    return {}


def test_what_is_kept_comes_back_frame_for_frame(store: PictureStore) -> None:
    clip = kept(store, count=40, what=PictureKind.CLIP)
    assert all_of(store, clip.picture) == frames(40)
    with store.opened(clip.picture) as opened:
        assert (opened.head.camera, opened.head.about) == ("front-outside", (7,))
    assert store.index.digest_of(clip.picture) == (clip.sealed_bytes, clip.sha256)
    assert (clip.count, clip.until_us - clip.from_us) == (40, 39 * 250_000)


def test_no_file_says_anything_of_a_picture_and_nobody_else_may_read_them(
    store: PictureStore, tmp_path: Path
) -> None:
    one = kept(store, count=3)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for told in (START, b"JFIF", PIXELS, b"\xff\xd8\xff", KEY.secret):
                assert told not in data, (path, told)
            assert path.stat().st_mode & 0o077 == 0
    assert jpeg(0).startswith(START)
    assert (tmp_path / "pictures").stat().st_mode & 0o077 == 0
    assert KEY.secret.hex() not in repr(store.index.row(one.picture)) + repr(KEY)


def test_another_key_opens_nothing(store: PictureStore) -> None:
    one = kept(store)
    other = PictureStore(store.index, PictureKey(bytes(range(1, 33))), "house", "gate")
    with pytest.raises(PictureDamagedError, match="kept under"):
        all_of(other, one.picture)


def test_a_bit_that_is_turned_anywhere_is_found(store: PictureStore) -> None:
    one = store.keep(wanted(), [Frame(utc_us=1, width=1, height=1, jpeg=jpeg(1, kilobytes=0))])
    path = store.index.path_of(one.picture)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(PictureDamagedError):
            all_of(store, one.picture)
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(PictureDamagedError):
            all_of(store, one.picture)
    path.write_bytes(whole + b"\x00")
    with pytest.raises(PictureDamagedError):
        all_of(store, one.picture)
    path.write_bytes(whole)
    assert all_of(store, one.picture)


def test_frames_of_a_clip_cannot_be_moved_or_left_out(store: PictureStore) -> None:
    one = store.keep(wanted(), frames(3))
    path = store.index.path_of(one.picture)
    whole = path.read_bytes()
    places, at = [], 8 + 24
    while at < len(whole):
        length = 4 + int.from_bytes(whole[at : at + 4], "big")
        places.append(whole[at : at + length])
        at += length
    head, first, second, third = places
    for order in ((head, second, first, third), (head, first, third), (head, first, second)):
        path.write_bytes(whole[: 8 + 24] + b"".join(order))
        with pytest.raises(PictureDamagedError):
            all_of(store, one.picture)


def test_one_file_in_anothers_place_does_not_open(store: PictureStore) -> None:
    one, two = kept(store), kept(store, 9)
    shutil.copy(store.index.path_of(two.picture), store.index.path_of(one.picture))
    with pytest.raises(PictureDamagedError):
        all_of(store, one.picture)
    row = replace(store.index.row(two.picture), id=one.picture)
    with sqlite3.connect(store.index.folder.parent / FILE) as connection:
        connection.execute("UPDATE picture SET wrapped = ? WHERE id = ?", [row.wrapped, row.id])
    with pytest.raises(PictureDamagedError):
        all_of(store, one.picture)


def test_whoever_is_erased_takes_every_picture_along_copies_of_files_included(
    store: PictureStore, tmp_path: Path
) -> None:
    hers = kept(store, holders=(HolderId("h1"), HolderId("h2")))
    others = kept(store, 9, holders=(HolderId("h2"),))
    copy = tmp_path / "copy"
    shutil.copy(store.index.path_of(hers.picture), copy)
    closed = store.index.row(hers.picture).wrapped
    assert closed in (tmp_path / FILE).read_bytes(), "the look at the file finds what is there"

    assert store.index.of_holder(HolderId("h1")) == (hers.picture,)
    store.index.erase(store.index.of_holder(HolderId("h1")))

    assert closed not in (tmp_path / FILE).read_bytes()
    assert closed[:24] not in (tmp_path / FILE).read_bytes()
    assert not store.index.path_of(hers.picture).exists()
    shutil.copy(copy, store.index.path_of(hers.picture))
    with pytest.raises(PictureMissingError):
        all_of(store, hers.picture)
    assert store.index.settle(nothing).files == (f"{hers.picture}.sealed",)
    assert all_of(store, others.picture) == frames(1)
    store.index.erase([hers.picture])  # once more does no harm


class Cut(Exception):  # noqa: N818  # no error of ours: the power
    """The power goes."""


def cut_in(monkeypatch: pytest.MonkeyPatch, where: object, name: str, *, after: bool) -> None:
    """`where.name` is never reached, or does its work and nothing follows."""
    real = getattr(where, name)

    def instead(*args: object, **named: object) -> object:
        if after:
            real(*args, **named)
        raise Cut

    monkeypatch.setattr(where, name, instead)


KEEP_STEPS: tuple[tuple[object, str], ...] = (
    (store_module, "seal"),
    (store_module, "wrapped"),
    (PictureIndex, "stage"),
    (Path, "rename"),
    (PictureIndex, "_sync"),
)


@pytest.mark.parametrize("after", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize(("where", "name"), KEEP_STEPS, ids=[name for _, name in KEEP_STEPS])
def test_a_cut_while_keeping_leaves_an_orphan_that_the_next_start_removes(
    tmp_path: Path, where: object, name: str, after: bool
) -> None:
    with PictureIndex.open(tmp_path) as index, pytest.MonkeyPatch.context() as patch:
        before = kept(PictureStore(index, KEY, "house", "gate"))
        cut_in(patch, where, name, after=after)
        with pytest.raises(Cut):
            PictureStore(index, KEY, "house", "gate").keep(wanted(), frames(2))
    with PictureIndex.open(tmp_path) as index:
        found = index.settle(nothing)
        names = {path.name for path in index.folder.iterdir()}
        assert names == {f"{before.picture}.sealed"}
        assert index.totals()[0] == 1
        assert found.rows or found.files or (name, after) == ("seal", False)
        again = index.settle(nothing)
        assert (again.rows, again.files) == ((), ())
        assert all_of(PictureStore(index, KEY, "house", "gate"), before.picture) == frames(1)


def test_what_the_journal_has_is_kept_though_nobody_could_say_so_here(tmp_path: Path) -> None:
    with PictureIndex.open(tmp_path) as index:
        store = PictureStore(index, KEY, "house", "gate")
        one, two = store.keep(wanted(), frames(1)), store.keep(wanted(), frames(1))
        other = store.keep(wanted(behind=("cd" * 8, 3)), frames(1))
    asked: list[tuple[str, int]] = []

    def known(incarnation: str, behind: int) -> Mapping[str, int]:
        asked.append((incarnation, behind))
        return {one.picture: 9} if incarnation == "ab" * 8 else {}

    with PictureIndex.open(tmp_path) as index:
        assert set(index.settle(known).rows) == {two.picture, other.picture}
        assert set(asked) == {("ab" * 8, 7), ("cd" * 8, 3)}
        assert [row.seq for row in index.rows()] == [9]
        assert all_of(PictureStore(index, KEY, "house", "gate"), one.picture)


ERASE_STEPS: tuple[tuple[object, str], ...] = ((Path, "unlink"), (PictureIndex, "_sync"))


@pytest.mark.parametrize("after", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize(("where", "name"), ERASE_STEPS, ids=[name for _, name in ERASE_STEPS])
def test_a_cut_while_erasing_leaves_a_file_that_nobody_opens(
    tmp_path: Path, where: object, name: str, after: bool
) -> None:
    with PictureIndex.open(tmp_path) as index, pytest.MonkeyPatch.context() as patch:
        store = PictureStore(index, KEY, "house", "gate")
        gone, stays = kept(store), kept(store, 9)
        cut_in(patch, where, name, after=after)
        with pytest.raises(Cut):
            index.erase([gone.picture])
        with pytest.raises(PictureMissingError):
            all_of(store, gone.picture)
    with PictureIndex.open(tmp_path) as index:
        index.settle(nothing)
        assert [path.stem for path in index.folder.iterdir()] == [stays.picture]
        assert [row.id for row in index.rows()] == [stays.picture]


def test_a_disk_without_room_keeps_nothing_and_says_so(
    store: PictureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PicturesError, match="No space left"):
        store.keep(wanted(), frames(1))
    monkeypatch.setattr(os, "fsync", real)
    assert list(store.index.folder.iterdir()) == []
    assert store.index.totals() == (0, 0)


def test_looks_by_time_portal_and_entry(store: PictureStore) -> None:
    first = kept(store, 8, made_us=100)
    clip = kept(store, 11, 4, made_us=200, what=PictureKind.CLIP, about=(9, 10), portal="gate")
    index = store.index
    assert index.past(PictureKind.PICTURE, 101) == (first.picture,)
    assert index.past(PictureKind.PICTURE, 100) == index.past(PictureKind.CLIP, 200) == ()
    assert index.oldest(1) == (first.picture,)
    assert [row.id for row in index.rows(portal="gate")] == [clip.picture]
    assert [row.id for row in index.rows(about=10)] == [clip.picture]
    assert [row.id for row in index.rows(after=8)] == [clip.picture]
    assert [row.id for row in index.rows(since_us=clip.until_us)] == [clip.picture]
    assert index.totals() == (2, first.sealed_bytes + clip.sealed_bytes)


def test_keys_of_somebody_who_is_erased_leave_no_copy_in_pages_that_were_divided(
    store: PictureStore, tmp_path: Path
) -> None:
    """Copies that SQLite leaves are rare: one is put where it would leave it."""
    hers = kept(store)
    closed = store.index.row(hers.picture).wrapped
    with store.index._writing() as database:
        database.execute("CREATE TABLE divided (copy BLOB)")
        database.execute("INSERT INTO divided VALUES (?)", [closed])
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("DROP TABLE divided")
        database.execute("PRAGMA secure_delete = ON")
    store.index.erase([hers.picture])
    assert closed in (tmp_path / FILE).read_bytes(), "as a page would have it that was divided"
    store.index.erase([hers.picture], anew=True)
    assert closed not in (tmp_path / FILE).read_bytes()
    assert kept(store, 9)


def opened_again(folder: Path) -> None:
    PictureIndex.open(folder).close()


def stranger(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("PRAGMA application_id = 1")
    connection.close()
    opened_again(folder)


def newer(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('pictures', '0099_of_later', '')"
        )
    connection.close()
    opened_again(folder)


def readable(folder: Path) -> None:
    (folder / FILE).chmod(0o640)
    opened_again(folder)


def garbage(folder: Path) -> None:
    (folder / FILE).write_bytes(b"no database at all " * 500)
    opened_again(folder)


def taken(folder: Path) -> None:
    with PictureIndex.open(folder):
        opened_again(folder)


@pytest.mark.parametrize("wrong", [stranger, newer, readable, garbage, taken])
def test_a_file_of_keys_that_is_not_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, wrong: Callable[[Path], None]
) -> None:
    opened_again(tmp_path)
    with pytest.raises(PicturesError, match="; "):
        wrong(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    if wrong is not taken:
        with pytest.raises(PicturesError):
            opened_again(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_key_is_made_where_none_is_named_and_never_where_one_is(tmp_path: Path) -> None:
    own = picture_key(tmp_path, None)
    assert picture_key(tmp_path, None).id == own.id
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(PictureKeyError, match="make one with"):
        picture_key(tmp_path, tmp_path / "elsewhere.key")
    assert not (tmp_path / "elsewhere.key").exists()
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(PictureKeyError, match="chmod 600"):
        picture_key(tmp_path, None)
    for secret in (b"", bytes(31), bytes(32), bytes(range(33))):
        with pytest.raises(PictureKeyError):
            PictureKey(secret)
