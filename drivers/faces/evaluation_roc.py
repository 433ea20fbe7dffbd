"""The curve of wrongly refused over wrongly accepted, as numbers and as a picture. Heavy."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from drivers.faces.evaluation import Compared, curve
from drivers.faces.interfaces import Image

WIDTH, HEIGHT = 900, 640
LEFT, RIGHT, TOP, BOTTOM = 90, 30, 70, 80
FLOOR: Final = 1e-5
"""Where the axis of the wrongly accepted begins: no folder of pictures bears out less."""

REFUSED_FLOOR: Final = 1e-3
"""Of the refused, below which a line lies on the axis."""

INK, GRID = (40, 40, 40), (222, 222, 222)
COLOURS: Final = ((176, 92, 24), (36, 110, 214), (80, 150, 40))
"""Blue, orange, green; BGR."""

Axis = tuple[int, int]


def roc_csv(found: Sequence[Compared]) -> str:
    """`comparison,threshold,refused,accepted`: the last two as shares between 0 and 1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("comparison", "threshold", "refused", "accepted"))
    for way in found:
        for at, refused, accepted in curve(way):
            writer.writerow((way.what, f"{at:.3f}", f"{refused:.6f}", f"{accepted:.8f}"))
    return out.getvalue()


def roc_png(title: str, found: Sequence[Compared]) -> bytes:
    """The curves on a page; to the left of what the counts bear out a curve ends."""
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    _axes(page, title)
    for number, way in enumerate(found):
        colour = COLOURS[number % len(COLOURS)]
        least = 1 / max(1, len(way.impostor))
        points = [
            (_x(accepted), _y(refused))
            for _, refused, accepted in curve(way)
            if accepted >= max(FLOOR, least)
        ]
        if points:
            line = np.array(points, np.int32)
            cv2.polylines(page, [line], False, colour, 2, cv2.LINE_AA)
            cv2.circle(page, points[0], 4, colour, -1, cv2.LINE_AA)
        said = f"{way.what}: {len(way.genuine)} of the same person, {len(way.impostor)} of two"
        _text(page, said, (LEFT + 14, TOP + 22 + 22 * number), colour)
    done, data = cv2.imencode(".png", page)
    assert done, "OpenCV writes PNG"
    return data.tobytes()


def _x(accepted: float) -> int:
    return round(LEFT + _along(accepted, FLOOR) * (WIDTH - LEFT - RIGHT))


def _y(refused: float) -> int:
    return round(HEIGHT - BOTTOM - _along(refused, REFUSED_FLOOR) * (HEIGHT - TOP - BOTTOM))


def _along(share: float, floor: float) -> float:
    """Where a share lies on a logarithmic axis that begins at `floor`: 0 to 1."""
    return 1 - math.log(min(1.0, max(floor, share))) / math.log(floor)


def _axes(page: Image, title: str) -> None:
    for power in range(round(math.log10(FLOOR)), 1):
        x = _x(10.0**power)
        cv2.line(page, (x, TOP), (x, HEIGHT - BOTTOM), GRID, 1)
        said = f"{100 * 10.0**power:g} %"
        _text(page, said, (x - 5 * len(said), HEIGHT - BOTTOM + 22), INK)
    for power in range(round(math.log10(REFUSED_FLOOR)), 1):
        y = _y(10.0**power)
        cv2.line(page, (LEFT, y), (WIDTH - RIGHT, y), GRID, 1)
        said = f"{100 * 10.0**power:g} %"
        _text(page, said, (LEFT - 12 - 9 * len(said), y + 5), INK)
    cv2.rectangle(page, (LEFT, TOP), (WIDTH - RIGHT, HEIGHT - BOTTOM), INK, 1)
    _text(page, title, (LEFT, 28), INK, 0.55)
    _text(page, "right ones refused (bottom: none, or fewer)", (LEFT, 54), INK)
    _text(page, "wrong ones accepted (end of a line: one pair)", (LEFT + 190, HEIGHT - 26), INK)


def _text(page: Image, said: str, at: Axis, colour: Sequence[int], size: float = 0.48) -> None:
    """OpenCV's font has no letters but ASCII's."""
    plain = said.encode("ascii", "replace").decode()
    cv2.putText(page, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
