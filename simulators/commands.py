"""`sentrypost sim …` and `sentrypost demo`."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Literal

import click
import msgspec

from simulators.gate.commands import camera
from simulators.people.commands import faces
from simulators.virtual.commands import BROKEN, replay, story_, virtual


@click.group()
def sim() -> None:
    """Simulated hardware and people."""


sim.add_command(virtual)
sim.add_command(replay)
sim.add_command(story_)
sim.add_command(faces)
sim.add_command(camera)


@sim.command("run")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("site.toml"),
    show_default=True,
    help="The site file whose devices are simulated.",
)
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Who walks where, and what goes wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def sim_run(config_file: Path, scenario_file: Path, as_json: bool) -> None:
    """Play every device of a site file at the ports it names, and people at its doors.

    Runs until Ctrl-C or SIGTERM. The edge runs on it unchanged. Where something in the scenario
    waits for a cue, each line of the standard input is one.
    """
    from edge.config import ConfigError, load_config
    from simulators.scenario import ScenarioError, load_scenario
    from simulators.world import Visit, World

    def tell(visit: Visit) -> None:
        if as_json:
            click.echo(msgspec.json.encode(visit))
        else:
            click.echo(f"{visit.person} {visit.direction} {visit.portal}: {_fared(visit)}")
        sys.stdout.flush()

    def ready() -> None:
        click.echo('{"ready": true}' if as_json else "the ports are there")
        sys.stdout.flush()

    def _fared(visit: Visit) -> str:
        answer = "the door opened" if visit.passed else "the door stayed shut"
        return answer if visit.took_ms is None else f"{answer} after {visit.took_ms:.0f} ms"

    try:
        scenario = load_scenario(scenario_file)
        world = World(load_config(config_file), scenario, tell, ready)
    except (ConfigError, ScenarioError) as error:
        raise click.ClickException(str(error)) from error

    async def run() -> None:
        if scenario.cued:
            _listen(world.cue)
        await _until_stopped(world.run)

    asyncio.run(run())


def _listen(cue: Callable[[str], bool]) -> None:
    """Hand over each line of the standard input, on a thread: it may be a file, or nothing."""
    loop = asyncio.get_running_loop()

    def heard(word: str) -> None:
        if not cue(word):
            click.echo(f"nobody waits for '{word}', or it is too early", err=True)

    def read() -> None:
        with suppress(RuntimeError):  # the loop is over, and so are we
            for line in sys.stdin:
                if line.strip():
                    loop.call_soon_threadsafe(heard, line.strip())

    threading.Thread(target=read, name="cues", daemon=True).start()


async def _until_stopped(run: Callable[[], Coroutine[None, None, None]]) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(run(), name="world")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), help="End by itself after so long.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=1883,
    show_default=True,
    help="The broker's port; a taken one is replaced.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put the site into this folder and leave it there.",
)
@click.option(
    "--broker",
    type=click.Choice(["mosquitto", "embedded"]),
    help="Mosquitto where it is found, otherwise the embedded one.",
)
@click.option(
    "--story", help="Play this emergency instead, and look whether all comes as it has to."
)
def demo(
    seconds: float | None,
    port: int,
    keep: Path | None,
    broker: Literal["mosquitto", "embedded"] | None,
    story: str | None,
) -> None:
    """A whole embassy at work: broker, hardware, people, edge and central, until Ctrl-C.

    With --story one of the emergencies that `sentrypost sim story` lists is played at its doors in
    real time, by one edge without a broker; long waits are cut short. Exit status 1: something came
    otherwise.
    """
    from simulators.demo import Demo
    from simulators.demo_part import DemoError

    if story is not None:
        sys.exit(_played(story, keep))
    try:
        sys.exit(Demo(port=port, folder=keep, kind=broker).run(seconds))
    except DemoError as error:
        raise click.ClickException(str(error)) from error


def _played(named: str, keep: Path | None) -> int:
    from tempfile import TemporaryDirectory

    from simulators.played_story import PlayError, play
    from simulators.story import Line, StoryError, load_story

    def tell(line: Line) -> None:
        click.echo(f"{line.at_s:7.1f} s  {line.said}")
        if line.wrong:
            click.echo(f"           NOT SO: {line.wrong}")

    try:
        story = load_story(named)
        click.echo(story.title)
        with TemporaryDirectory(prefix="sentrypost-story-") as folder:
            told = asyncio.run(play(story, keep or Path(folder), tell))
    except (StoryError, PlayError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("all came as it has to" if not told.wrong else f"{len(told.wrong)} came otherwise")
    return BROKEN if told.wrong else 0
