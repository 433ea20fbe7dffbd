"""What each camera's view is known by, kept in the state folder over a restart of the edge.

A camera that was turned while nobody looked is told by it. It is no picture: a few thousand bytes
of where edges are (`drivers.cameras.health`), which the camera's own process makes and reads.
"""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from edge.secret_file import (
    SECRET_MODE,
    NotAFileError,
    OpenToOthersError,
    read_secret,
    replace_file,
)

CAMERAS = "cameras"
"""The folder in the state folder that holds what is known of each camera."""

BYTES_MAX = 1 << 16
"""Twenty times what a view has."""

log = logging.getLogger(__name__)


class CameraViews:
    """The kept views of one edge. What cannot be read is learnt anew, and told in the log."""

    def __init__(self, state: Path) -> None:
        self._folder = state / CAMERAS
        self._writing: set[asyncio.Task[None]] = set()

    def known(self, cameras: Iterable[str]) -> dict[str, bytes]:
        """What is known of these, before any of them runs."""
        found = ((name, self._read(name)) for name in cameras)
        return {name: view for name, view in found if view is not None}

    def keep(self, camera: str, view: bytes) -> None:
        """Keep another one; called on the event loop, which waits for no disk."""
        if len(view) > BYTES_MAX:
            return
        writing = asyncio.get_running_loop().create_task(
            asyncio.to_thread(self._write, camera, view), name=f"view of camera {camera}"
        )
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def settle(self) -> None:
        """Wait for what is being written."""
        if self._writing:
            await asyncio.wait(self._writing)

    def _read(self, camera: str) -> bytes | None:
        try:
            view = read_secret(self._file(camera), BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except (OSError, NotAFileError, OpenToOthersError) as error:
            log.error("the view of camera %s cannot be read: %s", camera, type(error).__name__)
            return None
        return view if len(view) <= BYTES_MAX else None

    def _write(self, camera: str, view: bytes) -> None:
        file = self._file(camera)
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            replace_file(file, view, SECRET_MODE)
        except OSError as error:
            log.error("the view of camera %s cannot be kept: %s", camera, error.strerror)

    def _file(self, camera: str) -> Path:
        return self._folder / f"{camera}.view"
