"""What cameras saw as a rule, kept over a restart: by it a camera is found out that somebody turned
while the edge was down. It is no picture, and nobody is in it.
"""

import logging
from pathlib import Path

FOLDER = "cameras"
VIEW_BYTES_MAX = 256 * 1024
"""Many times what a view has; a larger file is somebody else's."""

log = logging.getLogger(__name__)


def kept_views(state: Path) -> dict[str, bytes]:
    """By camera. One that cannot be read is learnt anew."""
    found: dict[str, bytes] = {}
    for file in sorted((state / FOLDER).glob("*.view")):
        try:
            if file.stat().st_size <= VIEW_BYTES_MAX:
                found[file.stem] = file.read_bytes()
        except OSError as error:
            log.warning("what camera %s saw cannot be read: %s", file.stem, error.strerror)
    return found


def keep_view(state: Path, camera: str, view: bytes) -> None:
    """Keep it in place of the one before; without it the camera is only learnt anew."""
    folder = state / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        aside = folder / f"{camera}.new"
        aside.write_bytes(view)
        aside.replace(folder / f"{camera}.view")
    except OSError as error:
        log.warning("what camera %s saw is not kept: %s", camera, error.strerror)
