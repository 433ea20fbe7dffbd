"""Child processes: what may hang or crash runs in one, and the event loop never waits for it.

A frame on the wire between the two is a length of four bytes, big endian, and so many bytes of
msgpack; a length of 0 is a sign of life and nothing else. The wire is an inherited socket, whose
descriptor is the child's first argument behind its name. The first frame to the child holds its
settings, which may be secret: argv and environment are readable by others.

`Child` is the parent's side. `ParentPipe` is the child's, and begins with `begin`.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

MESSAGE_BYTES_MAX = 8 << 20
"""More than a JPEG of Full HD can have; one that is longer is a broken child's."""

WAITING_BYTES_MAX = 1 << 20
"""What waits for a child that does not read: beyond it nothing more is taken for it."""

PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 10.0
"""Between an end and the next start, growing; as for lines (`edge/supervisor.py`)."""
STEADY_S = 30.0
"""A child that lived so long earns the shortest pause again."""

DEATH_S_MAX = 5.0
"""A killed process that is still there then hangs in the kernel: it is left behind."""

LAST_WORDS_MAX = 600
"""Characters that are kept of what a child says on its error output."""

OOM_SCORE = "800"
"""Of 1,000 (proc(5)): the daemon under its unit has -900, an ordinary process 0."""

_PR_SET_PDEATHSIG = 1
"""prctl(2)"""

_CREDENTIALS = struct.Struct("iii")
"""unix(7), `struct ucred`: pid, uid, gid."""

_LENGTH = struct.Struct(">I")

log = logging.getLogger(__name__)

Heard = TypeVar("Heard")


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to start. `module` is run as by `python -m`; `fds`: descriptors that it inherits, told
    as further arguments, in this order. It has `start_s_max` until its first frame, and then
    `silent_s_max` from each to the next.
    """

    name: str
    module: str
    fds: tuple[int, ...] = ()
    start_s_max: float = 60.0  # imports of OpenCV and dlib on a board with a slow card
    silent_s_max: float = 6.0


class ChildEndedError(Exception):
    """This process is over; the message says why."""


class Child(Generic[Heard]):
    """One child process, started again after a jittered, growing pause whenever it ends.

    `first` gives the settings of each new process. `heard` gets each message and `ended` the reason
    of each end, for people to read, on the event loop. What cannot be decoded ends the process.
    """

    def __init__(
        self,
        spec: ChildSpec,
        kind: type[Heard] | object,
        *,
        first: Callable[[], msgspec.Struct],
        heard: Callable[[Heard], None],
        ended: Callable[[str], None],
        jitter: Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._decoder: msgspec.msgpack.Decoder[Heard] = msgspec.msgpack.Decoder(kind)
        self._first, self._heard, self._ended = first, heard, ended
        self._jitter, self._clock = jitter, clock
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs; None between two."""
        return None if self._process is None else self._process.pid

    def send(self, message: msgspec.Struct) -> bool:
        """Hand a message over. False: nobody is there, or it does not read."""
        writer = self._writer
        if writer is None or writer.is_closing():
            return False
        if writer.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            return False
        writer.write(frame_of(message))
        return True

    async def run(self) -> None:
        """Keep one process running until cancelled, which kills it."""
        pause_s, said = PAUSE_S_MIN, ""
        while True:
            began = self._clock()
            try:
                await self._once()
            except (ChildEndedError, OSError) as error:
                why = str(error)
            if self._clock() - began >= STEADY_S:
                pause_s, said = PAUSE_S_MIN, ""
            if why != said:
                log.warning("%s: %s; it is started again", self._spec.name, why)
                said = why
            self._ended(why)
            await asyncio.sleep(self._jitter.uniform(pause_s / 2, pause_s))
            pause_s = min(pause_s * 2, PAUSE_S_MAX)

    async def _once(self) -> None:
        """One process from start to end. Raises ChildEndedError, OSError."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = await self._started(theirs)
            theirs.close()
            self._process, last_words = process, bytearray()
            listening = asyncio.create_task(_listen(process, last_words))
            try:
                await self._serve(ours)
            except ChildEndedError as error:
                raise ChildEndedError(await _ending(process, error, last_words)) from None
            finally:
                self._process = None
                await _buried(process, listening)

    async def _started(self, theirs: socket.socket) -> asyncio.subprocess.Process:
        spec, number = self._spec, theirs.fileno()
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # modules come from where ours come from, and never from the working folder
            "-m",
            spec.module,
            spec.name,
            *map(str, (number, *spec.fds)),
            pass_fds=(number, *spec.fds),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at our terminal is ours
            # One core is its share: threads of numpy's own wait for each other and do no more.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    async def _serve(self, ours: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=ours)
        self._writer = writer
        try:
            writer.write(frame_of(self._first()))
            limit_s = self._spec.start_s_max
            while True:
                try:
                    async with asyncio.timeout(limit_s):
                        data = await _frame(reader)
                except TimeoutError:
                    raise ChildEndedError(f"no sign of life for {limit_s:g} s") from None
                limit_s = self._spec.silent_s_max
                if data:
                    self._hear(data)
        finally:
            self._writer = None
            writer.transport.abort()  # what still waits for it is for nobody

    def _hear(self, data: bytes) -> None:
        try:
            message = self._decoder.decode(data)
        except msgspec.DecodeError:  # whose text could hold what was sent
            raise ChildEndedError("it said what cannot be read") from None
        self._heard(message)


def frame_of(message: msgspec.Struct) -> bytes:
    """The bytes of one message on the wire."""
    data = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(data)) + data


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """The next message. Raises ChildEndedError."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MESSAGE_BYTES_MAX:
            raise ChildEndedError("it said what cannot be read")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise ChildEndedError("it ended") from error


