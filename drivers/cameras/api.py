"""What every camera is to the edge. Nothing here needs more than the standard library and msgspec:
pictures are decoded, masked and judged in the camera's own process.

An installed kind of camera is a `CameraFamily` behind an entry point of the group
`sentrypost.cameras`; the entry point's name is what a site file calls `driver = "…"`.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from drivers.family import About
from policies.facts import Direction
from policies.model import Entry

FAMILIES_GROUP = "sentrypost.cameras"

PICTURE_BYTES_MAX = 4 << 20
"""A JPEG of Full HD at quality 85 has 0.3 to 1 MB, and one of pure noise 3 MB."""

POLYGONS_MAX, CORNERS_MAX = 16, 32

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""Of the picture's width from the left, or of its height from above."""

Corner = Annotated[tuple[Share, ...], msgspec.Meta(min_length=2, max_length=2)]
"""Across, down."""

Polygon = Annotated[tuple[Corner, ...], msgspec.Meta(min_length=3, max_length=CORNERS_MAX)]

Masks = Annotated[tuple[Polygon, ...], msgspec.Meta(max_length=POLYGONS_MAX)]


class CameraFault(StrEnum):
    """Why a camera is not to be relied on."""

    NO_SIGNAL = "no-signal"
    SLOW = "slow"
    FROZEN = "frozen"
    LOOPED = "looped"
    COVERED = "covered"
    BLURRED = "blurred"
    TURNED = "turned"
    DARK = "dark"
    DAZZLED = "dazzled"


class CameraReported(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera is: once it is known, and then at each change. `faults`: in the order of their
    definition, none where all is well. `about`: for people to read. `at_ns`: monotonic.
    """

    camera: str
    at_ns: int
    faults: tuple[CameraFault, ...]
    about: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One frame as JPEG, already masked. `at_ns`: monotonic, when it came in."""

    camera: str
    at_ns: int
    jpeg: bytes
    width: int
    height: int

    def __repr__(self) -> str:
        return f"Picture(camera={self.camera!r}, at_ns={self.at_ns}, {self.width}x{self.height})"


class CameraOptions(Entry, frozen=True, kw_only=True):
    """What every `[camera.NAME]` has; a family adds its own keys.

    It looks at whoever wants to go through `portal` in this direction. `masks`: polygons that are
    black in whatever leaves the camera's process, before anything else is done.
    """

    driver: str
    portal: str
    side: Direction = Direction.ENTRY
    masks: Masks = ()


class CameraSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One camera as the site file describes it. `files`: by key, what the named files hold.
    `folder`: the site file's, from which relative names are read.
    """

    name: str
    options: CameraOptions
    files: Mapping[str, bytes] = {}
    folder: str = ""

    def __repr__(self) -> str:
        return f"CameraSpec(name={self.name!r})"


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the camera's process opens. `opener`: `module:function`, imported there and called with
    `settings`, which may be secret; it gives a `drivers.cameras.source.Source`.
    """

    opener: str
    settings: bytes

    def __repr__(self) -> str:
        return f"SourceSpec(opener={self.opener!r})"


def _no_threshold(_options: CameraOptions) -> float | None:
    return None


class CameraFamily(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of camera.

    `source` says what its process opens, and opens nothing. It raises ValueError with one message,
    for people to read, for each thing that cannot be as it is described. `distance_max`: a face's
    distance to the template below which it counts as hers, for simulated people alone; None: as the
    policy has it.
    """

    options: type[CameraOptions]
    source: Callable[[CameraSpec], SourceSpec]
    about: About
    distance_max: Callable[[CameraOptions], float | None] = _no_threshold


class Camera(Protocol):
    """A camera at the edge: `drivers.cameras.camera.CameraProcess`, or a model in virtual time."""

    name: str
    options: CameraOptions
    memory: int
    """The descriptor of its frames (`drivers.frames`)."""

    async def run(self, report: Callable[[CameraReported], None]) -> None:
        """Serve it until cancelled; reports come on the event loop."""

    async def picture(self, at_ns: int, within_s: float) -> Picture | None:
        """The frame nearest to a moment, at most `within_s` from it; None: none in time. Never
        raises.
        """

    async def clip(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        """The frames between two moments of which it has kept a few each second, oldest first; as
        many as there are. Never raises.
        """
