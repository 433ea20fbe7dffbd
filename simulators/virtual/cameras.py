"""Cameras of a virtual site, and who compares faces before them: jobs with seeded latency, outcomes
and failures.

No picture is drawn. Who stands before a camera is known, and what the face process would say of
whom is drawn; what it may not say is that somebody else is her.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random

from controller.ids import HolderId
from controller.inputs import FaceOutcome
from drivers.cameras.api import CameraFault, CameraOptions, CameraReported, Picture
from drivers.faces.api import DIMENSIONS, FaceAnswer, FaceAsked, Prompt, Template
from edge.faces import Settled, Shelf
from simulators.virtual.hardware import Hardware, Portal, Signal
from simulators.virtual.seen import What

MODEL = "virtual"

READY_S_MIN, READY_S_MAX = 1.0, 4.0
"""From the start of the face process to its first question."""

SEEN_S_MIN, SEEN_S_MAX = 0.2, 0.8
TURNED_S_MIN, TURNED_S_MAX = 1.2, 3.0
"""Each turn of the head."""

LATE_SHARE, LATE_S_MAX = 0.05, 3.0
"""How often an answer comes behind its deadline, which the real one never does."""

HERSELF = (
    (FaceOutcome.MATCHED, 82),
    (FaceOutcome.NOT_LIVE, 5),
    (FaceOutcome.NOBODY, 3),
    (FaceOutcome.POOR, 3),
    (FaceOutcome.SEVERAL, 2),
    (FaceOutcome.WRONG, 3),
    (FaceOutcome.UNAVAILABLE, 2),
)
ANOTHER = (
    (FaceOutcome.WRONG, 70),
    (FaceOutcome.NOT_LIVE, 20),
    (FaceOutcome.NOBODY, 10),
)
"""What is said of whom, in shares of a hundred."""

Aim = Callable[[str], None]

ClockNs = Callable[[], int]
"""The edge's own monotonic clock, which begins anew with its machine."""


class VirtualCamera:
    """A camera at one portal, which outlives every program; `drivers.cameras.api.Camera`."""

    memory = -1
    """It has no frames."""

    def __init__(self, portal: str, clock_ns: ClockNs) -> None:
        self._clock_ns = clock_ns
        self.name = camera_of(portal)
        self.options = CameraOptions(driver="virtual", portal=portal)
        self._failing = False
        self._changed = Signal()

    def fail(self, failing: bool) -> None:
        """There is no signal any more, or there is again."""
        self._failing = failing
        self._changed.fire()

    async def run(self, report: Callable[[CameraReported], None]) -> None:
        """As `Camera.run`."""
        told: bool | None = None
        while True:
            if told is not self._failing:
                told = self._failing
                faults = (CameraFault.NO_SIGNAL,) if told else ()
                at_ns = self._clock_ns()
                about = "no pictures come" if told else "all is well"
                report(CameraReported(camera=self.name, at_ns=at_ns, faults=faults, about=about))
            await self._changed.wait(3_600.0)

    async def picture(self, at_ns: int, within_s: float) -> Picture | None:
        """None ever: nothing is drawn."""
        return None

    async def clip(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        """Nothing, as above."""
        return ()


class VirtualFaces:
    """`drivers.faces.api.FaceComparer`; one for all lives of an edge. `names`: whose templates."""

    def __init__(
        self,
        hardware: Hardware,
        names: Mapping[HolderId, str],
        clock_ns: ClockNs,
        chance: Random,
        aim: Aim,
    ) -> None:
        self._clock_ns = clock_ns
        self._portals = {camera_of(name): one for name, one in hardware.portals.items()}
        self._hardware = hardware
        self._owners = {_numbers(holder): name for holder, name in names.items()}
        self._chance = chance
        self._aim = aim
        self._ready = False
        self.gone = False
        """Whether the process has ended and does not come up."""

    @property
    def model(self) -> str | None:
        """As `FaceComparer.model`."""
        return MODEL if self._ready and not self.gone else None

    async def run(self) -> None:
        """As `FaceComparer.run`."""
        self._ready = False
        await asyncio.sleep(self._chance.uniform(READY_S_MIN, READY_S_MAX))
        self._ready = True
        await asyncio.get_running_loop().create_future()

    async def compare(self, asked: FaceAsked, prompt: Prompt) -> FaceAnswer:
        """As `FaceComparer.compare`, but that it may answer late."""
        self._aim("face")
        chance = self._chance
        await asyncio.sleep(chance.uniform(SEEN_S_MIN, SEEN_S_MAX))
        for turn in asked.turns:
            prompt(turn)
            await asyncio.sleep(chance.uniform(TURNED_S_MIN, TURNED_S_MAX))
        if chance.random() < LATE_SHARE:
            late_s = (asked.not_after_ns - self._clock_ns()) / 1e9 + chance.uniform(0.6, LATE_S_MAX)
            await asyncio.sleep(max(0.0, late_s))
        portal = self._portals[asked.camera]
        owner = self._owners[asked.template.mean]
        outcome = self._outcome(portal, owner)
        if outcome is FaceOutcome.MATCHED and self._clock_ns() <= asked.not_after_ns:
            self._hardware.tell(What.RECOGNISED, portal.name, owner)
        return FaceAnswer(question=asked.question, outcome=outcome, reason="as it was drawn")

    def _outcome(self, portal: Portal, owner: str) -> FaceOutcome:
        if self.gone:
            return FaceOutcome.UNAVAILABLE
        if portal.standing is None:
            return FaceOutcome.NOBODY
        shares = HERSELF if portal.standing == owner else ANOTHER
        outcomes, weights = zip(*shares, strict=True)
        return FaceOutcome(self._chance.choices(outcomes, weights)[0])


class VirtualShelf(Shelf):
    """Templates that nobody has to seal: whose one is, its numbers say."""

    def __init__(self) -> None:
        """Nothing is opened, and there is no file."""

    @property
    def there(self) -> bool:
        """No file is."""
        return False

    def close(self) -> None:
        """There is nothing to close."""

    def settle(self, faces: dict[HolderId, int], highest: int) -> Settled:
        """All that the journal has is here."""
        return Settled(0, 0, ())

    def template(self, holder: HolderId, version: int) -> Template:
        """As `Shelf.template`."""
        return Template(model=MODEL, version=version, mean=_numbers(holder))

    def portrait(self, holder: HolderId, version: int) -> bytes | None:
        """None is kept."""
        return None

    def former(self) -> tuple[str, int]:
        """There never was another key."""
        return "", 0


def camera_of(portal: str) -> str:
    """The name of the camera there."""
    return f"{portal}-camera"


def _numbers(holder: HolderId) -> bytes:
    """Numbers that nobody else has."""
    chance = Random(sha256(holder.encode()).digest())
    return struct.pack(f"<{DIMENSIONS}f", *(chance.uniform(-0.2, 0.2) for _ in range(DIMENSIONS)))
