"""The converted network is dlib's, or dlib's own does the work."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from drivers.faces import network
from drivers.faces.dlib_weights import read_weights
from drivers.faces.model_files import RECOGNITION, model_file
from drivers.faces.recognition import (
    DIFFERENCE_MOST,
    DlibRecogniser,
    OpencvRecogniser,
    Recognition,
    check_faces,
    open_recognition,
    prove,
)

SOURCE = model_file(RECOGNITION)


@pytest.fixture
def kept(recognition: Recognition, tmp_path: Path) -> Path:
    """A folder in which the network was kept, and the file."""
    assert recognition.network is not None
    network.converted(SOURCE, tmp_path)
    (path,) = tmp_path.iterdir()
    return path


def other_weights(converted: bytes) -> bytes:
    """One weight of the last layer is another, which every vector shows."""
    weight = read_weights(SOURCE.read_bytes()).projection[:1].tobytes()
    assert converted.count(weight) == 1
    return converted.replace(weight, np.frombuffer(weight, "<f4").__mul__(1.01).tobytes())


def test_the_vectors_are_dlibs(recognition: Recognition):
    """On faces that it was not checked with, and on noise."""
    assert recognition.network is not None, recognition.about
    random = np.random.default_rng(1)
    chips = [face[:, ::-1] for face in check_faces()[:1]]
    chips.append(random.integers(0, 256, chips[0].shape, np.uint8))
    ours = OpencvRecogniser(recognition.network).vectors(chips)
    assert ours.shape == (2, 128)
    assert np.abs(ours - DlibRecogniser().vectors(chips)).max() <= DIFFERENCE_MOST


def test_a_kept_network_is_taken_as_it_is(recognition: Recognition, kept: Path):
    before = kept.stat()
    assert network.converted(SOURCE, kept.parent) == recognition.network
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert kept.stat().st_mode & 0o077 == 0 or kept.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        lambda data: b"x" + data[1:],
    ],
    ids=["half", "flipped", "head"],
)
def test_a_damaged_one_is_made_anew(recognition: Recognition, kept: Path, damage):
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert network.converted(SOURCE, kept.parent) == recognition.network
    assert kept.read_bytes() == whole
    assert [path.name for path in kept.parent.iterdir()] == [kept.name], "nothing is left beside"


def test_a_network_of_another_source_is_not_taken(kept: Path, tmp_path: Path):
    source = tmp_path / "other.dat"
    source.write_bytes(SOURCE.read_bytes() + b"another release")
    network.converted(source, kept.parent)
    assert len(list(kept.parent.glob("network-*.bin"))) == 2


def test_a_folder_that_cannot_be_written_to_costs_time_alone(
    recognition: Recognition, tmp_path: Path
):
    taken = tmp_path / "a file"
    taken.write_text("")
    assert network.converted(SOURCE, taken) == recognition.network


def test_what_gives_other_vectors_is_found_and_dlib_does_the_work(
    recognition: Recognition, kept: Path
):
    """Kept with the right digests, as somebody who may write there could."""
    assert recognition.network is not None
    assert prove(recognition.network) is None
    false = other_weights(recognition.network)
    head = network.FORMAT + hashlib.sha256(SOURCE.read_bytes()).digest()
    kept.write_bytes(head + hashlib.sha256(false).digest() + false)
    opened = open_recognition(kept.parent)
    assert opened.network is None
    assert "other vectors" in opened.about
    vectors = opened.recogniser().vectors(check_faces())
    assert np.array_equal(vectors, DlibRecogniser().vectors(check_faces()))


def test_what_opencv_cannot_run_is_told():
    assert prove(b"no network") == "OpenCV cannot run the converted network"


def test_what_is_no_network_of_dlib_is_refused():
    whole = SOURCE.read_bytes()
    for data in (b"", b"\x01\x05con_4", whole[: len(whole) // 2], bytes(1000)):
        with pytest.raises(ValueError, match=r"ends inside|not dlib's|another version|size"):
            read_weights(data)
