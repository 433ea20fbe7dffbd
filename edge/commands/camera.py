"""`sentrypost camera`"""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import config_option, json_option
from edge.failed import Failed
from edge.present import clean
from policies.problems import did_you_mean

if TYPE_CHECKING:
    from drivers.cameras.api import CameraReported, CameraSpec, Picture
    from drivers.cameras.camera import CameraProcess
    from drivers.frames import FrameReader

FIRST_S_MAX = 20.0
"""A camera that has shown nothing for so long shows nothing: its process starts within seconds."""

LOOK_S = 0.1
NEWEST_S = 5.0
"""So far back the newest picture may be: behind it there is no signal."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    camera: str
    width: int
    height: int
    pictures_per_s: float
    faults: tuple[str, ...]


@click.group()
def camera() -> None:
    """The cameras of the site file."""


@camera.command("try")
@click.argument("name")
@config_option
@click.option(
    "--for",
    "seconds",
    type=click.IntRange(2, 600),
    default=12,
    show_default=True,
    help="So many seconds.",
)
@click.option(
    "--picture",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the last picture to this file, as JPEG, with what its masks leave of it.",
)
@json_option
def try_(name: str, config: Path, seconds: int, file: Path | None, as_json: bool) -> None:
    """Look through camera NAME as the edge would: how large its pictures are, how many come, and
    what is wrong with them.

    It needs no edge that runs. A USB camera that a running edge has cannot be tried beside it. What
    takes its time to be told (a blurred or dark picture) takes ten seconds.
    """
    site = loaded(config)
    if name not in site.cameras:
        hint = did_you_mean(name, site.cameras) or f"there are: {', '.join(site.cameras) or 'none'}"
        raise Failed(f"{config} has no camera '{clean(name)}'", hint)
    driver, spec = site.cameras[name]
    if sys.stderr.isatty():
        click.echo(f"looking through {name} for {seconds} s …", err=True)
    try:
        tried, picture = asyncio.run(_tried(driver, spec, seconds))
    except OSError as error:
        raise Failed(f"there is no memory for its frames: {error.strerror}") from error
    if file is not None:
        _write(file, picture)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(tried)))
    else:
        wrong = ", ".join(tried.faults)
        size = f"{tried.width}x{tried.height}"
        click.echo(f"camera {name}: {size}, {tried.pictures_per_s:.1f} pictures a second")
        click.echo(f"wrong with it: {wrong}" if wrong else "nothing is wrong with it")
        if file is not None:
            click.echo(f"its last picture is in {clean(str(file))}")
    if tried.faults:
        raise Failed(f"camera {name} would be on record as faulty", "`docs/devices.md` has hints")


async def _tried(driver: str, spec: "CameraSpec", seconds: int) -> "tuple[Tried, Picture]":
    """Raises Failed."""
    from random import SystemRandom

    from drivers.cameras.camera import CameraProcess
    from drivers.frames import FrameReader
    from edge.cameras import source_of

    looked = CameraProcess(spec, source_of(driver, spec), jitter=SystemRandom())
    told: list[CameraReported] = []
    running = asyncio.create_task(looked.run(told.append))
    frames = FrameReader(looked.memory)
    try:
        await _first(looked, frames, told)
        began, before = asyncio.get_running_loop().time(), frames.latest
        await asyncio.sleep(seconds)
        count = frames.latest - before
        took_s = asyncio.get_running_loop().time() - began
        picture = await _newest(looked)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        frames.close()
        looked.close()
    faults = told[-1].faults if told else ()
    return Tried(
        camera=spec.name,
        width=picture.width,
        height=picture.height,
        pictures_per_s=round(count / took_s, 1),
        faults=tuple(faults),
    ), picture


async def _first(
    looked: "CameraProcess", frames: "FrameReader", told: "list[CameraReported]"
) -> None:
    """Wait for the first frame. Raises Failed."""
    clock = asyncio.get_running_loop().time
    until = clock() + FIRST_S_MAX
    while frames.latest == 0:
        if clock() >= until or (told and looked.why):
            raise _nothing(looked)
        await asyncio.sleep(LOOK_S)


async def _newest(looked: "CameraProcess") -> "Picture":
    """Raises Failed."""
    picture = await looked.picture(time.monotonic_ns(), NEWEST_S)
    if picture is None:
        raise _nothing(looked)
    return picture


def _nothing(looked: "CameraProcess") -> Failed:
    return Failed(
        f"camera {looked.name}: {clean(looked.why) or 'no picture comes'}",
        "look at its power and network, and at what the site file says of it",
    )


def _write(file: Path, picture: "Picture") -> None:
    """For whoever called alone: it may show people. Raises Failed."""
    from edge.secret_file import replace_file

    try:
        replace_file(file, picture.jpeg)
    except OSError as error:
        raise Failed(f"'{file}' cannot be written: {error.strerror}") from error
