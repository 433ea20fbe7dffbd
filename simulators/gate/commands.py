"""`sentrypost sim camera`: a gate's camera to look at, with people, spoofs and failures."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simulators.gate.script import Script
    from simulators.gate.stage import Stage

FAILURES = (
    "cover",
    "paint",
    "blur",
    "turn",
    "freeze",
    "loop",
    "noise",
    "dark",
    "dazzle",
    "slow",
    "silent",
)
"""The words of `failures.Failure`, which is not imported for the help alone."""

HOWS = ("live", "photo", "replay", "frozen")
"""Those of `simulators.people.scenes.How`."""

FPS = 10.0
FILM_S = 12.0
STEP_S = 0.05


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Which gate.")
@click.option(
    "--hour", type=click.FloatRange(0, 24), default=14.0, show_default=True, help="Time of day."
)
@click.option("--who", type=click.IntRange(min=0), help="Who comes: the number of a drawn person.")
@click.option(
    "--as",
    "how",
    type=click.Choice(HOWS),
    default="live",
    show_default=True,
    help="Or in its place.",
)
@click.option("--fail", type=click.Choice(FAILURES), help="After three seconds.")
@click.option("--for", "lasts_s", type=click.FloatRange(min=0.1), help="Seconds; else to Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: a free one.")
@click.option(
    "--video",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a file (.avi) in place of serving.",
)
@click.option(
    "--clips",
    "clips_folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("~/.cache/sentrypost/clips"),
    show_default=True,
    help="Where drawn people are kept.",
)
def camera(
    seed: int,
    hour: float,
    who: int | None,
    how: str,
    fail: str | None,
    lasts_s: float | None,
    port: int,
    video: Path | None,
    clips_folder: Path,
) -> None:
    """A gate's camera: its pictures at http://127.0.0.1:PORT/, or a video file."""
    try:
        from simulators.gate.failures import Failure
        from simulators.gate.script import Script
        from simulators.gate.stage import Stage
        from simulators.people.clips import Clips
        from simulators.people.scenes import How
        from simulators.people.scenes import Scene as Person
    except ModuleNotFoundError as error:
        remedy = "pip install sentrypost[biometrics]"
        raise click.ClickException(f"{error.name} is missing: {remedy}") from error
    stage = Stage(seed, Clips(clips_folder.expanduser()), hour=hour, fps=FPS)
    person = None if who is None else Person(identity=who, how=How(how))
    try:
        if person is not None:
            click.echo("drawing the person …", err=True)
            stage.prepare(person)
        script = Script(stage, person, None if fail is None else Failure(fail))
        if video is None:
            asyncio.run(_serve(stage, script, port, lasts_s))
        else:
            count = script.film(video, lasts_s or FILM_S)
            click.echo(f"{video}: {count} frames, {FPS:g} to the second")
    except OSError as error:
        raise click.ClickException(str(error)) from error


async def _serve(stage: "Stage", script: "Script", port: int, lasts_s: float | None) -> None:
    """Until the time is over, Ctrl-C or SIGTERM."""
    from simulators.gate.server import CameraServer

    server = CameraServer(stage, port=port)

    def ready() -> None:
        click.echo(f"{server.url} (one picture: {server.url}picture.jpg)")
        sys.stdout.flush()

    async def play() -> None:
        script.begin(server.clock_s())
        while True:
            script.advance(server.clock_s())
            await asyncio.sleep(STEP_S)

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.run(ready), name="camera server")
            group.create_task(play(), name="script")

    loop = asyncio.get_running_loop()
    task = loop.create_task(both(), name="simulated camera")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with asyncio.timeout(lasts_s):
            await task
    except (TimeoutError, asyncio.CancelledError):
        return
    except BaseExceptionGroup as errors:
        # Only the server fails like this, where its port is taken.
        failed = errors.subgroup(OSError)
        if failed is None:
            raise
        raise OSError(f"port {port} cannot be had: something else serves there") from errors
