"""What is wrong with a camera is told in time, and what is not is not.

The gates are of seeds that its limits were not chosen on.

`make campaign health` does the same at length.
"""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.cameras.api import CameraFault
from drivers.cameras.glance import HEIGHT, WIDTH, Glance, glance
from drivers.cameras.health import Health, about_faults
from drivers.cameras.latches import Latch
from drivers.cameras.view import View
from simulators.gate.failures import Failing, Failure
from simulators.gate.scene import Scene
from tests.drivers.cameras.health_runs import (
    FAULTS,
    HELD_OUT,
    SIZE,
    WITHIN_S,
    Always,
    Never,
    alarms,
    begin,
    failing,
    follow,
    found_after,
    settings,
    to_ns,
)

FIRST = HELD_OUT.start
GATES = {"day": (FIRST, 13.0), "night": (FIRST + 1, 22.0)}


@pytest.fixture(scope="module", params=GATES)
def begun(request):
    seed, hour = GATES[request.param]
    return begin(seed, hour)


@pytest.fixture(scope="module")
def by_day():
    return begin(*GATES["day"])


@pytest.mark.parametrize("failure", Failure)
def test_each_failure_is_told_by_its_name_within_ten_seconds(begun, failure):
    after_s, others = found_after(begun, failure)
    assert after_s is not None
    assert 0 < after_s <= WITHIN_S
    assert others == set()


def test_weather_people_cars_and_dusk_are_no_alarm():
    """Four hours of light in twenty minutes, a third of it at each of three gates."""
    for number, hour in enumerate((12.0, 16.0, 20.0)):
        judge = Health(settings(0.2))
        seed = FIRST + 10 + number
        assert alarms(seed, judge, fps=0.2, hour=hour, lasts_s=400.0, pace=12.0) == []


def test_a_judge_that_always_alarms_fails_by_the_hours_and_one_that_never_does_by_the_failures():
    assert alarms(FIRST, Never(), fps=1.0, hour=12.0, lasts_s=10.0) == []
    assert alarms(FIRST, Always(), fps=1.0, hour=12.0, lasts_s=10.0) != []
    never = begin(FIRST, 12.0, Never(), fps=1.0, lasts_s=2.0)
    always = begin(FIRST, 12.0, Always(), fps=1.0, lasts_s=2.0)
    for failure in Failure:
        assert found_after(never, failure)[0] is None
        assert found_after(always, failure)[0] is not None


def test_a_fault_ends_when_all_was_well_for_ten_seconds(by_day):
    source = failing(by_day, Failure.COVER, to_s=by_day.now_s + 12)
    told = list(follow(by_day, source, 30.0))
    covered = [one.after_s for one in told if one.faults]
    assert {one.faults for one in told} == {(), (CameraFault.COVERED,)}
    assert 21.0 <= max(covered) <= 23.0
    assert len(covered) == len([one for one in told if min(covered) <= one.after_s <= max(covered)])


def test_what_passes_within_three_seconds_is_no_fault(by_day):
    for failure in (Failure.COVER, Failure.DAZZLE, Failure.DARK, Failure.TURN, Failure.BLUR):
        source = failing(by_day, failure, to_s=by_day.now_s + 3)
        assert all(one.faults == () for one in follow(by_day, source, 10.0)), failure


def compressed(frame, quality):
    """As it comes out at the other end of a line."""
    written = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(written, cv2.IMREAD_COLOR)


def test_a_loop_that_was_compressed_again_is_one():
    scene = Scene(FIRST, size=SIZE, hour=13.0)
    fps, health = 5.0, Health(settings(5.0))
    loop = Failing(lambda at_s: compressed(scene.at(at_s), 90), Failure.LOOP, from_s=12.0)
    told = {}
    for number in range(int(28 * fps)):
        at_s = number / fps
        frame = loop(at_s) if at_s < 12.0 else compressed(loop(at_s), 80)
        told.setdefault(health.judge(glance(frame), to_ns(at_s)), at_s)
    assert told.keys() == {(), (CameraFault.LOOPED,)}
    # It resembles what was live only roughly; itself, from its second showing on, exactly.
    assert 12.0 < told[(CameraFault.LOOPED,)] <= 12.0 + 6.0 + WITHIN_S


def test_a_still_scene_of_a_live_camera_is_neither_frozen_nor_looped():
    """By night nothing moves; there is only the sensor's noise, and what JPEG leaves of it."""
    scene = Scene(FIRST, size=SIZE, hour=2.0, busy=0.0)
    lit = scene.before_sensor(0.0)
    random = np.random.default_rng(5)
    health = Health(settings(5.0))
    for number in range(150):
        frame = compressed(scene.sensed(lit, 1.0, random), 80)
        assert health.judge(glance(frame), to_ns(number / 5)) == ()


