"""A million spoilt frames for each kind of device; arguments: [FRAMES] [TARGET ...].

Nothing crashes, hangs, grows or opens. Each `tests/drivers/NAME/fuzzing.py` has `TARGETS`: by name
a function that puts so many frames of a seed to its decoder and to what stands behind it, raises
AssertionError for whatever must not be, and tells in a few words what there was. A slice of each is
in `make test`.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import Result
from tests.records import ROOT

FRAMES = 1_000_000
WARM_UP = 0.1
"""This share is put first, and grows what it likes: modules, caches, the interpreter's pools."""

GROWTH_KB_MAX = 8 * 1024
"""What a process may vary in size by itself; a byte kept of each frame would be more by far."""

STREAM_S_MAX = 60.0
"""A target that stands still for so long in a hundredth of its frames hangs."""

Target = Callable[[int, int], str]


def targets() -> dict[str, Target]:
    """Every target by its name."""
    found: dict[str, Target] = {}
    for path in sorted(Path(ROOT / "tests" / "drivers").glob("*/fuzzing.py")):
        found |= importlib.import_module(f"tests.drivers.{path.parent.name}.fuzzing").TARGETS
    return found


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    numbers = [int(word) for word in arguments if word.isdecimal()]
    frames = numbers[0] if numbers else FRAMES
    known = targets()
    names = [word for word in arguments if not word.isdecimal()] or list(known)
    if unknown := set(names) - set(known):
        sys.stdout.write(f"no such target: {', '.join(sorted(unknown))}; {', '.join(known)}\n")
        return Result(False, "no such target")
    words = [_fuzzed(name, known[name], seed, frames) for name in names]
    return Result(all(passed for passed, _ in words), "; ".join(text for _, text in words))


def _fuzzed(name: str, target: Target, seed: int, frames: int) -> tuple[bool, str]:
    """One target, in a hundred pieces of the same number of frames."""
    target(seed, int(frames * WARM_UP))
    before_kb, slowest_s, told = _resident_kb(), 0.0, ""
    piece = max(1, frames // 100)
    for number in range(-(-frames // piece)):
        began = time.monotonic()
        told = target(seed + 1 + number, min(piece, frames - number * piece))
        slowest_s = max(slowest_s, time.monotonic() - began)
    grown_kb = _resident_kb() - before_kb
    passed = grown_kb <= GROWTH_KB_MAX and slowest_s <= STREAM_S_MAX
    frame_us = slowest_s / piece * 1e6
    text = f"{name}: {frames} frames, grew by {grown_kb} kB, {frame_us:.0f} us each where slowest"
    sys.stdout.write(f"{text}; the last {piece}: {told}\n")
    sys.stdout.flush()
    return passed, text


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
