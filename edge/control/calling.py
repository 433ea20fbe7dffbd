"""A blocking connection to a control socket: one request at a time.

Every error says what to do about it. A process that says nothing for DAEMON_SILENT_S is not waited
for any longer: where the work takes longer it sends heartbeats.
"""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from edge.control.frames import LENGTH_BYTES, FrameError, frame, length_of
from edge.control.message import Message
from edge.control.messages import PART_BYTES_MAX, FilePart, Heartbeat, Hello, Refused
from edge.control.paging import pages
from edge.control.place import address_of
from edge.control.protocol import PROTOCOL

DAEMON_SILENT_S = 15.0
"""Three heartbeats."""

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Message)
T = TypeVar("T")


class ControlClientError(Exception):
    """Nothing came of it. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(message)


class NotAllowedError(ControlClientError):
    """The system does not let this account at the socket."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} may not be used by this account: {reason}",
            "use the daemon's account, or one in the socket's group",
        )


class RefusedError(ControlClientError):
    """The daemon says no. `code` tells why; a subscriber may go on from `resume_from`."""

    def __init__(self, refused: Refused) -> None:
        self.code = refused.code
        self.resume_from = refused.resume_from
        super().__init__(refused.reason, refused.remedy)


class DaemonSilentError(ControlClientError):
    """Connected, and no answer."""

    def __init__(self) -> None:
        super().__init__(
            f"the daemon has said nothing for {DAEMON_SILENT_S:.0f} s",
            "see its log; its process hangs",
        )


class ConnectionLostError(ControlClientError):
    """The daemon ended, or the connection to it. Whether the request was carried out is unknown."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the connection to the daemon was lost: {what}",
            "see with `sentrypost status` whether it still runs",
        )


class Caller(ABC, Generic[M]):
    """A connection to the socket at `path`; `M` are the replies that it knows.

    Raises NotAllowedError, RefusedError, DaemonSilentError, ConnectionLostError, and what `_absent`
    makes; so does every method. After an error nothing more is asked.
    """

    silent_s = DAEMON_SILENT_S
    """How long nothing may be said before nobody is thought to be there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self.silent_s)
        try:
            self._connect()
            hello = self._receive()
        except BaseException:
            self._socket.close()
            raise
        if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
            self._socket.close()
            raise ControlClientError(
                "the daemon speaks another version of the control protocol",
                "use the `sentrypost` of the daemon's own installation",
            )
        self.me = hello.you
        """The name under which the daemon records what is asked here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    @abstractmethod
    def _decoded(self, body: bytes) -> M | Hello | Heartbeat | Refused:
        """The reply. Raises FrameError, which names the field."""

    @abstractmethod
    def _absent(self) -> ControlClientError:
        """Nobody listens there."""

    def _connect(self) -> None:
        try:
            with address_of(self.path) as address:
                self._socket.connect(address)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise self._absent() from None
        except PermissionError as error:
            raise NotAllowedError(self.path, error.strerror or "") from error
        except (BlockingIOError, TimeoutError):
            raise DaemonSilentError from None
        except OSError as error:
            raise ConnectionLostError(str(error)) from error

    def _send_file(self, envelope: bytes) -> None:
        for at in range(0, len(envelope), PART_BYTES_MAX):
            self._send(FilePart(data=envelope[at : at + PART_BYTES_MAX]))
            reply = self._receive()
            if not isinstance(reply, Heartbeat):
                raise unexpected(reply)

    def _ask(self, request: Message, kind: type[R]) -> R:
        self._send(request)
        reply: Message = Heartbeat(last_seq=0)
        while isinstance(reply, Heartbeat):
            reply = self._receive()
        if not isinstance(reply, kind):
            raise unexpected(reply)
        return reply

    def _ask_all(
        self, request: Message, kind: type[R], page: Callable[[R], tuple[Sequence[T], int]]
    ) -> tuple[R, list[T]]:
        """The last reply and the rows of all, as `edge.control.paging.pages` has it."""
        asking = pages(request, page)
        asked = next(asking)
        while True:
            try:
                asked = asking.send(self._ask(asked, kind))
            except StopIteration as end:
                whole: tuple[R, list[T]] = end.value
                return whole

    def _send(self, request: Message) -> None:
        try:
            self._socket.sendall(frame(request))
        except FrameError as error:
            refused = Refused(code=error.code, reason=str(error), remedy="ask for less at once")
            raise RefusedError(refused) from error
        except TimeoutError:
            raise DaemonSilentError from None
        except OSError as error:
            # It went while we spoke; its last words may still be there.
            self._receive()
            raise ConnectionLostError(str(error)) from error

    def _receive(self) -> M | Hello | Heartbeat:
        """The next message; a Refused is raised."""
        try:
            reply = self._decoded(self._exactly(length_of(self._exactly(LENGTH_BYTES))))
        except FrameError as error:
            raise ControlClientError(
                f"the daemon's answer is not understood: {error}",
                "use the `sentrypost` of the daemon's own installation",
            ) from error
        except TimeoutError:
            raise DaemonSilentError from None
        except OSError as error:
            raise ConnectionLostError(str(error)) from error
        if isinstance(reply, Refused):
            raise RefusedError(reply)
        return reply

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._socket.recv(min(size, 64 * 1024))
            if not part:
                raise ConnectionLostError("it ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def unexpected(reply: Message) -> ControlClientError:
    return ControlClientError(
        f"the daemon answers {type(reply).__name__}, which was not asked for",
        "use the `sentrypost` of the daemon's own installation",
    )
