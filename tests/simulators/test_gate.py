"""The gate that a simulated camera shows, what goes wrong with it, and its server."""

import asyncio
import contextlib
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import cv2
import msgspec
import numpy as np
import pytest

from drivers.cameras.api import CameraFault, CameraSpec
from drivers.cameras.camera import CameraProcess
from drivers.cameras.mjpeg import open_mjpeg
from drivers.cameras.settings import HttpSettings
from drivers.cameras.source import SourceError
from drivers.faces.api import Turn
from edge.cameras import camera_families
from simulators.gate import commands
from simulators.gate.failures import Failing, Failure
from simulators.gate.family import DISTANCE_MAX, SimulatedCamera, family
from simulators.gate.scene import Scene
from simulators.gate.server import VIEWERS_MAX, CameraServer
from simulators.gate.stage import Stage, put
from simulators.people.clips import Clips
from simulators.people.scenes import How
from simulators.people.scenes import Scene as Person
from tests.drivers.cameras.health_runs import FAULTS

DEADLINE_S = 60.0
"""For what has to happen, on a machine that does much else."""

SMALL = (160, 120)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return Clips(tmp_path_factory.mktemp("clips"))


def small_stage(clips, **how):
    return Stage(3, clips, size=SMALL, fps=5.0, busy=0.0, **how)


def person(how=How.LIVE, size_px=60):
    return Person(identity=17, how=how, size_px=size_px)


# --- the scene ---


def test_a_moment_of_a_seed_is_the_same_picture_and_of_another_it_is_not():
    first, again, other = (Scene(seed, size=(160, 90)) for seed in (5, 5, 6))
    assert np.array_equal(first.at(7.0), again.at(7.0))
    assert np.array_equal(first.at(7.0), first.at(7.0)), "whatever was asked for between"
    assert np.abs(first.at(7.0).astype(int) - other.at(7.0)).mean() > 10


def test_the_noise_of_a_sensor_is_never_the_same_twice():
    scene = Scene(5, size=(160, 90), busy=0.0)
    frames = [scene.at(number / 10) for number in range(20)]
    differ = [
        np.count_nonzero(one != other) / one.size
        for number, one in enumerate(frames)
        for other in frames[:number]
    ]
    assert min(differ) > 0.5


