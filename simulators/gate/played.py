"""A simulated camera in a process of its own, told by lines what happens before it.

    python -m simulators.gate.played SEED FOLDER PORT

A line on standard input is one of `Line`, as JSON; the process ends with its input. On standard
output it says once where the camera is, and then, line by line, what was asked of it and is done.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from drivers.faces.api import Turn
from simulators.children import die_with_parent
from simulators.gate.failures import Failure
from simulators.people.scenes import How, Scene
from simulators.scenario import Face

if TYPE_CHECKING:
    from simulators.gate.stage import Stage

LINE_BYTES_MAX = 64 * 1024

SIZE, FPS = (480, 360), 8.0
"""Enough for a face that fills a third of it, and little to draw on a small machine."""

FACE_PX = 130.0
BUSY = 0.2

_SHOWN = {b"Turn left": Turn.LEFT, b"Turn right": Turn.RIGHT}
"""What the display beside a camera asks for (`edge/reader_signs.py`)."""


class Come(msgspec.Struct, frozen=True, tag=True):
    """Somebody comes up to the camera; whoever stood there is gone. Done once all is drawn that he
    may do.
    """

    person: Scene


class Go(msgspec.Struct, frozen=True, tag=True):
    """Whoever is there walks off."""


class TurnTo(msgspec.Struct, frozen=True, tag=True):
    """A display asks whoever is there to turn."""

    turn: Turn


class Fail(msgspec.Struct, frozen=True, tag=True):
    """From now on the camera fails like this; None: it is whole again."""

    failure: Failure | None


Line = Come | Go | TurnTo | Fail


class PlayedCamera:
    """The other end of it. `url`: what a site file says of the camera."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.url = url

    async def tell(self, line: Line) -> None:
        """Let it happen; returns when it does."""
        assert self._process.stdin is not None, "it was started with pipes"
        assert self._process.stdout is not None, "it was started with pipes"
        self._process.stdin.write(msgspec.json.encode(line) + b"\n")
        await self._process.stdin.drain()
        if not await self._process.stdout.readline():
            raise RuntimeError("the simulated camera has ended")


@asynccontextmanager
async def played_camera(seed: int, folder: Path, *, port: int = 0) -> AsyncIterator[PlayedCamera]:
    """A simulated camera; `folder`: where clips are kept; `port`: 0 takes a free one. Raises
    RuntimeError where it ends.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(seed),
        str(folder),
        str(port),
        stdin=pipe,
        stdout=pipe,
        preexec_fn=die_with_parent,
    )
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    try:
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise RuntimeError("the simulated camera does not start")
        yield PlayedCamera(process, url)
    finally:
        process.stdin.close()
        await process.wait()


def scene_of(face: Face) -> Scene:
    """Somebody of a scenario as this camera has him drawn."""
    return Scene(identity=face.who, how=How(face.shown), companion=face.beside, size_px=FACE_PX)


def turns_of(texts: Iterable[bytes]) -> Iterator[Turn]:
    """What somebody who reads these on the display does."""
    for text in texts:
        turn = _SHOWN.get(bytes(text))
        if turn is not None:
            yield turn


def stage_of(seed: int, folder: Path) -> "Stage":
    """What such a camera looks at; whatever is drawn for it is kept in `folder`."""
    # The parent needs none of this, and may be an edge of a site without cameras.
    from simulators.gate.stage import Stage
    from simulators.people.clips import Clips

    return Stage(seed, Clips(folder), size=SIZE, fps=FPS, busy=BUSY)


async def _play(seed: int, folder: Path, port: int) -> None:
    from simulators.gate.server import CameraServer

    stage = stage_of(seed, folder)
    server = CameraServer(stage, port=port)
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer)
    serving = asyncio.create_task(server.run(ready.set))
    await ready.wait()
    _say(server.url)
    decoder = msgspec.json.Decoder(Line)
    while text := await lines.readline():
        line = decoder.decode(text)
        match line:
            case Come(person=person):
                await asyncio.to_thread(stage.prepare, person)
                stage.come(person, server.clock_s())
            case Go():
                stage.go(server.clock_s())
            case TurnTo(turn=turn):
                stage.turn(turn, server.clock_s())
            case Fail(failure=failure):
                await asyncio.to_thread(stage.fail, failure, server.clock_s())
        _say(type(line).__name__)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_play(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
