"""Is what comes really new: a frozen picture, and a recording that is shown again and again.

A sensor's noise never repeats. So two frames of one unmoving scene differ a little, always by about
as much; where one fits an older one far better than its neighbours do, it is that older one.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.cameras.glance import GRAIN, Glance

REMEMBERED = 16_384
"""Frames that are remembered, 96 pixels of each: 1.5 MB, 18 minutes of 15 frames a second. A loop
that is longer is not found."""

KEPT = 96
RECENT_S, RECENT_MIN, RECENT_MAX = 3.0, 6, 32
"""So many of the latest frames are compared with those that they seem to repeat."""

SLACK, BESIDE = 2, 4
"""By so many frames what is repeated may be shifted; and so many beside those have to fit less."""

LEVEL = 100.0
"""The grey level that frames are brought to before they are compared."""

LOOP_S_MIN = 1.0
"""What comes again sooner, or within six frames, is a source that sends frames twice, or one that
is frozen."""

BETTER = 0.5
"""A repeated frame differs from its original by at most so much of what neighbours do: 0 where the
bytes are the same, 0.2 to 0.4 where they were compressed again. Of what is new 0.85 and more in an
unmoving scene, less by chance where much moves."""

DIFFER_MIN = 8.0
"""Sum over the 96 pixels by which neighbours have to differ, so that anything can be said."""

FROZEN_S = 5.0
"""Below this a picture may stand still: key frames of a thrifty encoder come every few seconds."""

STILL_PIXELS = 4
"""So many of 768 single pixels may change in a picture that stands still: what an encoder does."""
STILL_VIEW = 0.02
"""And so much the averaged picture, in levels a pixel."""


class Stillness:
    """Since when the picture stands still."""

    def __init__(self) -> None:
        self._first: Glance | None = None
        self._since_ns = 0

    def still_s(self, seen: Glance, at_ns: int) -> float:
        """For how long, now that this frame came."""
        if self._first is None or not _same(self._first, seen):
            self._first, self._since_ns = seen, at_ns
        return (at_ns - self._since_ns) / 1e9


def _same(one: Glance, other: Glance) -> bool:
    changed = int(np.count_nonzero(one.grain != other.grain))
    if changed > STILL_PIXELS:
        return False
    return bool(cv2.norm(one.view, other.view, cv2.NORM_L1) <= STILL_VIEW * one.view.size)


class Loop:
    """Does what comes repeat what came before."""

    def __init__(self) -> None:
        self._pixels = np.zeros((REMEMBERED, KEPT), np.uint8)
        self._times_ns = np.zeros(REMEMBERED, np.int64)
        self._count = 0

    def add(self, seen: Glance, at_ns: int) -> None:
        """A frame came."""
        place = self._count % REMEMBERED
        self._pixels[place] = seen.grain[:: GRAIN // KEPT]
        self._times_ns[place] = at_ns
        self._count += 1

    def lag_s(self) -> float | None:
        """How old what comes now is; None where it is new, or nothing can be said."""
        held = min(self._count, REMEMBERED)
        order = np.arange(self._count - held, self._count) % REMEMBERED
        times_ns = self._times_ns[order]
        if held < 2 * RECENT_MIN:
            return None
        old = int(np.searchsorted(times_ns, times_ns[-1] - int(LOOP_S_MIN * 1e9)))
        begins = int(np.searchsorted(times_ns, times_ns[-1] - int(RECENT_S * 1e9)))
        recent = held - int(np.clip(held - begins, RECENT_MIN, RECENT_MAX))
        old = min(old, held - RECENT_MIN)
        if old < 1:
            return None
        # The latest that fits best: a short loop fits at every one of its rounds.
        backwards = self._pixels[order[:old][::-1]]
        best = old - 1 - _nearest(self._pixels[order[-1:]], backwards)
        if not self._repeats(order, recent, best):
            return None
        return float(times_ns[-1] - times_ns[best]) / 1e9

    def _repeats(self, order: NDArray[np.intp], recent: int, best: int) -> bool:
        """Are the frames from `recent` on those that end at `best`."""
        lag = len(order) - 1 - best
        reach = SLACK + BESIDE
        places = np.arange(max(recent, lag + reach), len(order))
        if len(places) < RECENT_MIN:
            return False
        now = _level(self._pixels[order[places]])
        # A frame that was left out, then or now, moves those behind it by one.
        apart = {
            shift: np.abs(now - _level(self._pixels[order[places - lag + shift]])).sum(1)
            for shift in range(-reach, min(reach, lag - 1) + 1)
        }
        fits = np.min([sums for shift, sums in apart.items() if abs(shift) <= SLACK], 0)
        beside = np.min([sums for shift, sums in apart.items() if abs(shift) > SLACK], 0)
        usual = min(_usual(now), float(np.median(beside)))
        return usual >= DIFFER_MIN and float(np.median(fits)) <= BETTER * usual


def _level(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Each frame brought to one brightness: a cloud's shadow makes neighbours differ, too."""
    means = pixels.mean(1, dtype=np.float32, keepdims=True)
    return np.asarray(pixels * (LEVEL / np.maximum(means, 1.0)), np.float32)


def _nearest(one: NDArray[np.uint8], others: NDArray[np.uint8]) -> int:
    """Which of the others differs least from the one, the first of them where several do."""
    found = cv2.batchDistance(one, others, cv2.CV_32S, normType=cv2.NORM_L1, K=1)
    return int(np.asarray(found[1])[0, 0])


def _usual(pixels: NDArray[np.float32]) -> float:
    """By how much two frames of one unmoving scene differ by their noise alone.

    Each is compared with the mean of the frames before and after it, so that light which grows or
    wanes does not count: that differs by the root of 1.5 standard deviations where two frames
    differ by the root of 2.
    """
    apart = np.abs(pixels[1:-1] - (pixels[:-2] + pixels[2:]) / 2).sum(1)
    return float(np.median(apart)) * math.sqrt(2 / 1.5)
