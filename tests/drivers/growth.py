"""Whether a machine that runs for good keeps something of what it hears."""

import gc
import tracemalloc
from collections.abc import Callable

GROWTH_BYTES_MAX = 40 * 1024
"""What is held varies by less by itself: a buffer that happens to be full, a queue, a session. A
byte kept of each of 50,000 frames is more.
"""

Put = Callable[[int], None]
"""Puts so many frames more to what has had all those before."""


def grown_bytes(put: Put, warm_up: int, frames: int) -> int:
    """By how much more is held after so many frames than after the warm-up."""
    tracemalloc.start()
    try:
        put(warm_up)
        before = _held_bytes()
        put(frames)
        return _held_bytes() - before
    finally:
        tracemalloc.stop()


def _held_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
