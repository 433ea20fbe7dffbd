"""Who stands before the cameras of passages: which of them can be relied on, and what came of
comparing somebody with her own template.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from controller.effects import AskFace
from controller.ids import HolderId
from controller.inputs import FaceOutcome
from drivers.cameras.api import Camera, CameraFault, CameraReported
from drivers.faces.api import FaceAsked, FaceComparer, Prompt, Template, Turn
from policies.facts import Direction

BEFORE_US = 500_000
"""So long before the core stops waiting the comparison ends: an answer that comes as it does would
be late, and the person would have stood there for nothing."""

TemplateOf = Callable[[HolderId], Awaitable[Template | None]]

log = logging.getLogger(__name__)


async def _no_template(_holder: HolderId) -> Template | None:
    return None


class FaceWatch:
    """One edge's. `faces`: None where nothing compares faces. `distances`: by camera, of simulated
    ones alone, the distance that holds for the people it shows.
    """

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        faces: FaceComparer | None,
        distances: Mapping[str, float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.cameras = cameras
        self.faces = faces
        self._distances = distances
        self._entropy = entropy
        self._faults: dict[str, tuple[CameraFault, ...]] = {}
        self.template: TemplateOf = _no_template

    def heard(self, reported: CameraReported) -> None:
        """A camera says how it is."""
        self._faults[reported.camera] = reported.faults

    def camera_at(self, portal: str, direction: Direction) -> Camera | None:
        """The first camera that looks at this passage and can be relied on. One that has not said
        so yet cannot.
        """
        for name, camera in self.cameras.items():
            looks_there = (camera.options.portal, camera.options.side) == (portal, direction)
            if looks_there and self._faults.get(name) == ():
                return camera
        return None

    def sees(self, portal: str, direction: Direction) -> bool:
        """Whether a face can be asked for here now."""
        ready = self.faces is not None and self.faces.model is not None
        return ready and self.camera_at(portal, direction) is not None

    async def compare(self, asked: AskFace, prompt: Prompt) -> tuple[FaceOutcome, str]:
        """What came of it, and why, for people. Raises nothing."""
        camera = self.camera_at(asked.portal, asked.direction)
        if self.faces is None or camera is None:
            return FaceOutcome.UNAVAILABLE, "no camera that can be relied on looks there"
        template = await self.template(asked.holder)
        if template is None:
            return FaceOutcome.UNAVAILABLE, "there is no template that can be used"
        assert asked.not_after_us is not None, "nobody is compared for ever"
        answer = await self.faces.compare(
            FaceAsked(
                question=asked.question,
                camera=camera.name,
                template=template,
                distance_max=self._distances.get(camera.name, asked.distance_max),
                turns=self._turns(asked.turns),
                not_after_ns=(asked.not_after_us - BEFORE_US) * 1_000,
            ),
            prompt,
        )
        if self._faults.get(camera.name) != ():
            # Whatever was seen, it was seen by a camera that cannot be relied on any more.
            return FaceOutcome.UNAVAILABLE, f"camera {camera.name} failed meanwhile"
        return answer.outcome, answer.reason

    def _turns(self, count: int) -> tuple[Turn, ...]:
        """In an order that nobody knows before: half of all bytes are odd."""
        return tuple(Turn.LEFT if one & 1 else Turn.RIGHT for one in self._entropy(count))
