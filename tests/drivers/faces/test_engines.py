"""The fast engine beside the one that others wrote."""

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivers.faces.engine import FastEngine
from drivers.faces.following import Follower
from drivers.faces.interfaces import Box, FaceEngine, FoundFace, Image
from simulators.people.portrait import Figure, picture
from tests.drivers.faces.scenes import ADA, BEN, CLARA, FRAME_NS, before_camera, moments

if TYPE_CHECKING:
    from drivers.faces.engine_reference import ReferenceEngine

pytestmark = pytest.mark.filterwarnings("ignore:pkg_resources")

SAME_CROP = 1e-5
OTHER_CROP_MOST = 0.25
"""How far a vector moves when the face was found at half the size: 0.083 for 95 of 100 real faces
(face.md section 2), twice that for drawn ones.
"""


@pytest.fixture(scope="session")
def reference() -> "ReferenceEngine":
    # It loads four networks, and every worker collects this file.
    from drivers.faces.engine_reference import ReferenceEngine

    return ReferenceEngine(upsample=0)


@pytest.fixture(scope="session")
def wide() -> Image:
    """1280x720, which the fast engine halves."""
    return picture((Figure(ADA, size_px=220),), frame=(1280, 720))


def overlap(one: Box, other: Box) -> float:
    """Of the two boxes' common area."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0, across) * max(0, down)
    return common / (one.width * one.height + other.width * other.height - common)


def only(faces: tuple[FoundFace, ...]) -> FoundFace:
    (face,) = faces
    return face


def test_both_give_the_same_vector_of_the_same_face(
    engine: FastEngine, reference: "ReferenceEngine"
):
    assert engine.model == reference.model
    for person in (ADA, BEN, CLARA):
        image = before_camera(person)
        face = only(engine.find(image))
        theirs = reference.describe(image, face)
        assert np.abs(engine.describe(image, face) - theirs).max() < SAME_CROP


def test_both_find_the_same_faces(engine: FastEngine, reference: "ReferenceEngine", wide: Image):
    for image in (before_camera(ADA), before_camera(ADA, BEN), before_camera(), wide):
        ours, theirs = engine.find(image), reference.find(image)
        assert len(ours) == len(theirs)
        by_place = zip(
            sorted(ours, key=lambda face: face.box.left),
            sorted(theirs, key=lambda face: face.box.left),
            strict=True,
        )
        for one, other in by_place:
            assert overlap(one.box, other.box) > 0.5
            vectors = engine.describe(image, one) - reference.describe(image, other)
            assert np.linalg.norm(vectors) < OTHER_CROP_MOST


def test_the_points_are_hers_as_seen_from_her(engine: FastEngine):
    face = only(engine.find(before_camera(ADA)))
    left_eye, right_eye, nose = face.points[0], face.points[2], face.points[4]
    assert left_eye[0] > nose[0] > right_eye[0], "her left is on the right of the picture"
    assert nose[1] > left_eye[1]


@pytest.mark.parametrize("engine_name", ["engine", "reference"])
def test_a_part_of_the_picture_shows_what_is_in_it(
    request: pytest.FixtureRequest, engine_name: str
):
    engine: FaceEngine = request.getfixturevalue(engine_name)
    image = before_camera(ADA, BEN)
    left, right = sorted(engine.find(image), key=lambda face: face.box.left)
    for within, whole in (
        (Box(0, 0, 320, 480), left),
        (Box(-90, -9, 320, 480), left),
        (Box(320, 0, 900, 900), right),
    ):
        here = only(engine.find(image, within))
        assert overlap(here.box, whole.box) > 0.5
        assert np.abs(here.points - whole.points).max() < 0.1 * whole.box.width


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (7, 9), (1, 1500), (1500, 2)])
def test_a_picture_too_small_for_a_face_shows_none(engine: FastEngine, size: tuple[int, int]):
    assert engine.find(np.zeros((*size, 3), np.uint8)) == ()


class Counted:
    """Hands on to an engine, and remembers where it was told to look."""

    def __init__(self, engine: FaceEngine) -> None:
        self._engine = engine
        self.looks: list[str] = []

    @property
    def model(self) -> str:
        return self._engine.model

    def find(self, image: Image, within: Box | None = None) -> tuple[FoundFace, ...]:
        self.looks.append("whole" if within is None else "part")
        return self._engine.find(image, within)

    def describe(self, image: Image, face: FoundFace, jitter: int = 0) -> np.ndarray:
        return self._engine.describe(image, face, jitter)


def test_a_face_is_followed_and_the_whole_looked_at_ever_again(engine: FastEngine):
    counted, follower = Counted(engine), Follower()
    for number, image in enumerate(islice(moments(before_camera(ADA)), 7)):
        assert len(follower.look(counted, image, number * FRAME_NS // 3).faces) == 1
    assert counted.looks == ["whole", "part", "part"] * 2 + ["whole"]


def test_an_empty_room_is_not_looked_at_until_something_moves(engine: FastEngine):
    counted, follower = Counted(engine), Follower()
    for number, image in enumerate(islice(moments(before_camera()), 6)):
        look = follower.look(counted, image, number * FRAME_NS)
        assert look.whole
        assert look.faces == ()
    assert counted.looks == ["whole"]
    look = follower.look(counted, before_camera(ADA), 6 * FRAME_NS)
    assert len(look.faces) == 1


def test_who_steps_in_beside_her_is_seen_with_the_next_frame_of_ten_a_second(engine: FastEngine):
    follower = Follower()
    follower.look(engine, before_camera(ADA), 0)
    beside = picture((Figure(ADA), Figure(BEN, size_px=120, centre=(90, 240))))
    assert len(follower.look(engine, beside, FRAME_NS).faces) == 2
