"""A million spoilt frames for each kind of device; arguments: [FRAMES] [TARGET ...].

Nothing crashes, hangs, grows or opens. Each `tests/drivers/NAME/fuzzing.py` has `TARGETS`: by name
a function that puts so many frames of a seed to its decoder and to what stands behind it, raises
AssertionError for whatever must not be, and tells in a few words what there was. These begin anew
again and again, so `LASTING` has for each one that does not: of a seed a function that puts so many
frames more to the same machine, which has to keep nothing of them. A slice of each is in
`make test`.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.alarm import alarm
from tests.campaigns import Result
from tests.drivers.growth import GROWTH_BYTES_MAX, Put, grown_bytes
from tests.records import ROOT

FRAMES = 1_000_000
WARM_UP = 0.1
"""This share is put first, and grows what it likes: modules, caches, the interpreter's pools."""

GROWTH_KB_MAX = 8 * 1024
"""What a process may vary in size by itself. Of what begins anew this shows only what outlives it:
in modules, caches, libraries. What one machine keeps is looked for in one that lasts.
"""

LASTING_WARM_UP, LASTING_FRAMES = 10_000, 50_000

PIECE = 2_000
PIECE_S_MAX = 60.0
"""So long on the processor with one piece is no work, but a loop without an end."""

Target = Callable[[int, int], str]


class Subject(NamedTuple):
    """One kind of device: what begins anew, and what lasts."""

    target: Target
    lasting: Callable[[int], Put]


def subjects() -> dict[str, Subject]:
    """Every one by its name."""
    found: dict[str, Subject] = {}
    for path in sorted(Path(ROOT / "tests" / "drivers").glob("*/fuzzing.py")):
        module = importlib.import_module(f"tests.drivers.{path.parent.name}.fuzzing")
        assert module.TARGETS.keys() == module.LASTING.keys(), path
        both = (
            (name, Subject(made, module.LASTING[name])) for name, made in module.TARGETS.items()
        )
        found |= dict(both)
    return found


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    numbers = [int(word) for word in arguments if word.isdecimal()]
    frames = numbers[0] if numbers else FRAMES
    known = subjects()
    names = [word for word in arguments if not word.isdecimal()] or list(known)
    if unknown := set(names) - set(known):
        sys.stdout.write(f"no such target: {', '.join(sorted(unknown))}; {', '.join(known)}\n")
        return Result(False, "no such target")
    words = [_fuzzed(name, known[name], seed, frames) for name in names]
    return Result(all(passed for passed, _ in words), "; ".join(text for _, text in words))


def _fuzzed(name: str, subject: Subject, seed: int, frames: int) -> tuple[bool, str]:
    """One subject, in pieces; HangError where one of them never ends."""
    _put_pieces(name, subject.target, seed, int(frames * WARM_UP))
    before_kb = _resident_kb()
    slowest_us, told = _put_pieces(name, subject.target, seed + frames, frames)
    grown_kb = _resident_kb() - before_kb
    put = _watched(name, subject.lasting(seed))
    kept_bytes = grown_bytes(put, LASTING_WARM_UP, LASTING_FRAMES)
    passed = grown_kb <= GROWTH_KB_MAX and kept_bytes <= GROWTH_BYTES_MAX
    text = (
        f"{name}: {frames} frames, grew by {grown_kb} kB, {slowest_us:.0f} us each where slowest, "
        f"and one for good by {kept_bytes} bytes in {LASTING_FRAMES} more"
    )
    sys.stdout.write(f"{text}; at last: {told}\n")
    sys.stdout.flush()
    return passed, text


def _put_pieces(name: str, target: Target, seed: int, frames: int) -> tuple[float, str]:
    """How long a frame took in the slowest piece, and what there was in the last."""
    slowest_us, told = 0.0, ""
    for number, start in enumerate(range(0, frames, PIECE)):
        size = min(PIECE, frames - start)
        began = time.monotonic()
        what = f"{name}, {size} frames of seed {seed + number}"
        try:
            with alarm(PIECE_S_MAX, name):
                told = target(seed + number, size)
        except AssertionError as error:
            error.add_note(what)
            raise
        slowest_us = max(slowest_us, (time.monotonic() - began) / size * 1e6)
    return slowest_us, told


def _watched(name: str, put: Put) -> Put:
    """The same in pieces, each with its alarm."""

    def put_pieces(frames: int) -> None:
        for start in range(0, frames, PIECE):
            with alarm(PIECE_S_MAX, f"{name} for good, at frame {start}"):
                put(min(PIECE, frames - start))

    return put_pieces


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
