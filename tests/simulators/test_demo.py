"""The demonstration as a stranger runs it: whole, in processes, from the command line."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import require

SECONDS = 14


MISSING = "libGL.so.1: cannot open shared object file"


@pytest.fixture
def without_cameras(tmp_path: Path) -> Mapping[str, str]:
    """The environment of a machine whose OpenCV does not come up."""
    package = tmp_path / "hidden" / "cv2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"raise ImportError({MISSING!r})\n")
    found = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(found)}


@contextmanager
def started(
    *options: str, env: Mapping[str, str] | None = None
) -> "Iterator[subprocess.Popen[str]]":
    """A demonstration; what is left of it when the test is over goes, with all that it started."""
    with subprocess.Popen(
        [sys.executable, "-m", "edge.main", "demo", *options],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                os.killpg(demo.pid, signal.SIGKILL)


def check(output: str, status: int) -> None:
    assert status == 0, output
    for said in ("GRANTED", "REFUSED", "unknown credential", "reported lost", "chain verified"):
        assert said in output, f"{said!r} is missing in:\n{output}"
    summary = output.splitlines()[-1]
    entries = [int(word) for word in summary.replace(";", " ").split() if word.isdecimal()]
    assert len(entries) == 2, summary
    assert entries[0] == entries[1] > 50, f"journal and archive differ: {summary}"


STORY = (
    "in force: raise to level 3",
    "[watch-room]",
    "the KEY is turned",
    "posture   LOCKDOWN",
    "gate-in: reader lost",
    "main-panel: FIRE",
    "archive-door: way out RELEASED",
    "the way out is free while there is fire",
    "fire input 'main-panel' is reset",
    "done: lift",
    "who was where at the end:",
    "every one of them let its person out",
)
"""What the demonstration says of its story."""


WALL = "wall: the operator Olga Ortiz: http://localhost:"
"""Where to look at all sites, with a link that signs in."""


def check_story(output: str) -> None:
    for said in STORY:
        assert said in output, f"{said!r} is missing in:\n{output}"
    assert "the story was not over" not in output
    lift = next(line for line in output.splitlines() if "** lift" in line)
    assert lift.endswith("signed by Anna Berger, David Lindqvist"), "two people lift"
    [slow] = [line for line in output.splitlines() if "did not obey" in line]
    assert "main-gate (" in slow, "it was wedged open"
    exits = next(line for line in output.splitlines() if "tried in lockdown and in fire" in line)
    for portal in ("main-gate", "front-door", "staff-door", "archive-door", "safe-room-door"):
        assert f"{portal} " in exits, "a way out of every portal was tried"


def check_duress(output: str) -> None:
    """The watch room is told; nobody else's line differs from any other day's. Where no PIN could
    be checked in time he tried again, and each try is told.
    """
    told = [line for line in output.splitlines() if "duress" in line.lower()]
    *slow, ben = [line for line in output.splitlines() if "Ben Okafor       in  staff-door" in line]
    assert 1 <= len(told) <= 1 + len(slow), output
    assert all(line.strip().startswith("[watch-room]") for line in told), told
    assert "GRANTED  granted  " in ben
    assert all("SHUT     the PIN could not be checked" in line for line in slow), slow


def read_until(demo: "subprocess.Popen[str]", said: str) -> str:
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if said in line:
            break
    return "".join(seen)


def test_two_demos_side_by_side_one_ends_by_itself_and_one_tells_its_story(
    without_cameras: Mapping[str, str],
) -> None:
    """One has cameras, whose people come when the story is over (`make campaign demo`)."""
    require("mosquitto")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        end = ("--seconds", str(SECONDS))
        with (
            started(*end, "--port", port, "--broker", "embedded", env=without_cameras) as short,
            started("--port", port, "--broker", "mosquitto") as whole,
        ):
            output = read_until(whole, "done: lower")
            # It is said beside the story, by what the story leaves of the processor.
            if WALL not in output:
                output += read_until(whole, WALL)
            whole.send_signal(signal.SIGINT)
            output += whole.communicate(timeout=30)[0]
            check(output, whole.returncode)
            check_story(output)
            check_duress(output)
            assert f"port {port} is taken" in output
            assert "cipher-room  LOCKDOWN" in output
            assert "faces at the cipher room were not over" in output
            output, _ = short.communicate(timeout=90)
            check(output, short.returncode)
            assert f"port {port} is taken" in output
            assert f"no cameras and no faces here: ImportError: {MISSING}" in output
            assert "pip install 'sentrypost[biometrics]'" in output
            assert "cipher" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_demo_that_is_interrupted_ends_cleanly(
    number: signal.Signals, without_cameras: Mapping[str, str]
) -> None:
    with started("--broker", "embedded", env=without_cameras) as demo:
        assert demo.stdout is not None
        seen = []
        for line in demo.stdout:
            seen.append(line)
            if "GRANTED" in line:
                break
        began = time.monotonic()
        demo.send_signal(number)
        rest, _ = demo.communicate(timeout=30)
        output = "".join(seen) + rest
        assert demo.returncode == 0, output
        assert "chain verified" in output
        assert time.monotonic() - began < 20
