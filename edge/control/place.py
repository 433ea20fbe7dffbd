"""Where the control socket lies, and how to reach a path that is too long for a socket."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET = "control.sock"

PAGES_SOCKET = "pages.sock"
"""Where the pages' process asks, on behalf of whoever is signed in."""

JOURNAL = "journal"
"""The journal's folder, beside the socket in the state folder."""

PEOPLE_FILE = "site.db"

STATE_MODE = 0o750
"""The state folder's: its group reaches the socket. Journal and people are closed themselves."""

ADDRESS_BYTES_MAX = 107
"""sockaddr_un.sun_path holds 108 bytes, the last of them 0."""


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """What to give to bind(2) or connect(2) for `path`, valid inside the block.

    A path that is too long for the kernel's structure goes by way of its folder's descriptor.
    Raises OSError where the folder cannot be opened.
    """
    if len(os.fsencode(path)) <= ADDRESS_BYTES_MAX:
        yield str(path)
        return
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)
