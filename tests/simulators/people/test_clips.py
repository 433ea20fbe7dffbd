"""Clips are drawn once, found again, bounded, and never another's."""

import os

import cv2
import msgspec
import numpy as np
import pytest

from simulators.people import clips
from simulators.people.clips import SUFFIX, Clips, key
from simulators.people.layers import Light
from simulators.people.moves import Move
from simulators.people.portrait import Lens, wall
from simulators.people.scenes import How, Scene, frames, length
from simulators.people.traits import Glasses

TINY = Scene(identity=17, frame=(96, 72), size_px=30.0, fps=1.0)


def test_a_clip_is_drawn_once_and_shows_the_frames(tmp_path):
    store = Clips(tmp_path)
    clip = store.clip(TINY, Move.COMES)
    drawn = list(frames(TINY, Move.COMES))
    assert len(clip.jpegs) == len(drawn) == length(TINY, Move.COMES)
    for number, image in enumerate(drawn):
        assert np.abs(clip.frame(number).astype(int) - image).mean() < 6
    other = Clips(tmp_path)
    assert other.clip(TINY, Move.COMES) == clip
    assert (store.drawn, other.drawn) == (1, 0)


CHANGED = {
    "identity": 34,
    "how": How.FROZEN,
    "bend_deg": 30.0,
    "recorded": (Move.LEFT,),
    "companion": 34,
    "glasses": Glasses.ROUND,
    "fps": 3.0,
    "frame": (96, 73),
    "size_px": 31.0,
    "light": Light(gain=0.9),
    "lens": Lens(noise=4),
    "seed": 1,
}


def test_everything_that_matters_is_in_a_clips_name():
    assert CHANGED.keys() == set(Scene.__struct_fields__)
    keys = {key(TINY, Move.COMES, None), key(TINY, Move.GOES, None)}
    keys.add(key(TINY, Move.COMES, wall(1, (96, 72))))
    keys.add(key(TINY, Move.COMES, wall(2, (96, 72))))
    before = {name: getattr(TINY, name) for name in Scene.__struct_fields__}
    for name, value in CHANGED.items():
        keys.add(key(Scene(**{**before, name: value}), Move.COMES, None))
    assert len(keys) == 4 + len(CHANGED)


def test_a_clip_of_other_code_is_not_found(tmp_path, monkeypatch):
    store = Clips(tmp_path)
    store.clip(TINY, Move.AWAY)
    monkeypatch.setattr(cv2, "__version__", "other")
    clips._drawing.cache_clear()
    try:
        store.clip(TINY, Move.AWAY)
    finally:
        clips._drawing.cache_clear()
    assert store.drawn == 2


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x92\x02\x93bad", b"\x92\xcb" + bytes(9)])
def test_a_broken_file_is_drawn_again(tmp_path, content):
    store = Clips(tmp_path)
    clip = store.clip(TINY, Move.AWAY)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert store.clip(TINY, Move.AWAY) == clip
    assert store.drawn == 2
    assert Clips(tmp_path).clip(TINY, Move.AWAY) == clip


def test_the_folder_is_bounded_and_what_was_used_last_stays(tmp_path):
    store = Clips(tmp_path)
    store.clip(TINY, Move.AWAY)
    store.clip(TINY, Move.COMES)
    away, coming = (tmp_path / (key(TINY, move, None) + SUFFIX) for move in list(Move)[:2])
    abandoned = tmp_path / f"part{SUFFIX}"
    abandoned.write_bytes(bytes(50_000))
    for age, path in enumerate((abandoned, away, coming)):
        os.utime(path, ns=(age, age))
    assert store.clip(TINY, Move.AWAY)  # used, so that the one that comes is the oldest now
    turning = len(msgspec.msgpack.encode(store.clip(TINY, Move.LEFT)))
    (tmp_path / (key(TINY, Move.LEFT, None) + SUFFIX)).unlink()
    Clips(tmp_path, away.stat().st_size + turning).clip(TINY, Move.LEFT)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {away.name, key(TINY, Move.LEFT, None) + SUFFIX}


def test_what_does_not_fit_alone_is_shown_all_the_same(tmp_path):
    assert Clips(tmp_path, 1).clip(TINY, Move.AWAY).jpegs
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Clips(tmp_path / "file").clip(TINY, Move.AWAY)
