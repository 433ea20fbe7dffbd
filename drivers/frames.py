"""Frames between processes: a memory per camera, in which the newest picture stands.

The edge makes the memory with `new_memory`, which needs the standard library alone, and hands its
descriptor to the camera's process, which writes, and to whoever compares, who reads. It holds a few
slots that are written in turn. Each is guarded by a sequence number, odd while it is written (a
seqlock): a reader copies, looks at the number again, and takes nothing that was written over in the
meantime. Nobody waits for anybody, and a process that dies in the middle of a frame leaves the one
before. Whatever stands in the memory counts as made up by somebody: sizes are looked at before they
are believed, and the memory itself is sealed against being cut short.
"""

import fcntl
import mmap
import os
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    """(height, width, 3) in blue, green, red."""

CHANNELS = 3
LONG_SIDE_MAX, SHORT_SIDE_MAX = 1920, 1080
"""Full HD, lying or standing: a face that is compared has 100 to 300 pixels (face.md, section 2),
and four cameras' memories stay below 80 MB."""

FRAME_BYTES_MAX = LONG_SIDE_MAX * SHORT_SIDE_MAX * CHANNELS

SLOTS = 3
"""One being read, one that is newest, one being written."""

TRIES_MAX = 8
"""A reader that was overtaken so often in one call is too slow for its camera: it gets none."""

_MAGIC = b"SPFRAME1"
_HEAD = struct.Struct("<8sQ")
"""The mark, and the number of the newest whole frame; 0 before the first."""
_SLOT = struct.Struct("<QQqII")
"""Sequence, number, time in nanoseconds, width, height."""
_HEAD_BYTES = _SLOT_HEAD_BYTES = 64
"""A cache line each."""
_SLOT_BYTES = _SLOT_HEAD_BYTES + FRAME_BYTES_MAX
MEMORY_BYTES = _HEAD_BYTES + SLOTS * _SLOT_BYTES
"""Of address space: pages of it that no frame has reached take no memory."""


class FrameSizeError(ValueError):
    """A picture that no memory takes; the message says its size."""


class Frame(NamedTuple):
    """A picture of a camera, already masked.

    `image`: (height, width, 3), blue, green, red, the reader's own copy. `at_ns`: CLOCK_MONOTONIC
    when it came in, the same in all processes. `number`: counts from 1 and goes on over restarts.
    """

    image: "Image"
    at_ns: int
    number: int


def new_memory(name: str) -> int:
    """A descriptor of an empty memory for one camera; whoever made it closes it. Raises OSError."""
    memory = os.memfd_create(f"sentrypost-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(memory, MEMORY_BYTES)
        # Cut short by its writer it would kill whoever reads (SIGBUS).
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
        os.pwrite(memory, _HEAD.pack(_MAGIC, 0), 0)
    except OSError:
        os.close(memory)
        raise
    return memory


def fits(width: int, height: int) -> bool:
    """Whether a frame of this size can stand in a memory."""
    long, short = max(width, height), min(width, height)
    return 0 < short <= SHORT_SIDE_MAX and long <= LONG_SIDE_MAX


class _Memory:
    """The mapping, and what orders its reads and writes."""

    def __init__(self, memory: int, access: int) -> None:
        if os.fstat(memory).st_size != MEMORY_BYTES:
            raise ValueError("the descriptor is no memory of a camera")
        self._map = mmap.mmap(memory, MEMORY_BYTES, access=access)
        if _HEAD.unpack_from(self._map)[0] != _MAGIC:
            raise ValueError("the descriptor is no memory of a camera")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let the mapping go; the memory itself stays."""
        self._map.close()

    def _fence(self) -> None:
        """No read or write passes this: taking a lock synchronises memory (POSIX.1-2017, 4.12),
        which a store of a processor with weak order (ARM) does not.
        """
        with self._lock:
            pass

    def _latest(self) -> int:
        return int(_HEAD.unpack_from(self._map)[1])


def _slot_at(number: int) -> int:
    return _HEAD_BYTES + number % SLOTS * _SLOT_BYTES


class FrameWriter(_Memory):
    """The only writer of a memory at a time. Raises ValueError, OSError where it is none."""

    def __init__(self, memory: int) -> None:
        super().__init__(memory, mmap.ACCESS_WRITE)

    def put(self, image: "Image", at_ns: int) -> int:
        """Copy a frame in; gives its number. Raises FrameSizeError."""
        height, width, channels = image.shape
        if channels != CHANNELS or not fits(width, height):
            raise FrameSizeError(f"{width}x{height} pixels of {channels} colours")
        number = self._latest() + 1
        at = _slot_at(number)
        sequence = int(_SLOT.unpack_from(self._map, at)[0]) | 1  # odd as well after a killed writer
        _SLOT.pack_into(self._map, at, sequence, number, at_ns, width, height)
        self._fence()
        start = at + _SLOT_HEAD_BYTES
        # What does not lie in one piece (a cut, a mirror image) is copied once more.
        content = image.data.cast("B") if image.flags.c_contiguous else image.tobytes()
        self._map[start : start + image.nbytes] = content
        self._fence()
        _SLOT.pack_into(self._map, at, sequence + 1, number, at_ns, width, height)
        self._fence()
        _HEAD.pack_into(self._map, 0, _MAGIC, number)
        return number


class FrameReader(_Memory):
    """One of any number of readers. Raises ValueError, OSError where it is no memory."""

    def __init__(self, memory: int) -> None:
        super().__init__(memory, mmap.ACCESS_READ)

    @property
    def latest(self) -> int:
        """The newest frame's number; 0: there was none yet. Needs no numpy."""
        return self._latest()

    def newest(self, after: int = 0) -> Frame | None:
        """The newest whole frame with a number above `after`, as a copy; None: there is none."""
        import numpy as np

        for _ in range(TRIES_MAX):
            latest = self._latest()
            if latest <= after:
                return None
            at = _slot_at(latest)
            self._fence()
            sequence, number, at_ns, width, height = _SLOT.unpack_from(self._map, at)
            if sequence % 2 or number != latest or not fits(width, height):
                continue
            self._fence()
            start = at + _SLOT_HEAD_BYTES
            with memoryview(self._map) as whole:
                content = bytearray(whole[start : start + width * height * CHANNELS])
            self._fence()
            if _SLOT.unpack_from(self._map, at)[0] == sequence:
                image = np.frombuffer(content, np.uint8).reshape(height, width, CHANNELS)
                return Frame(image, at_ns, number)
        return None
