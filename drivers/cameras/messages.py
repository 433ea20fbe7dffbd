"""What a camera's process and the edge say to each other."""

import msgspec

from drivers.cameras.api import CameraFault, Masks, Picture, SourceSpec


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The first message: what to open, what to blacken, and what was kept of its view."""

    camera: str
    source: SourceSpec
    masks: Masks
    view: bytes | None

    def __repr__(self) -> str:
        return f"Begin({self.source!r})"


class PictureAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The frame nearest to a moment, at most `within_ns` from it."""

    question: int
    at_ns: int
    within_ns: int


class ClipAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Every kept frame between two moments."""

    question: int
    from_ns: int
    to_ns: int


Down = Begin | PictureAsked | ClipAsked


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How it is, every second and at each change. `last_ns`: when its newest frame came in; None:
    no frame since this process began. `faults` and `about` as in `CameraReported`.
    """

    last_ns: int | None
    faults: tuple[CameraFault, ...]
    about: str


class PictureTold(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to `PictureAsked`."""

    question: int
    picture: Picture | None


class ClipPart(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One frame of a clip, and None behind the last."""

    question: int
    picture: Picture | None


class ViewKept(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What its health is judged by after a restart; no picture (`drivers.cameras.health`)."""

    view: bytes


Up = Seen | PictureTold | ClipPart | ViewKept
