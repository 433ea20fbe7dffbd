"""What goes over the pipe between the edge and the face process. Light."""

import msgspec

from drivers.faces.api import FaceAnswer, FaceAsked, Turn


class FaceSettings(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The first message to the process. `cameras`: their names, in the order of the descriptors
    that it inherits. `folder`: where the converted network is kept; None: nowhere.
    """

    cameras: tuple[str, ...]
    folder: str | None


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question. `number` is the asking process's own, so that no answer goes astray."""

    number: int
    asked: FaceAsked


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody waits for the answer any more."""

    number: int


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The engine stands. `about`: for people, what it computes with."""

    model: str
    about: str


class Prompted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the person is to do now; told at each change."""

    number: int
    turn: Turn | None


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The one answer to a question."""

    number: int
    answer: FaceAnswer


ToProcess = FaceSettings | Ask | Forget
FromProcess = Ready | Prompted | Answered