def test_nights_are_lit_by_the_lamp_over_the_door():
    scene = Scene(5, size=(160, 90), hour=23.0, busy=0.0)
    left, top, right, bottom = scene.door
    night = scene.at(1.0)
    at_door = night[max(0, top - 20) : bottom, left:right].mean()
    assert at_door > 1.5 * night[: top // 3].mean()


# --- failures ---


def test_a_failure_begins_and_ends_when_it_was_told_to():
    scene = Scene(5, size=(160, 90), busy=0.0)
    for failure in Failure:
        source = Failing(scene.at, failure, from_s=2.0, to_s=5.0, loop_s=1.0)
        frames = {at_s: source(at_s) for at_s in np.arange(0.0, 7.0, 0.25)}
        for at_s, frame in frames.items():
            whole = np.array_equal(frame, scene.at(at_s))
            assert whole == (
                not 2.0 <= at_s < 5.0 or (failure is Failure.SLOW and at_s in {2.0, 4.0})
            )


def test_a_loop_shows_the_last_seconds_again_and_a_freeze_the_last_frame():
    scene = Scene(5, size=(160, 90), busy=0.0)
    loop = Failing(scene.at, Failure.LOOP, from_s=2.0, loop_s=1.0)
    shown = [loop(number / 4) for number in range(20)]
    for number in range(8, 20):
        assert np.array_equal(shown[number], shown[4 + number % 4])
    freeze = Failing(scene.at, Failure.FREEZE, from_s=2.0)
    still = [freeze(number / 4) for number in range(12)]
    assert all(np.array_equal(one, still[7]) for one in still[8:])


def test_the_page_says_what_each_failure_is_told_as():
    page = Path("docs/simulation.md").read_text()
    told = {}
    for names, fault in re.findall(r"^\| .+ \| (`[a-z`, ]+`) \| `([a-z-]+)` \|$", page, re.M):
        told |= dict.fromkeys(re.findall("[a-z]+", names), fault)
    assert told == {failure.value: fault.value for failure, fault in FAULTS.items()}


def test_the_command_offers_what_there_is():
    assert tuple(Failure) == commands.FAILURES
    assert tuple(How) == commands.HOWS


# --- the stage ---


def test_somebody_comes_turns_and_goes(clips):
    stage, empty = small_stage(clips), small_stage(clips)
    stage.come(person(), 0.0)

    def there(at_s):
        """How much of the middle is not the gate."""
        apart = np.abs(stage.frame(at_s).astype(int) - empty.frame(at_s)).max(2)
        return float((apart[30:90, 55:105] > 25).mean())

    ahead = there(2.0)
    assert ahead > 0.5
    still = stage.frame(2.0)
    stage.turn(Turn.LEFT, 2.0)
    turned = stage.frame(3.4)
    assert np.abs(turned.astype(int) - still)[30:90, 55:105].mean() > 8
    stage.go(6.0)
    assert there(12.0) < 0.05


def test_whoever_stands_there_is_not_a_loop_of_clips(clips):
    stage = small_stage(clips)
    stage.come(person(), 0.0)
    stage.frame(2.0)
    # The clip of standing lasts two seconds.
    one, same_of_clip = stage.frame(4.0), stage.frame(6.0)
    assert np.count_nonzero(one != same_of_clip) / one.size > 0.5


def test_a_frame_that_is_fed_into_the_line_is_the_same_to_the_byte(clips):
    stage = small_stage(clips)
    stage.come(person(How.FROZEN), 0.0)
    stage.frame(2.0)
    assert np.array_equal(stage.frame(2.4), stage.frame(3.0))


def test_clothes_as_grey_as_the_backdrop_stay():
    shown = np.full((120, 160, 3), 128, np.uint8)
    cv2.rectangle(shown, (50, 40), (110, 119), (20, 30, 200), -1)
    cv2.rectangle(shown, (70, 60), (90, 100), (128, 128, 128), -1)
    lit = np.zeros((120, 160, 3), np.float32)
    put(lit, shown)
    assert lit[80, 80].tolist() == [128, 128, 128]
    assert lit[80, 60].tolist() == [20, 30, 200]
    assert lit[20, 20].tolist() == [0, 0, 0]


# --- the server ---


def served(clips, scenario, **how):
    """Run `scenario(server)` beside a server of a small gate."""

    async def both():
        server = CameraServer(small_stage(clips, **how))
        ready = asyncio.Event()
        running = asyncio.create_task(server.run(ready.set))
        try:
            async with asyncio.timeout(DEADLINE_S):
                await ready.wait()
                return await scenario(server)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return asyncio.run(both())


def opened(server):
    return open_mjpeg(msgspec.msgpack.encode(HttpSettings(url=server.url)))


def test_the_source_of_ip_cameras_reads_it(clips):
    async def look(server):
        source = await asyncio.to_thread(opened, server)
        frames = [await asyncio.to_thread(source.read) for _ in range(3)]
        source.close()
        return frames

    first, second, third = served(clips, look)
    assert first.shape == (SMALL[1], SMALL[0], 3)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_a_silent_camera_sends_nothing_to_whoever_comes_again(clips):
    """Not even the frame that it had last."""

    async def look(server):
        before = await asyncio.to_thread(opened, server)
        await asyncio.to_thread(before.read)
        server.stage.fail(Failure.SILENT, server.clock_s())
        await asyncio.to_thread(before.close)
        again = await asyncio.to_thread(opened, server)
        seen = 0
        with contextlib.suppress(SourceError):
            while seen < 2:  # one may have been on its way
                await asyncio.to_thread(again.read)
                seen += 1
        again.close()
        assert seen < 2
        server.stage.fail(None, server.clock_s())
        whole = await asyncio.to_thread(opened, server)
        await asyncio.to_thread(whole.read)
        whole.close()

    served(clips, look)


async def asked(server, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read(1 << 20)
    writer.close()
    return answer


def test_it_answers_what_it_has_and_nothing_else(clips):
    async def look(server):
        return [
            await asked(server, request + b" HTTP/1.1\r\n\r\n")
            for request in (b"GET /picture.jpg", b"GET /etc/passwd", b"POST /", b"")
        ]

    picture, other, posted, nothing = served(clips, look)
    assert picture.startswith(b"HTTP/1.1 200")
    assert picture.partition(b"\r\n\r\n")[2].startswith(b"\xff\xd8")
    assert other.startswith(b"HTTP/1.1 404")
    assert posted.startswith(b"HTTP/1.1 405")
    assert nothing.startswith(b"HTTP/1.1 405")


def test_it_has_so_many_viewers_and_no_more(clips):
    async def look(server):
        sources = [await asyncio.to_thread(opened, server) for _ in range(VIEWERS_MAX)]
        with pytest.raises(SourceError, match="as many viewers as it can"):
            await asyncio.to_thread(opened, server)
        for source in sources:
            source.close()

    served(clips, look)


def test_the_whole_way_a_covered_camera_is_reported(clips):
    """Its server, the camera's own process, and what the edge hears of it."""

    async def look(server):
        spec = CameraSpec(name="gate", folder="/", options=options(url=server.url))
        camera = CameraProcess(spec, family.source(spec), jitter=Random(1))
        reports = asyncio.Queue()
        running = asyncio.create_task(camera.run(reports.put_nowait))
        try:
            assert (await reports.get()).faults == ()
            server.stage.fail(Failure.COVER, server.clock_s())
            return await reports.get()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            camera.close()

    reported = served(clips, look)
    assert reported.faults == (CameraFault.COVERED,)
    assert "close to the lens" in reported.about


# --- the family ---


def options(**keys):
    return msgspec.convert({"driver": "simulated", "portal": "gate", **keys}, SimulatedCamera)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_a_simulated_camera_is_on_this_machine(host):
    told = options(url=f"http://{host}:8081/")
    assert family.source(CameraSpec(name="gate", folder="/", options=told))


@pytest.mark.parametrize(
    "host", ["10.0.0.3", "camera.example", "localhost.example", "127.1.example"]
)
def test_one_elsewhere_is_refused(host):
    told = options(url=f"http://{host}/")
    with pytest.raises(ValueError, match="on this machine"):
        family.source(CameraSpec(name="gate", folder="/", options=told))


def test_no_other_family_knows_the_simulators_limit():
    assert family.distance_max(options(url="http://127.0.0.1/")) == DISTANCE_MAX
    told = options(url="http://127.0.0.1/", **{"distance-max": 0.45})
    assert family.distance_max(told) == 0.45
    others = {name: one for name, one in camera_families().items() if name != "simulated"}
    assert others
    for name, one in others.items():
        fields = {field.encode_name for field in msgspec.structs.fields(one.options)}
        assert "distance-max" not in fields, name
        assert one.distance_max(None) is None, name


def test_the_edge_can_know_the_family_without_a_picture_library():
    code = "import sys, simulators.gate.family; print(*sorted({'cv2', 'numpy'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


# --- the command ---


def test_a_film_of_it(tmp_path):
    from click.testing import CliRunner

    film = tmp_path / "gate.avi"
    words = ["--for", "0.5", "--video", str(film), "--clips", str(tmp_path / "clips")]
    told = CliRunner().invoke(commands.camera, words)
    assert told.exit_code == 0, told.output
    assert "5 frames" in told.output
    video = cv2.VideoCapture(str(film))
    frames = [video.read()[0] for _ in range(6)]
    assert frames == [True] * 5 + [False]


def test_a_film_that_cannot_be_written_is_refused(tmp_path):
    from click.testing import CliRunner

    words = ["--for", "0.5", "--video", str(tmp_path / "none" / "gate.avi")]
    told = CliRunner().invoke(commands.camera, words)
    assert told.exit_code == 1
    assert "no video can be written there" in told.output
