"""One message on a control socket: JSON behind its length."""

from typing import Generic, TypeVar

import msgspec

from edge.control.message import Message
from edge.control.messages import Refusal

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 1024 * 1024
"""Larger than any message has to be; what a stranger may make the daemon keep in memory."""

_ENCODER = msgspec.json.Encoder()

M = TypeVar("M", bound=Message)


class FrameError(ValueError):
    """The bytes are no message. `code` says in what way."""

    def __init__(self, code: Refusal, reason: str) -> None:
        self.code = code
        super().__init__(reason)


def frame(message: Message) -> bytes:
    """The bytes of one message on the socket. Raises FrameError when it is too large."""
    body = _ENCODER.encode(message)
    if len(body) > FRAME_BYTES_MAX:
        raise FrameError(Refusal.TOO_LARGE, f"{len(body)} bytes, at most {FRAME_BYTES_MAX} pass")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def length_of(prefix: bytes) -> int:
    """How many bytes follow. Raises FrameError on 0 and on more than FRAME_BYTES_MAX."""
    length = int.from_bytes(prefix, "big")
    if length > FRAME_BYTES_MAX:
        raise FrameError(Refusal.TOO_LARGE, f"{length} bytes, at most {FRAME_BYTES_MAX} pass")
    if length == 0:
        raise FrameError(Refusal.MALFORMED, "an empty message")
    return length


class Decode(Generic[M]):
    """What reads the bodies of one side: `Decode[Request](Request, "request")`. `what`: as an error
    calls them.

    Unknown fields and types are refused, never guessed at: both sides come from one installation.
    """

    def __init__(self, kinds: object, what: str) -> None:
        """`kinds`: the union `M`, or one message."""
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(kinds)
        self._what = what

    def __call__(self, body: bytes) -> M:
        """Raises FrameError, which names the field."""
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FrameError(Refusal.MALFORMED, f"not a {self._what}: {error}") from error
