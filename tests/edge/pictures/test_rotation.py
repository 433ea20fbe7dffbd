"""The picture key is rotated: everything opens under the new one, and nothing under the former."""

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.events_pictures import PictureId
from edge.pictures.errors import PictureDamagedError, PictureKeyError
from edge.pictures.index import FILE, PictureIndex
from edge.pictures.key import KEY_FILE, PictureKey, picture_key
from edge.pictures.rotation import key_in_use, rewrapped
from edge.pictures.sealed import unwrapped, wrapped
from edge.pictures.store import PictureStore
from tests.edge.pictures.test_store import KEY, all_of, kept

NEXT = PictureKey(bytes(range(1, 33)))
STRANGE = PictureKey(bytes(range(2, 34)))
COUNT = 40


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PictureIndex]:
    with PictureIndex.open(tmp_path) as opened:
        yield opened


def filled(index: PictureIndex, key: PictureKey = KEY) -> list[PictureId]:
    store = PictureStore(index, key, "house", "gate")
    return [kept(store).picture for _ in range(COUNT)]


def opens(index: PictureIndex, key: PictureKey, picture: PictureId) -> bool:
    try:
        return bool(all_of(PictureStore(index, key, "house", "gate"), picture))
    except PictureDamagedError:
        return False


def test_all_open_under_the_new_key_and_none_under_the_former(
    index: PictureIndex, tmp_path: Path
) -> None:
    pictures, others = filled(index), filled(index, STRANGE)
    old = [row.wrapped for row in index.everything() if row.key == KEY.id]
    files = {path.name: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    assert rewrapped(index, NEXT, KEY) == COUNT
    assert all(opens(index, NEXT, one) and not opens(index, KEY, one) for one in pictures)
    assert all(opens(index, STRANGE, one) for one in others), "no key of ours: as they were"
    assert {row.key for row in index.everything()} == {NEXT.id, STRANGE.id}
    raw = (tmp_path / FILE).read_bytes()
    assert not any(one in raw for one in old), "who has the file and the former key opens nothing"
    left = {path.name: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    assert left == files, "no picture was touched"
    assert rewrapped(index, NEXT, KEY) == 0, "once more without harm"


@pytest.mark.parametrize("at", [0, 1, COUNT // 2, COUNT - 1, COUNT])
def test_a_cut_in_the_middle_leaves_all_under_one_key(
    index: PictureIndex, tmp_path: Path, at: int
) -> None:
    """What lies on the disk at that moment is what a power cut leaves."""
    pictures = filled(index)
    copy, rows = tmp_path / "cut", index.under(KEY.id)

    def cutting() -> Iterator[tuple[PictureId, bytes]]:
        for row in rows[:at]:
            yield row.id, wrapped(NEXT, row.id, unwrapped(KEY, row.id, row.wrapped))
        copy.mkdir()
        for name in (FILE, f"{FILE}-journal"):
            if (tmp_path / name).exists():
                shutil.copyfile(tmp_path / name, copy / name)
                (copy / name).chmod(0o600)
        shutil.copytree(tmp_path / "pictures", copy / "pictures")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.rewrap(cutting(), NEXT.id)
    assert all(opens(index, KEY, one) for one in pictures), "and so for who goes on"
    with PictureIndex.open(copy) as found:
        assert {row.key for row in found.everything()} == {KEY.id}
        assert rewrapped(found, NEXT, KEY) == COUNT
        assert all(opens(found, NEXT, one) for one in pictures)


def test_the_site_file_names_both(
    index: PictureIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    own = key_in_use(index, tmp_path, None, None)
    assert own.id == picture_key(tmp_path, None).id
    pictures = filled(index, own)
    former, new = tmp_path / "former.key", tmp_path / "new.key"
    shutil.copyfile(tmp_path / KEY_FILE, former)
    new.write_bytes(os.urandom(32))
    for one in (former, new):
        one.chmod(0o600)
    key = key_in_use(index, tmp_path, new, former)
    assert all(opens(index, key, one) for one in pictures)
    assert f"{COUNT} pictures lie under the new picture key" in caplog.text
    # The line was left in the site file, and the former key destroyed.
    former.unlink()
    assert key_in_use(index, tmp_path, new, former).id == key.id
    assert "stay shut" in caplog.text
    with pytest.raises(PictureKeyError):
        key_in_use(index, tmp_path, tmp_path / "none.key", new)
