"""Processes that end when the one that started them is gone, however it went."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
"""prctl(2)"""


def die_with_parent() -> None:
    """For `preexec_fn`: have the kernel send SIGTERM when our parent dies. Linux only; elsewhere
    a killed parent leaves its children to whoever finds them.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
