"""Child processes: whatever one does, the event loop goes on and another one comes."""

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from drivers.children import Child, ChildSpec
from tests.drivers.acting_child import Act, Said
from tests.tidy.repository import ROOT

WAIT_S_MAX = 30
SECRET = "a password of the site"


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def on_a_loop(test):
    """A test that is a coroutine, run."""

    @functools.wraps(test)
    def run(*args, **named):
        asyncio.run(test(*args, **named))

    return run


class Parent:
    """What came from the child."""

    def __init__(self, first: Act, silent_s_max: float = WAIT_S_MAX) -> None:
        self.heard: asyncio.Queue[Said] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.firsts = iter([first])
        module = "tests.drivers.acting_child"
        self.child = Child[Said](
            ChildSpec(name="actor", module=module, silent_s_max=silent_s_max),
            Said,
            first=lambda: next(self.firsts, Act("echo", "again")),
            heard=self.heard.put_nowait,
            ended=self.ended.put_nowait,
            jitter=Random(1),
        )

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.child.run())
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + WAIT_S_MAX
    while is_there(pid):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.02)


@on_a_loop
async def test_what_is_said_comes_to_the_other_side():
    parent = Parent(Act("echo", "first"))
    async with parent.running():
        first = await parent.heard.get()
        assert parent.child.send(Act("echo", "second"))
        second = await parent.heard.get()
    assert (first.text, second.text) == ("first", "second")
    assert first.pid == second.pid
    assert not is_there(first.pid)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("crash", "it ended with SIGSEGV"),
        ("nonsense", "it said what cannot be read"),
        ("too long", "it said what cannot be read"),
        ("raise", "it ended with exit code 1: ValueError at "),
        ("take memory", "it ended with exit code 1: MemoryError at "),
    ],
)
@on_a_loop
async def test_another_comes_in_place_of_one_that(what, why, caplog):
    parent = Parent(Act(what, SECRET))
    async with parent.running():
        ended = await parent.ended.get()
        again = await parent.heard.get()
    assert ended.startswith(why)
    assert again.text == "again"
    assert SECRET not in ended + caplog.text


@on_a_loop
async def test_one_that_stands_still_is_killed_and_the_loop_never_waits():
    parent = Parent(Act("stand still"), silent_s_max=0.3)
    parent.firsts = iter([Act("echo", "here"), Act("echo", "again")])
    async with parent.running():
        stopped = await parent.heard.get()
        parent.child.send(Act("stand still"))
        assert await parent.ended.get() == "no sign of life for 0.3 s"
        again = await parent.heard.get()
    assert again.pid != stopped.pid
    assert not is_there(stopped.pid)


@on_a_loop
async def test_a_sign_of_life_is_enough():
    parent = Parent(Act("beat", "8"), silent_s_max=0.6)
    async with parent.running():
        assert (await parent.heard.get()).text == "beaten"


@on_a_loop
async def test_a_child_gives_way_and_goes_first_where_memory_is_short():
    parent = Parent(Act("echo", "here"))
    async with parent.running():
        pid = (await parent.heard.get()).pid
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, ours + 5)
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "800\n"
        assert os.getsid(pid) == pid  # a Ctrl-C at our terminal is ours


@on_a_loop
async def test_nothing_is_handed_to_nobody():
    parent = Parent(Act("crash"))
    assert not parent.child.send(Act("echo"))
    assert parent.child.pid is None


@on_a_loop
async def test_nothing_is_kept_for_one_that_does_not_read():
    parent = Parent(Act("echo", "here"))
    parent.firsts = iter([Act("echo", "here")])
    async with parent.running():
        await parent.heard.get()
        parent.child.send(Act("sleep"))
        big = Act("echo", "x" * 100_000)
        assert not all(parent.child.send(big) for _ in range(100))


@pytest.mark.parametrize("state", ["waits", "is stopped"])
def test_a_child_whose_parent_is_killed_ends(state):
    stop = f"os.kill(said.pid, {int(signal.SIGSTOP)})" if state == "is stopped" else "pass"
    script = (
        "import asyncio, os, sys\n"
        "from tests.drivers.test_children import Act, Parent\n"
        "async def main():\n"
        "    parent = Parent(Act('echo', 'here'))\n"
        "    async with parent.running():\n"
        "        said = await parent.heard.get()\n"
        f"        {stop}\n"
        "        print(said.pid, flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S_MAX,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    try:
        until_gone(int(done.stdout))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(done.stdout), signal.SIGKILL)


def test_a_child_that_was_late_for_its_parents_end_ends_by_itself():
    """Its wire is open for good, and nobody of its parents is there any more."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        actor = [sys.executable, "-m", "tests.drivers.acting_child", "actor", str(theirs.fileno())]
        script = (
            "import subprocess\n"
            f"print(subprocess.Popen({actor}, pass_fds=[{theirs.fileno()}]).pid)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=WAIT_S_MAX,
        )
        try:
            until_gone(int(done.stdout))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(done.stdout), signal.SIGKILL)


@on_a_loop
async def test_nothing_secret_stands_where_others_can_read():
    parent = Parent(Act("echo", SECRET))
    async with parent.running():
        said = await parent.heard.get()
        shown = b"".join(
            Path(f"/proc/{said.pid}/{part}").read_bytes() for part in ("cmdline", "environ")
        )
    assert said.text == SECRET
    assert SECRET.encode() not in shown
