"""The drawing of the site that the site file names. Whoever shows it cleans it first."""

from pathlib import Path

from edge.control.messages_gate import PLAN_BYTES_MAX


class DrawingError(Exception):
    """It cannot be shown; `remedy`: what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def read_drawing(path: Path) -> bytes:
    """The file as it is now: a new drawing is shown without a restart. Blocks on the disk. Raises
    DrawingError.
    """
    try:
        if not path.is_file():
            raise DrawingError(f"{path} is no file", "name an SVG file in [pages] plan")
        with path.open("rb") as file:
            content = file.read(PLAN_BYTES_MAX + 1)
    except OSError as error:
        remedy = "let the daemon's account read it"
        raise DrawingError(f"{path} cannot be read: {error.strerror}", remedy) from error
    if len(content) > PLAN_BYTES_MAX:
        raise DrawingError(
            f"{path} has more than {PLAN_BYTES_MAX // 1024} KiB",
            "save it without pictures in it, and with fewer points",
        )
    if b"<svg" not in content:
        raise DrawingError(f"{path} is no SVG", "save the drawing as plain SVG")
    return content
