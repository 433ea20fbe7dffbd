"""What never comes to an end is ended, and says where it was."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PLACES = 6
BYTES_SHOWN = 300


class HangError(AssertionError):
    """It was still at it when its time was over."""


@contextmanager
def alarm(seconds: float, what: str) -> Iterator[None]:
    """Raise HangError in what runs within, once it has had so much of the processor.

    A busy machine makes it no shorter. Only in the main thread, and not one in another.
    """

    def ring(_number: int, frame: FrameType | None) -> None:
        places, heard = _stack(frame)
        raise HangError(f"{what}: no end after {seconds} s, in {' < '.join(places)}; with {heard}")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _stack(frame: FrameType | None) -> tuple[list[str], str]:
    """The innermost places, and the nearest bytes that somebody there has in hand."""
    places: list[str] = []
    heard = ""
    while frame is not None:
        if len(places) < PLACES:
            file = "/".join(frame.f_code.co_filename.split("/")[-3:])
            places.append(f"{file}:{frame.f_lineno} {frame.f_code.co_name}")
        mine = {name: kept for name, kept in frame.f_locals.items() if isinstance(kept, bytes)}
        heard = heard or ", ".join(f"{n}={kept[:BYTES_SHOWN].hex()}" for n, kept in mine.items())
        frame = frame.f_back
    return places, heard or "no bytes"
