"""When the process may open nothing more: said once in a while, and doors go on.

What an edge needs is open from its start. Who cannot be taken on without a new descriptor waits at
the control socket until there is one again. Python 3.11 reports each refusal a hundred times a
second, with its trace: a log that fills the disk would be worse than what it tells of.
"""

import asyncio
import errno
import logging
from typing import Any

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What asyncio takes for "out of system resource" when somebody connects."""

SAY_AGAIN_S = 60.0

log = logging.getLogger(__name__)


class DescriptorsSaid:
    """An event loop's exception handler: everything else is told as ever."""

    def __init__(self) -> None:
        self._said_s: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in EXHAUSTED and "socket" in context):
            loop.default_exception_handler(context)
            return
        if self._said_s is None or loop.time() >= self._said_s + SAY_AGAIN_S:
            self._said_s = loop.time()
            log.error(
                "nobody else can be taken on at the control socket (%s); doors and journal go on: "
                "see who holds so many connections, or raise LimitNOFILE",
                error.strerror,
            )
