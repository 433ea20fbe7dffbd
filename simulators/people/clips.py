"""Moves drawn once and kept as files: a frame takes some 0.1 s to draw, and 0.1 ms to read.

A clip's name is the SHA-256 of everything that its pictures depend on: scene, move, background,
the code that draws, and the libraries under it. So a stale clip is never found, and nothing has to
be told when the code changes.
"""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

import cv2
import msgspec
import numpy as np

from simulators.people.canvas import Image
from simulators.people.moves import Move
from simulators.people.scenes import Scene, frames

BYTES_MAX = 256_000_000
"""Some 250 clips of two seconds at 640x480."""

JPEG_QUALITY = 92
"""As a good camera's: the detector's answers do not change by it."""

SUFFIX = ".clip"


class Clip(msgspec.Struct, frozen=True):
    """The frames of one move, each a JPEG picture, to be shown `fps` to the second."""

    fps: float
    jpegs: tuple[bytes, ...]

    def frame(self, number: int) -> Image:
        """One frame decoded; numbers go on from the beginning."""
        data = np.frombuffer(self.jpegs[number % len(self.jpegs)], np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


class Clips:
    """A folder of clips, of at most `bytes_max`: what was not used for longest goes first.

    Several processes may share one. Whatever is wrong with a file, the clip is drawn again.
    """

    def __init__(self, folder: Path, bytes_max: int = BYTES_MAX) -> None:
        self._folder, self._bytes_max = folder, bytes_max
        self.drawn = 0
        """How many clips had to be drawn."""

    def clip(self, scene: Scene, move: Move, background: Image | None = None) -> Clip:
        """The clip, drawn if nobody drew it before. OSError: it cannot be kept."""
        path = self._folder / (key(scene, move, background) + SUFFIX)
        kept = _read(path)
        if kept is not None:
            return kept
        self.drawn += 1
        clip = Clip(scene.fps, tuple(as_jpeg(each) for each in frames(scene, move, background)))
        self._keep(path, msgspec.msgpack.encode(clip))
        return clip

    def _keep(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Under such a name what a killed process left behind is pruned as well.
        number, name = tempfile.mkstemp(SUFFIX, dir=self._folder)
        try:
            os.close(number)
            Path(name).write_bytes(data)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        self._prune(path)

    def _prune(self, newest: Path) -> None:
        """Down to what is allowed, but for the clip that was just drawn."""
        ages = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            try:
                found = path.stat()
            except FileNotFoundError:  # another process pruned as well
                continue
            ages.append((found.st_mtime_ns, found.st_size, path))
        size = sum(each for _, each, _ in ages)
        for _, each, path in sorted(ages):
            if size <= self._bytes_max:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                size -= each


def as_jpeg(image: Image) -> bytes:
    """A picture as a camera would send it."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)


def key(scene: Scene, move: Move, background: Image | None) -> str:
    """The name of a clip."""
    behind = b"" if background is None else hashlib.sha256(background.tobytes()).digest()
    said = msgspec.msgpack.encode((_drawing(), scene, move, behind, JPEG_QUALITY))
    return hashlib.sha256(said).hexdigest()


@cache
def _drawing() -> str:
    """What draws: the code of this package, and the libraries."""
    found = hashlib.sha256(f"{cv2.__version__} {np.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _read(path: Path) -> Clip | None:
    """A clip that is there and whole; its use is noted."""
    try:
        clip = msgspec.msgpack.decode(path.read_bytes(), type=Clip)
        os.utime(path)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return clip
