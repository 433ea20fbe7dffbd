"""Does a camera look a little elsewhere: its view, moved as a whole.

A camera that was knocked by three degrees still shows most of what it is known by, each thing a
little aside. Known is the mean of the edges, with their direction; it fits best where it is, or the
camera was turned. It stays in the memory of this process: of it a picture could be drawn.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.cameras.glance import HEIGHT, WIDTH

LEARNT_S = 10.0
MEMORY_S = 240.0
"""As `view.LEARNT_S` and `view.MEMORY_S`."""

ASIDE_PX, ASIDE_DOWN_PX = 3, 2
"""Of 160 and 90: a pole that sways by less was not turned."""

FITS_MIN = 0.3
FITS_BETTER = 0.15
"""Correlation of the view elsewhere: at least so much, and so much better than where it was. At
drawn gates it is 0.1 to 0.5 worse by day, by night and from one to the other, and 0.3 to 0.6 better
where the camera was turned by 3 to 15 hundredths of its width."""

MASK_PX = 9
"""Around a privacy mask so many pixels of 320 are left out: its rim, blurred."""


class Shift:
    """`seen`: (HEIGHT, WIDTH), where no privacy mask lies; None: none lies anywhere."""

    def __init__(self, seen: NDArray[np.bool_] | None) -> None:
        self._clear: NDArray[np.float32] | None = None
        if seen is not None:
            kernel = np.ones((2 * MASK_PX + 1, 2 * MASK_PX + 1), np.uint8)
            clear = cv2.erode(seen.astype(np.uint8), kernel)[::2, ::2]
            self._clear = np.asarray(clear, np.float32)[..., None]
        self._mean = np.zeros((HEIGHT // 2, WIDTH // 2, 2), np.float32)
        self._known_s = 0.0

    def learn(self, field: NDArray[np.float32], passed_s: float) -> None:
        """The edges (90, 160, 2) of a moment in which nothing was wrong."""
        self._known_s += passed_s
        share = min(1.0, passed_s / min(self._known_s, MEMORY_S)) if passed_s else 1.0
        self._mean += share * (self._real(field) - self._mean)

    def found(self, field: NDArray[np.float32]) -> bool:
        """Does the known view fit better elsewhere."""
        if self._known_s < LEARNT_S:
            return False
        real = self._real(field)
        norm = float(np.linalg.norm(real) * np.linalg.norm(self._mean))
        if norm == 0.0:
            return False
        # As complex numbers, right and down: their correlation is large where directions agree.
        both = cv2.mulSpectrums(cv2.dft(real), cv2.dft(self._mean), 0, conjB=True)
        fits = cv2.dft(both, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)[..., 0] / norm
        here = np.ix_(
            np.arange(-ASIDE_DOWN_PX, ASIDE_DOWN_PX + 1), np.arange(-ASIDE_PX, ASIDE_PX + 1)
        )
        best_here = float(np.max(fits[here]))
        fits[here] = -1.0
        return float(np.max(fits)) > max(FITS_MIN, best_here + FITS_BETTER)

    def _real(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        return field if self._clear is None else np.asarray(field * self._clear, np.float32)
