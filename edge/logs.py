"""The daemon's commentary: one JSON object a line. The journal is the record, this is not.

Whoever reads standard error may stop reading; a door may not wait for him. Lines are handed to a
thread that writes them, and what does not fit into the queue to it is dropped and counted.
"""

import copy
import json
import logging
import os
import select
import time
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue

LINES_MAX = 2_000
"""Lines that wait for a reader of standard error; what comes beyond is counted."""

FLUSH_WITHIN_S = 1.0
"""What the end of the process waits for somebody to read the last lines."""

STANDARD_ERROR = 2


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Waiting(QueueHandler):
    """The side of whoever has something to say: never waits."""

    queue: "Queue[logging.LogRecord | None]"

    def __init__(self, room: int) -> None:
        super().__init__(Queue(room))
        self.setFormatter(_Lines())
        self._room = room
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Called under the handler's lock, which the writing thread never holds for long."""
        if self.queue.full():
            self._dropped += 1
        else:
            super().emit(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The finished line: what it speaks of may change before it is written."""
        line = copy.copy(record)
        line.msg, line.args, line.exc_info = self.format(record), None, None
        return line

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            self._dropped += 1

    def dropped(self) -> logging.LogRecord | None:
        """What there is to say of dropped lines, once, as soon as there is room again."""
        if not self._dropped or self.queue.qsize() > self._room // 2:
            return None
        self.acquire()
        try:
            count, self._dropped = self._dropped, 0
        finally:
            self.release()
        message = f"{count} lines were dropped here: nobody read standard error fast enough"
        return self.prepare(
            logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, None, None)
        )


class _Descriptor(logging.Handler):
    """Writes finished lines straight to a descriptor: no buffer whose lock outlives the thread."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        data = f"{record.msg}\n".encode(errors="backslashreplace")
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError:  # nobody is there to read it, or the disk is full
                return


class Commentary(QueueListener):
    """The thread that writes. `handler` takes the records."""

    def __init__(self, descriptor: int = STANDARD_ERROR, room: int = LINES_MAX) -> None:
        self.handler = _Waiting(room)
        super().__init__(self.handler.queue, _Descriptor(descriptor))

    def handle(self, record: logging.LogRecord) -> None:
        super().handle(record)
        dropped = self.handler.dropped()
        if dropped is not None:
            super().handle(dropped)

    def finish(self, within_s: float = FLUSH_WITHIN_S) -> bool:
        """Write what waits, within a limit. False: nobody reads it, and the thread still hangs."""
        end = time.monotonic() + within_s
        try:
            self.handler.queue.put(None, timeout=within_s)  # the listener's own sign to end
        except Full:
            return False
        assert self._thread is not None, "it was started"
        self._thread.join(max(0.0, end - time.monotonic()))
        return not self._thread.is_alive()


def start_logging(level: int = logging.INFO) -> Commentary:
    """Send everything from `level` up to standard error as structured lines."""
    commentary = Commentary()
    commentary.start()
    logging.basicConfig(level=level, handlers=[commentary.handler], force=True)
    return commentary