def restarted(scene, kept, failure=None, seen=None):
    """What a judge of another process says in its first ten seconds."""
    health = Health(settings(2.5), kept=kept, seen=seen)
    source = Failing(scene.at, failure)
    told = [health.judge(glance(source(number / 2.5)), to_ns(number / 2.5)) for number in range(26)]
    return {fault for faults in told for fault in faults}


def test_a_camera_that_was_turned_while_nobody_looked_is_told(by_day):
    kept = by_day.judge.kept()
    by_night = Scene(by_day.seed, size=SIZE, hour=23.0)
    assert restarted(by_night, kept) == set()
    assert restarted(by_night, kept, Failure.TURN) == {CameraFault.TURNED}
    assert restarted(Scene(FIRST + 5, size=SIZE), kept) == {CameraFault.TURNED}
    assert restarted(by_night, None, Failure.TURN) == set(), "what else could it know"


def test_what_is_kept_is_small_and_the_same_again(by_day):
    kept = by_day.judge.kept()
    assert len(kept) < 4000
    again = View.from_bytes(kept).to_bytes()
    assert again == kept


@pytest.mark.parametrize("strength", [0.15, 0.3])
def test_a_camera_that_was_knocked_by_a_few_degrees_is_turned(begun, strength):
    """By four and eight hundredths of what it sees: two to five degrees of a lens of 60."""
    after_s, others = found_after(begun, Failure.TURN, strength=strength)
    assert after_s is not None
    assert others == set()


def test_a_camera_that_sways_by_a_pixel_is_not_turned(begun):
    def swaying(at_s):
        moved = np.float32([[1, 0, 1.5 * np.sin(9 * at_s)], [0, 1, np.cos(7 * at_s)]])
        return cv2.warpAffine(begun.source(at_s), moved, SIZE, borderMode=cv2.BORDER_REFLECT)

    assert all(told.faults == () for told in follow(begun, swaying))


@pytest.mark.parametrize("damaged", [b"", b"view1", b"view9" + bytes(3264), bytes(3269)])
def test_what_is_no_kept_view_is_refused(damaged):
    with pytest.raises(ValueError, match="no view"):
        Health(kept=damaged)


def test_what_is_never_the_same_is_no_view_to_be_known_by():
    """Water, leaves, a screen: a camera that sees nothing else is never called turned."""
    assert Health().kept() is None
    random = np.random.default_rng(7)
    health = Health(settings(5.0))
    for number in range(80):
        spots = random.integers(40, 200, (18, 32, 3)).astype(np.uint8)
        frame = cv2.resize(spots, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
        assert health.judge(glance(frame), to_ns(number / 5)) == ()
    assert health.kept() is None


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_turned_camera_is_told_behind_privacy_masks(by_day, strength):
    """Their rims stay where they are, whatever the camera does."""
    seen = np.ones((HEIGHT, WIDTH), np.bool_)
    seen[:, : WIDTH // 2] = False
    seen[: HEIGHT // 3] = False

    def masked(scene):
        def at(at_s):
            frame = cv2.resize(scene(at_s), (WIDTH, HEIGHT))
            frame[~seen] = 0
            return frame

        return at

    health = Health(settings(2.5), seen=seen)
    scene = Scene(by_day.seed, size=SIZE, hour=13.0)
    turned = Failing(scene.at, Failure.TURN, from_s=25.0, strength=strength)
    told = {}
    for number in range(90):
        at_s = number / 2.5
        faults = health.judge(glance(masked(turned)(at_s)), to_ns(at_s))
        told.setdefault(faults, at_s)
    assert told.keys() == {(), (CameraFault.TURNED,)}
    assert told[(CameraFault.TURNED,)] <= 35.0


def test_faults_come_in_the_order_of_their_definition_and_with_words():
    every = tuple(CameraFault)
    assert set(FAULTS.values()) == set(every), "each is told of some failure"
    assert about_faults(every).count(";") == len(every) - 1
    assert about_faults(()) == ""


def test_the_page_says_what_each_fault_takes():
    page = Path("docs/devices.md").read_text().partition("### When a camera is not relied on")[2]
    assert re.findall(r"^\| `([a-z-]+)` \| ", page.partition("\n- ")[0], re.M) == [*CameraFault]


def test_frames_of_any_size_are_looked_at():
    for height, width in ((1080, 1920), (480, 640), (120, 160), (1920, 1080), (48, 48)):
        seen = glance(np.zeros((height, width, 3), np.uint8))
        assert isinstance(seen, Glance)
        assert (seen.view.shape, seen.grain.shape) == ((HEIGHT, WIDTH), (768,))


def test_a_latch_holds_and_lets_go():
    latch = Latch(hold_s=2.0, good_s=3.0)
    said = []
    for second, wrong in enumerate(
        [True, True, True, False, False, True, False, False, False, False]
    ):
        latch.tell(wrong, to_ns(second))
        said.append(latch.on)
    assert said == [False, False, True, True, True, True, True, True, False, False]
