"""A simulated camera: its pictures over HTTP, as IP cameras send them, on loopback alone."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from http import HTTPStatus

from simulators.gate.stage import Stage

HOST = "127.0.0.1"

BOUNDARY = "frame"
VIEWERS_MAX = 4
"""As a small IP camera; the next one is told that it is busy."""

HEAD_BYTES_MAX = 8192
HEAD_S_MAX = 5.0
"""A viewer says what it wants in so much, and within so long."""

SEND_S_MAX = 5.0
"""A viewer that takes nothing for so long is gone."""


class CameraServer:
    """Serves one stage. `/` is the stream, `/picture.jpg` one picture.

    `port`: 0 takes a free one; it is known once `start` is over. `clock_s`: the stage's time.
    """

    def __init__(
        self, stage: Stage, *, port: int = 0, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.stage = stage
        self.port = port
        self.clock_s = clock_s
        self._newest: tuple[int, bytes | None] = (0, None)
        self._came = asyncio.Condition()
        self._viewers: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def url(self) -> str:
        """What a site file says of it."""
        return f"http://{HOST}:{self.port}/"

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until cancelled. Raises OSError where the port is taken."""
        server = await asyncio.start_server(self._serve, HOST, self.port, limit=HEAD_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        ready()
        try:
            await self._draw()
        finally:
            self._closing = True
            server.close()
            viewers = list(self._viewers)
            for viewer in viewers:
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)

    async def _draw(self) -> None:
        """A frame at a time, for all viewers. Without one there is nothing to draw."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            if self._viewers:
                jpeg = await asyncio.to_thread(self.stage.jpeg, self.clock_s())
                if jpeg is not None:
                    async with self._came:
                        self._newest = self._newest[0] + 1, jpeg
                        self._came.notify_all()
            due_s = max(due_s + 1 / self.stage.fps, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "connections are served by tasks"
        busy = len(self._viewers) >= VIEWERS_MAX
        self._viewers.add(task)
        try:
            await self._answer(reader, writer, busy)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # a viewer that went away, or that is none
        except asyncio.CancelledError:
            # `run` is over. Python 3.11 tells of a connection's cancelled task as of an error.
            if not self._closing:
                raise
        finally:
            self._viewers.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, busy: bool
    ) -> None:
        async with asyncio.timeout(HEAD_S_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
        method, path = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""][:2]
        if busy:
            await _say(writer, HTTPStatus.SERVICE_UNAVAILABLE)
        elif method != b"GET":
            await _say(writer, HTTPStatus.METHOD_NOT_ALLOWED)
        elif path == b"/picture.jpg":
            _, jpeg = await self._after(self._newest[0])
            await _say(writer, HTTPStatus.OK, "image/jpeg", jpeg)
        elif path == b"/":
            await self._stream(writer)
        else:
            await _say(writer, HTTPStatus.NOT_FOUND)

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        """Newest wins: a viewer that is slow misses frames, and holds nobody up."""
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        writer.write(_head(HTTPStatus.OK, kind))
        number = self._newest[0]  # an old frame is none
        while True:
            number, jpeg = await self._after(number)
            fields = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
            writer.write(f"--{BOUNDARY}\r\n{fields}\r\n\r\n".encode() + jpeg + b"\r\n")
            async with asyncio.timeout(SEND_S_MAX):
                await writer.drain()

    async def _after(self, number: int) -> tuple[int, bytes]:
        """The newest frame once there is one that was not seen."""
        async with self._came:
            await self._came.wait_for(lambda: self._newest[0] > number)
            newest, jpeg = self._newest
        assert jpeg is not None, "numbers count frames"
        return newest, jpeg


async def _say(
    writer: asyncio.StreamWriter, status: HTTPStatus, kind: str = "text/plain", body: bytes = b""
) -> None:
    body = body or status.phrase.encode()
    writer.write(_head(status, kind, f"Content-Length: {len(body)}") + body)
    await writer.drain()


def _head(status: HTTPStatus, kind: str, *fields: str) -> bytes:
    lines = (f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {kind}", *fields)
    told = (*lines, "Cache-Control: no-store", "Connection: close", "", "")
    return "\r\n".join(told).encode()
