"""Long work beside the event loop, and what keeps it from holding up decisions.

Two things of the interpreter do: a thread that computes gives way only now and then, and the
garbage collector walks over all there is while everybody waits.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_S = 0.000_5
"""How long a thread that computes may keep the others waiting; Python's own is 5 ms."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """While a thread computes, whoever wants to decide waits `SWITCH_S` for it, and nobody waits
    for the collector: it rests, and afterwards leaves alone for good what the work has come to.
    What is dropped later is freed all the same, but for the little that refers to itself. Work that
    fails, as often as it may, leaves nothing behind: what it has made is collected like any other.

    Of the whole process. Where two overlap, the end of the first ends both.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    try:
        yield
        gc.collect(0)  # what the work has dropped, and would be kept for good
        gc.freeze()  # before it wakes: it would walk over what is left again and again
    finally:
        gc.enable()
        sys.setswitchinterval(before)


def set_aside() -> None:
    """At the start, when nobody waits yet: the collector leaves alone for good what there is."""
    gc.collect()
    gc.freeze()
