"""The process keeps its memory to itself: site key, device keys and PINs stand in it."""

import ctypes
import os
import resource

PR_SET_DUMPABLE = 4


def keep_memory_private() -> list[str]:
    """No core files, and no debugger or /proc/PID/mem for other processes of this account.

    Call it before anything secret is loaded. Returns what could not be done, for the log: a door
    needs its edge more than that.
    """
    missed = []
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        missed.append(f"core files cannot be switched off: {error}")
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        if prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            missed.append(f"memory stays readable: {os.strerror(ctypes.get_errno())}")
    except (OSError, AttributeError) as error:
        missed.append(f"memory stays readable: {error}")
    return missed
