"""Frames between processes: the newest wins, none is torn, nobody waits."""

import fcntl
import os
import subprocess
import sys

import numpy as np
import pytest

from drivers import frames
from drivers.frames import FrameReader, FrameSizeError, FrameWriter, new_memory
from tests.tidy.repository import ROOT


@pytest.fixture
def memory():
    made = new_memory("gate")
    yield made
    os.close(made)


def plain(value: int, width: int = 64, height: int = 48):
    return np.full((height, width, 3), value, np.uint8)


def test_there_is_nothing_before_the_first(memory):
    assert FrameReader(memory).newest() is None


def test_the_newest_wins(memory):
    writer, reader = FrameWriter(memory), FrameReader(memory)
    for number in range(1, 8):
        assert writer.put(plain(number), number * 10) == number
    frame = reader.newest()
    assert (frame.number, frame.at_ns) == (7, 70)
    assert (frame.image == plain(7)).all()
    assert reader.newest(after=7) is None
    writer.put(plain(8, 32, 100), 80)
    assert reader.newest(after=7).image.shape == (100, 32, 3)


def test_a_frame_is_the_readers_own(memory):
    writer, reader = FrameWriter(memory), FrameReader(memory)
    writer.put(plain(1), 1)
    frame = reader.newest()
    for number in range(2, 9):
        writer.put(plain(number), number)
    assert (frame.image == 1).all()
    frame.image[:] = 9


def test_what_does_not_lie_in_one_piece_is_taken_as_it_looks(memory):
    image = np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3)
    FrameWriter(memory).put(image[:, ::-1], 1)
    assert (FrameReader(memory).newest().image == image[:, ::-1]).all()


@pytest.mark.parametrize(
    "shape", [(0, 10, 3), (10, 0, 3), (1081, 1920, 3), (1080, 1921, 3), (10, 10, 1), (1921, 10, 3)]
)
def test_a_size_that_does_not_fit_is_refused(memory, shape):
    with pytest.raises(FrameSizeError):
        FrameWriter(memory).put(np.zeros(shape, np.uint8), 1)
    assert FrameReader(memory).newest() is None


def test_the_largest_fits_lying_and_standing(memory):
    writer, reader = FrameWriter(memory), FrameReader(memory)
    for shape in ((1080, 1920, 3), (1920, 1080, 3)):
        writer.put(np.full(shape, 200, np.uint8), 1)
        assert reader.newest().image.shape == shape


def test_numbers_go_on_over_a_writer_that_was_killed_in_the_middle(memory):
    writer, reader = FrameWriter(memory), FrameReader(memory)
    writer.put(plain(1), 1)
    half = frames._slot_at(2)
    frames._SLOT.pack_into(writer._map, half, 1, 2, 2, 64, 48)  # odd: and then it died
    assert reader.newest().number == 1
    assert FrameWriter(memory).put(plain(2), 2) == 2
    assert (reader.newest().image == 2).all()


@pytest.mark.parametrize("size", [(2**31, 2**31), (0, 7), (1920, 1921)])
def test_a_size_that_was_made_up_in_the_memory_is_not_believed(memory, size):
    writer = FrameWriter(memory)
    writer.put(plain(1), 1)
    frames._SLOT.pack_into(writer._map, frames._slot_at(1), 2, 1, 1, *size)
    assert FrameReader(memory).newest() is None


def test_the_memory_cannot_be_cut_short_under_a_reader(memory):
    with pytest.raises(PermissionError):
        os.ftruncate(memory, 10)
    assert fcntl.fcntl(memory, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK


def test_a_descriptor_of_something_else_is_refused(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(bytes(frames.MEMORY_BYTES))
    for content in (bytes(frames.MEMORY_BYTES), b"short"):
        other.write_bytes(content)
        with other.open("r+b") as file, pytest.raises(ValueError, match="no memory of a camera"):
            FrameReader(file.fileno())


def test_a_reader_cannot_write(memory):
    with pytest.raises(TypeError):
        FrameReader(memory)._map[0:1] = b"x"


WRITER = """
import itertools, sys
import numpy as np
from drivers.frames import FrameWriter
writer = FrameWriter(int(sys.argv[1]))
for number in itertools.count(1):
    writer.put(np.full((480, 640, 3), number % 251, np.uint8), number)
"""


def test_no_frame_is_torn_while_another_process_writes_as_fast_as_it_can(memory):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(memory)],
        pass_fds=[memory],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    reader, seen, after = FrameReader(memory), 0, 0
    try:
        while seen < 120 and process.poll() is None:
            frame = reader.newest(after)
            if frame is None:
                continue
            assert frame.number > after
            assert (frame.image == frame.number % 251).all()
            seen, after = seen + 1, frame.number
    finally:
        process.kill()
        process.wait()
    assert seen == 120


def test_making_a_memory_imports_nothing_heavy():
    code = (
        "import sys\nfrom drivers.frames import new_memory\nnew_memory('a')\n"
        "assert 'numpy' not in sys.modules and 'cv2' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
