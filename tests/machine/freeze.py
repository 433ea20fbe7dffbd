"""Stops one thread of a process, and nothing else of it: run inside, as root.

usage: freeze.py THREAD SECONDS. The thread is stopped as a debugger stops it. A signal to the
process finds the others; when this program ends the thread goes on.
"""

import ctypes
import os
import sys
import time

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000


def main(thread: str, seconds: str) -> None:
    """Says `stopped` when it is, and ends early where the process does."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if ptrace(request, int(thread), None, None) != 0:
            sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(int(thread), WALL)
    sys.stdout.write("stopped\n")
    sys.stdout.flush()
    until_s = time.monotonic() + float(seconds)
    # Whoever traces a thread is told of its end, and until he has asked the process is not gone.
    while time.monotonic() < until_s and os.waitpid(int(thread), WALL | os.WNOHANG)[0] == 0:
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
