"""Which camera is believed at which passage, and what a comparison is asked and worth."""

import asyncio
import os

from controller.effects import AskFace
from controller.ids import AttemptId, EffectId, HolderId, PortalId, QuestionId, ReaderId
from controller.inputs import FaceOutcome
from drivers.cameras.api import CameraFault, CameraOptions, CameraReported, Picture
from drivers.faces.api import TEMPLATE_BYTES, FaceAnswer, FaceAsked, Prompt, Template, Turn
from edge.face_watch import BEFORE_US, FaceWatch
from policies.facts import Direction

ENTRY, EXIT = Direction.ENTRY, Direction.EXIT
TEMPLATE = Template(model="m", version=1, mean=bytes(TEMPLATE_BYTES))


class Eye:
    """A camera of which only the word counts here."""

    def __init__(self, name: str, portal: str, side: Direction = ENTRY) -> None:
        self.name = name
        self.options = CameraOptions(driver="usb", portal=portal, side=side)
        self.memory = -1

    async def run(self, report: object) -> None: ...

    async def picture(self, at_ns: int, within_s: float) -> Picture | None: ...

    async def clip(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        return ()


class Comparer:
    """Answers as it is told, once `meanwhile` has happened."""

    def __init__(self, outcome: FaceOutcome = FaceOutcome.MATCHED) -> None:
        self.model: str | None = "m"
        self.outcome = outcome
        self.asked: list[FaceAsked] = []
        self.meanwhile = lambda: None

    async def run(self) -> None: ...

    async def compare(self, asked: FaceAsked, prompt: Prompt) -> FaceAnswer:
        self.asked.append(asked)
        self.meanwhile()
        return FaceAnswer(question=asked.question, outcome=self.outcome, reason="as told")


def watching(
    *cameras: Eye, comparer: Comparer | None = None, **distances: float
) -> tuple[FaceWatch, Comparer]:
    faces = comparer or Comparer()
    by_name = {camera.name: camera for camera in cameras}
    watch = FaceWatch(by_name, faces, distances, os.urandom)

    async def template(_: HolderId) -> Template | None:
        return TEMPLATE

    watch.template = template
    for camera in cameras:
        says(watch, camera.name)
    return watch, faces


def says(watch: FaceWatch, camera: str, *faults: CameraFault) -> None:
    watch.heard(CameraReported(camera=camera, at_ns=1, faults=faults, about=""))


def question(portal: str = "gate", turns: int = 2, distance_max: float = 0.5) -> AskFace:
    return AskFace(
        id=EffectId("7.0"),
        cause=7,
        not_after_us=9_000_000,
        drill=False,
        question=QuestionId("q1"),
        attempt=AttemptId("a1"),
        reader=ReaderId("gate-in"),
        portal=PortalId(portal),
        direction=ENTRY,
        holder=HolderId("h1"),
        distance_max=distance_max,
        turns=turns,
    )


def compared(watch: FaceWatch, asked: AskFace | None = None) -> tuple[FaceOutcome, str]:
    return asyncio.run(watch.compare(asked or question(), lambda _turn: None))


def test_a_face_is_asked_for_where_a_camera_that_is_well_looks_and_nowhere_else() -> None:
    watch, faces = watching(Eye("one", "gate"), Eye("two", "hall", EXIT))
    assert watch.sees("gate", ENTRY)
    assert watch.sees("hall", EXIT)
    assert not watch.sees("gate", EXIT)
    assert not watch.sees("hall", ENTRY)
    faces.model = None
    assert not watch.sees("gate", ENTRY), "nothing compares yet"


def test_a_camera_that_has_not_said_that_it_is_well_is_not_believed() -> None:
    watch = FaceWatch({"one": Eye("one", "gate")}, Comparer(), {}, os.urandom)
    assert not watch.sees("gate", ENTRY)
    assert compared(watch)[0] is FaceOutcome.UNAVAILABLE
    for fault in CameraFault:
        says(watch, "one")
        assert watch.sees("gate", ENTRY)
        says(watch, "one", fault)
        assert not watch.sees("gate", ENTRY)


def test_of_two_cameras_at_one_passage_the_one_that_sees_is_asked() -> None:
    watch, faces = watching(Eye("one", "gate"), Eye("two", "gate"))
    says(watch, "one", CameraFault.COVERED)
    assert compared(watch)[0] is FaceOutcome.MATCHED
    assert [asked.camera for asked in faces.asked] == ["two"]


def test_a_camera_that_fails_during_a_comparison_matches_nobody() -> None:
    watch, faces = watching(Eye("one", "gate"))
    faces.meanwhile = lambda: says(watch, "one", CameraFault.FROZEN)
    assert compared(watch) == (FaceOutcome.UNAVAILABLE, "camera one failed meanwhile")


def test_without_a_template_nobody_is_compared() -> None:
    watch, faces = watching(Eye("one", "gate"))

    async def none(_: HolderId) -> Template | None:
        return None

    watch.template = none
    assert compared(watch)[0] is FaceOutcome.UNAVAILABLE
    assert not faces.asked


def test_a_comparison_ends_before_the_core_stops_waiting() -> None:
    watch, faces = watching(Eye("one", "gate"))
    compared(watch)
    assert faces.asked[0].not_after_ns == (9_000_000 - BEFORE_US) * 1_000
    assert BEFORE_US > 0


def test_the_policys_distance_holds_but_for_people_that_a_simulator_draws() -> None:
    watch, faces = watching(Eye("one", "gate"), Eye("two", "hall"), two=0.42)
    compared(watch, question(distance_max=0.45))
    compared(watch, question("hall", distance_max=0.45))
    assert [asked.distance_max for asked in faces.asked] == [0.45, 0.42]


def test_which_way_to_turn_is_drawn_anew_each_time_and_all_orders_come() -> None:
    watch, faces = watching(Eye("one", "gate"))
    for _ in range(200):  # that one of the four is missing then happens once in 10^24
        compared(watch)
    orders = {asked.turns for asked in faces.asked}
    left, right = Turn.LEFT, Turn.RIGHT
    assert orders == {(left, left), (left, right), (right, left), (right, right)}
    compared(watch, question(turns=0))
    assert faces.asked[-1].turns == ()
