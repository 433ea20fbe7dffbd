"""What this process has open."""

import contextlib
import os


def descriptors() -> frozenset[tuple[str, str]]:
    """Each with what it leads to: `descriptors() - before` is what was left open since.

    Compared by count, rubbish of an earlier test that is collected meanwhile makes one too few.
    """
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 -- Path.iterdir opens one more
        with contextlib.suppress(OSError):  # the one by which they were listed
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))  # noqa: PTH115 -- text
    return frozenset(found)
