"""JPEG pictures over HTTP, one part after the other (multipart/x-mixed-replace), as IP cameras and
ESP32 boards send them.
"""

import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import TYPE_CHECKING

import msgspec

from drivers.cameras.api import PICTURE_BYTES_MAX
from drivers.cameras.jpeg import decoded
from drivers.cameras.settings import HttpSettings
from drivers.cameras.source import READ_S_MAX, PictureError, SourceError, due_after

if TYPE_CHECKING:
    from drivers.frames import Image

MULTIPART = "multipart/x-mixed-replace"
JPEG_TYPES = ("image/jpeg", "image/jpg")

HEAD_BYTES_MAX = 4096
"""Of one part: a length, a type, and what a camera adds of its own."""

_PART_BYTES_MAX = PICTURE_BYTES_MAX * 4
"""A picture of 8K, before it is scaled down."""

_REFUSALS = {
    401: "it refuses user and password",
    403: "it refuses user and password",
    404: "there is nothing at this address of it",
    503: "it serves as many viewers as it can",
}


class Mjpeg:
    """An open stream of parts."""

    def __init__(self, response: http.client.HTTPResponse, boundary: bytes) -> None:
        self._response = response
        self._boundary = boundary
        self._data = bytearray()
        self._until = 0.0
        self._due_ns = 0

    def read(self) -> "Image":
        """As `Source.read`; what is not due is passed over unseen."""
        self._until = time.monotonic() + READ_S_MAX
        while True:
            jpeg = self._part()
            now = time.monotonic_ns()
            if now >= self._due_ns:
                self._due_ns = due_after(self._due_ns, now)
                return decoded(jpeg)

    def close(self) -> None:
        """End the connection."""
        self._response.close()

    def _part(self) -> bytes:
        """The next picture. Raises SourceError, PictureError."""
        self._upto(b"--" + self._boundary, _PART_BYTES_MAX)
        head = self._upto(b"\r\n\r\n", HEAD_BYTES_MAX)
        if head.startswith(b"--"):
            raise SourceError("it has ended its stream")
        fields = _fields(head)
        kind = fields.get("content-type", JPEG_TYPES[0]).partition(";")[0].strip().lower()
        length = fields.get("content-length", "")
        jpeg = self._exactly(int(length)) if length.isdecimal() else self._unmeasured()
        if kind not in JPEG_TYPES:
            raise PictureError(f"it sends parts that are no JPEG ({kind[:32]!a})")
        return jpeg

    def _unmeasured(self) -> bytes:
        """A part that does not say how long it is: all before the next boundary, which stays."""
        mark = b"\r\n--" + self._boundary
        jpeg = self._upto(mark, _PART_BYTES_MAX)
        self._data[:0] = mark
        return jpeg

    def _upto(self, mark: bytes, count_max: int) -> bytes:
        """What stands before a mark, which is passed over."""
        searched = 0
        while (at := self._data.find(mark, searched)) < 0:
            if len(self._data) > count_max:
                raise SourceError("it sends parts that are too long")
            searched = max(0, len(self._data) - len(mark))
            self._more()
        found = bytes(self._data[:at])
        del self._data[: at + len(mark)]
        return found

    def _exactly(self, count: int) -> bytes:
        if count > _PART_BYTES_MAX:
            raise SourceError("it sends parts that are too long")
        while len(self._data) < count:
            self._more()
        found = bytes(self._data[:count])
        del self._data[:count]
        return found

    def _more(self) -> None:
        try:
            data = self._response.read1(1 << 16)
        except (OSError, http.client.HTTPException):
            raise SourceError("it sends no pictures any more") from None
        if not data:
            raise SourceError("it has ended its stream")
        if time.monotonic() > self._until:
            raise SourceError("it sends its pictures too slowly")
        self._data += data


def open_mjpeg(settings: bytes) -> Mjpeg:
    """As `SourceSpec.opener`. Raises SourceError."""
    told = msgspec.msgpack.decode(settings, type=HttpSettings)
    try:
        response = _opener(told).open(told.url, timeout=READ_S_MAX)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(_REFUSALS.get(error.code, f"it answers with {error.code}")) from None
    except ssl.SSLCertVerificationError:
        raise SourceError("nobody whom `ca` names vouches for its certificate") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise SourceError("nobody whom `ca` names vouches for its certificate") from None
        raise SourceError("it cannot be reached") from None
    except ValueError:  # of urllib, where what it asks for is neither Basic nor Digest, or again
        raise SourceError(_REFUSALS[401]) from None
    except (OSError, http.client.HTTPException):
        raise SourceError("it cannot be reached") from None
    message = response.headers
    boundary = _boundary(message)
    if boundary is None:
        response.close()
        kind = message.get_content_type()[:64]
        raise SourceError(f"it sends {kind!a} where {MULTIPART} was expected")
    return Mjpeg(response, boundary)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A camera that sends us elsewhere is another one than was configured."""

    def redirect_request(self, *_args: object, **_named: object) -> None:
        """No request follows."""


class _Digest(urllib.request.HTTPDigestAuthHandler):
    """With names and passwords in UTF-8 (RFC 7616, section 4), where urllib knows ASCII alone."""

    def get_algorithm_impls(
        self, algorithm: str
    ) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        """Hash, and hash of a secret and what it is bound to. Raises ValueError."""
        hashes = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
        if algorithm not in hashes:
            raise ValueError(f"digest by {algorithm[:16]!a}")

        def hashed(text: str) -> str:
            return hashes[algorithm](text.encode(), usedforsecurity=False).hexdigest()

        return hashed, lambda secret, data: hashed(f"{secret}:{data}")


def _opener(told: HttpSettings) -> urllib.request.OpenerDirector:
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if told.username is not None:
        known.add_password(None, told.url, told.username, told.password or "")
    authority = None if told.ca is None else told.ca.decode("ascii")
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=authority)),
        _Digest(known),
        urllib.request.HTTPBasicAuthHandler(known),
        _NoRedirect(),
    )


def _boundary(message: Message) -> bytes | None:
    """Between the parts; some cameras write it with its leading hyphens."""
    if message.get_content_type() != MULTIPART:
        return None
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary.strip('"-'):
        return None
    return boundary.strip('"').removeprefix("--").encode("latin-1", errors="replace")


def _fields(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
