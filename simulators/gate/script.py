"""What happens before one simulated camera when somebody only wants to see it."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import cv2

from drivers.faces.api import Turn
from simulators.gate.failures import Failure
from simulators.gate.stage import Stage
from simulators.people.scenes import Scene as Person

FAILS_S = 3.0
COMES_S, ASKED_S, ASKED_AGAIN_S, GOES_S = 1.0, 4.0, 6.5, 9.0
"""When it fails; when somebody comes, is asked to turn left and then right, and goes."""


class Script:
    """`person` comes, turns both ways and goes; the camera fails. Times count from `begin`."""

    def __init__(self, stage: Stage, person: Person | None, failure: Failure | None) -> None:
        self._stage = stage
        acts: list[tuple[float, Callable[[float], None]]] = []
        if person is not None:
            acts = [
                (COMES_S, lambda now_s: stage.come(person, now_s)),
                (ASKED_S, lambda now_s: stage.turn(Turn.LEFT, now_s)),
                (ASKED_AGAIN_S, lambda now_s: stage.turn(Turn.RIGHT, now_s)),
                (GOES_S, stage.go),
            ]
        if failure is not None:
            acts.append((FAILS_S, lambda now_s: stage.fail(failure, now_s)))
        self._acts = deque(sorted(acts, key=lambda act: act[0]))
        self._began_s = 0.0

    def begin(self, now_s: float) -> None:
        """It begins."""
        self._began_s = now_s

    def advance(self, now_s: float) -> None:
        """Whatever is due happens."""
        while self._acts and self._began_s + self._acts[0][0] <= now_s:
            at_s, act = self._acts.popleft()
            act(self._began_s + at_s)

    def film(self, file: Path, lasts_s: float) -> int:
        """Write it as a video (Motion JPEG, .avi), faster or slower than it happens.

        Gives the number of frames. Raises OSError.
        """
        writer: cv2.VideoWriter | None = None
        count = 0
        try:
            for number in range(int(lasts_s * self._stage.fps)):
                now_s = number / self._stage.fps
                self.advance(now_s)
                frame = self._stage.frame(now_s)
                if frame is None:
                    continue
                if writer is None:
                    size = (frame.shape[1], frame.shape[0])
                    motion_jpeg = cv2.VideoWriter.fourcc(*"MJPG")
                    writer = cv2.VideoWriter(str(file), motion_jpeg, self._stage.fps, size)
                    if not writer.isOpened():
                        raise OSError(f"no video can be written there: {file}")
                writer.write(frame)
                count += 1
        finally:
            if writer is not None:
                writer.release()
        return count