async def _listen(process: asyncio.subprocess.Process, last_words: bytearray) -> None:
    """Keep the end of what the process says on its error output."""
    assert process.stderr is not None
    while data := await process.stderr.read(4096):
        last_words += data
        del last_words[:-LAST_WORDS_MAX]


async def _ending(
    process: asyncio.subprocess.Process, error: ChildEndedError, last_words: bytearray
) -> str:
    """Why it ended, in words: its own, where it ended by itself."""
    if str(error) != "it ended":
        return str(error)
    try:
        async with asyncio.timeout(1):  # its socket closes a moment before it is gone
            code = await process.wait()
            await asyncio.sleep(0)
    except TimeoutError:
        return "it has closed its wire"
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    words = " ".join(last_words.decode(errors="replace").split())
    return f"it ended with {how}{f': {words}' if words else ''}"


async def _buried(process: asyncio.subprocess.Process, listening: asyncio.Task[None]) -> None:
    """Kill what is left of it, within a limit."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    try:
        async with asyncio.timeout(DEATH_S_MAX):
            await process.wait()
    except TimeoutError:
        log.warning("process %d cannot be killed: it hangs in the kernel", process.pid)
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


# --- the child's side -----------------------------------------------------------------------------


class ParentGoneError(Exception):
    """There is nobody left to work for."""


class ParentPipe(Generic[Heard]):
    """A child's wire to its parent. `send` and `beat` may be called from any thread."""

    def __init__(self, wire: int, kind: type[Heard] | object) -> None:
        self._socket = socket.socket(fileno=wire)
        self._decoder: msgspec.msgpack.Decoder[Heard] = msgspec.msgpack.Decoder(kind)
        self._lock = threading.Lock()

    def read(self) -> Heard:
        """Block until the next message. Raises ParentGoneError, msgspec.DecodeError."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._decoder.decode(self._exactly(length))

    def send(self, message: msgspec.Struct) -> None:
        """Blocks while the parent does not read. Raises ParentGoneError."""
        self._write(frame_of(message))

    def beat(self) -> None:
        """A sign of life: to be given by whatever does the work, and nothing else. Raises
        ParentGoneError.
        """
        self._write(_LENGTH.pack(0))

    def _write(self, data: bytes) -> None:
        try:
            with self._lock:
                self._socket.sendall(data)
        except OSError as error:
            raise ParentGoneError from error

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._socket.recv(min(count - len(data), 1 << 16))
            except OSError as error:
                raise ParentGoneError from error
            if not part:
                raise ParentGoneError
            data += part
        return bytes(data)


def begin(arguments: list[str], data_bytes_max: int) -> tuple[str, int, tuple[int, ...]]:
    """What every child does first, before it knows a secret: its name, its wire, its descriptors.

    From here on it gives way to the doors, goes first where memory is short, leaves no dump of its
    memory, takes no more of it than `data_bytes_max`, and says nothing on its error output but, at
    the end, where a bug was: what libraries write there can hold addresses and passwords. It ends
    with the thread that started it, whatever state it is in then.
    """
    name, wire, *fds = arguments
    os.nice(5)
    with contextlib.suppress(OSError):  # whoever has taken /proc away has settled it otherwise
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes_max, data_bytes_max))
    _be_silent()
    _end_with_parent(int(wire))
    return name, int(wire), tuple(map(int, fds))


def _end_with_parent(wire: int) -> None:
    """A closed wire ends a child that reads it. One that hangs, or was stopped, reads nothing: the
    kernel ends that (prctl(2)) when the thread is gone that started it, which is that of the
    parent's event loop. A parent that was gone before this call is told by its id, which the wire
    has kept.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "prctl"):
        return  # no Linux: an init system, or whoever finds it, ends what hangs
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with socket.socket(fileno=os.dup(wire)) as kept:
        found = kept.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _CREDENTIALS.unpack(found)[0] != os.getppid():
        os._exit(0)


def _be_silent() -> None:
    spoken = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)

    def told(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, ParentGoneError):
            os._exit(0)
        where = (f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(trace)[-4:])
        os.write(spoken, f"{kind.__name__} at {', '.join(where)}".encode())
        os._exit(1)  # whichever thread it was: a half of a child is none

    def told_in_thread(hooked: threading.ExceptHookArgs) -> None:
        told(hooked.exc_type, hooked.exc_value or hooked.exc_type(), hooked.exc_traceback)

    sys.excepthook = told
    threading.excepthook = told_in_thread
