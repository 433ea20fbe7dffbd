"""Video that OpenCV reads: RTSP and files through FFmpeg, USB cameras through Video4Linux.

OpenCV blocks. Opening and reading have limits of their own here, and behind them stands the edge,
which kills a process that gives no sign of life.
"""

import os
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

import cv2
import msgspec

from drivers.cameras.settings import FileSettings, RtspSettings, UsbSettings
from drivers.cameras.source import (
    READ_S_MAX,
    PictureError,
    SourceError,
    check_size,
    due_after,
)

if TYPE_CHECKING:
    from drivers.frames import Image

OPEN_S_MAX = 5.0
"""To connect, and to learn of the stream what FFmpeg wants to know beforehand."""

_LIMITS = (
    *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(OPEN_S_MAX * 1000)),
    *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(READ_S_MAX * 1000)),
    *(cv2.CAP_PROP_N_THREADS, 1),  # one camera is one core's business at most
)

_RTSP_OPTIONS = "rtsp_transport;tcp|protocol_whitelist;rtsp,rtp,tcp,udp"
"""Over TCP nothing is torn by a lost packet, and one port is all that a firewall has to know."""
_FILE_OPTIONS = "protocol_whitelist;file"
"""A playlist that poses as a video reaches no other machine."""

_USB_SIZE = (1280, 720)
"""Asked for; the camera takes what is nearest to it."""

_PACE_DEFAULT, _PACE_MAX = 25.0, 120.0
"""Frames per second of a file that says nothing, or nonsense."""


class _Video:
    """What OpenCV has opened."""

    def __init__(self, capture: "cv2.VideoCapture", closed: str) -> None:
        if not capture.isOpened():
            capture.release()
            raise SourceError(closed)
        self._capture = capture
        size = (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        try:
            if any(size):  # some learn it with the first frame
                check_size(int(size[0]), int(size[1]))
        except PictureError as error:
            capture.release()
            raise SourceError(f"{error}") from None

    def close(self) -> None:
        """Let the device or the connection go."""
        self._capture.release()

    def _grab(self) -> None:
        if not self._capture.grab():
            raise SourceError("it sends no pictures any more")

    def _image(self) -> "Image":
        done, image = self._capture.retrieve()
        if not done or image is None:
            raise PictureError("a picture that cannot be decoded")
        return image  # type: ignore[return-value]


class Live(_Video):
    """A stream that comes at its own pace: all of it is read, and of the frames those that are due
    are taken.
    """

    def __init__(self, capture: "cv2.VideoCapture", closed: str) -> None:
        super().__init__(capture, closed)
        self._due_ns = 0

    def read(self) -> "Image":
        """As `Source.read`."""
        until = time.monotonic() + READ_S_MAX
        while time.monotonic() < until:
            self._grab()
            now = time.monotonic_ns()
            if now >= self._due_ns:
                self._due_ns = due_after(self._due_ns, now)
                return self._image()
        raise SourceError("it sends no pictures any more")


class Played(_Video):
    """A file at the pace that it was recorded in, from the beginning again or once."""

    def __init__(self, settings: FileSettings) -> None:
        super().__init__(_file(settings), "the file cannot be read as video")
        self._settings = settings
        pace = self._capture.get(cv2.CAP_PROP_FPS)
        self._step_s = 1 / (pace if 0 < pace <= _PACE_MAX else _PACE_DEFAULT)
        self._next = time.monotonic()

    def read(self) -> "Image":
        """As `Source.read`."""
        time.sleep(max(0.0, min(self._next - time.monotonic(), READ_S_MAX)))
        shown = False
        while not shown:  # what should have been shown already is left out
            self._next += self._step_s
            shown = self._next >= time.monotonic() - self._step_s
            if not self._capture.grab():
                self._again()
                shown = True
        return self._image()

    def _again(self) -> None:
        if not self._settings.loop:
            raise SourceError("the file has come to its end")
        self._capture.release()
        self._capture = _file(self._settings)
        if not self._capture.isOpened():
            raise SourceError("the file cannot be read as video")
        self._next = time.monotonic()
        self._grab()


def _file(settings: FileSettings) -> "cv2.VideoCapture":
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _FILE_OPTIONS
    return cv2.VideoCapture(settings.file, cv2.CAP_FFMPEG, _LIMITS)


def open_rtsp(settings: bytes) -> Live:
    """As `SourceSpec.opener`. Raises SourceError."""
    told = msgspec.msgpack.decode(settings, type=RtspSettings)
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _RTSP_OPTIONS
    capture = cv2.VideoCapture(_address(told), cv2.CAP_FFMPEG, _LIMITS)
    return Live(capture, "it cannot be reached, or refuses user and password")


def open_usb(settings: bytes) -> Live:
    """As `SourceSpec.opener`. Raises SourceError."""
    told = msgspec.msgpack.decode(settings, type=UsbSettings)
    os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = str(int(READ_S_MAX))
    capture = cv2.VideoCapture(told.device, cv2.CAP_V4L2)
    if capture.isOpened():
        # As pictures that the camera has compressed: a bus of USB 2 takes no others at this size.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, _USB_SIZE[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, _USB_SIZE[1])
    return Live(capture, "there is no such camera, or another program has it")


def open_file(settings: bytes) -> Played:
    """As `SourceSpec.opener`. Raises SourceError."""
    return Played(msgspec.msgpack.decode(settings, type=FileSettings))


def _address(told: RtspSettings) -> str:
    """With user and password in it, as FFmpeg takes them and nobody else sees it."""
    if told.username is None:
        return told.url
    parts = urlsplit(told.url)
    known = quote(told.username, safe="")
    if told.password is not None:
        known += ":" + quote(told.password, safe="")
    return urlunsplit(parts._replace(netloc=f"{known}@{parts.netloc}"))
