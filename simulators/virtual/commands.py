"""`sentrypost sim virtual`, `sim replay` and `sim story`."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from simulators.virtual.run import Verdict

SHOWN_LINES = 60
"""What a replay shows of the trace before its end."""

PROGRESS_S = 2.0

BROKEN, ANOTHER = 1, 3
"""Exit status: a rule was broken; the code is another, and so is the run."""


@click.command("virtual")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="What everything that is left to chance is drawn from.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=366),
    default=1.0,
    show_default=True,
    help="Virtual days; the first is a Monday.",
)
@click.option(
    "--hour",
    type=click.IntRange(0, 23),
    default=0,
    show_default=True,
    help="When the Monday begins; most people come between 7 and 10.",
)
@click.option(
    "--faults",
    type=click.Choice(["none", "normal", "heavy"]),
    default="normal",
    show_default=True,
    help="How much goes wrong.",
)
@click.option(
    "--portals",
    type=click.IntRange(2, 200),
    default=10,
    show_default=True,
    help="How large the site is.",
)
@click.option(
    "--people",
    type=click.IntRange(1, 5_000),
    default=200,
    show_default=True,
    help="How many come and go.",
)
@click.option(
    "--trace",
    type=click.File("w", lazy=False),
    help="Write everything that is seen into this file; - is standard output.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what repeats the run here; a run that fails is written in any case.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def virtual(
    seed: int,
    days: float,
    hour: int,
    faults: str,
    portals: int,
    people: int,
    trace: IO[str] | None,
    save: Path | None,
    as_json: bool,
) -> None:
    """Play the whole edge in virtual time, with everything going wrong, and watch the rules.

    The real core, reader protocol, journal, uplink and archive run on simulated wires, disks and
    people. The same seed gives the same run; the last line is the hash of everything seen. Exit
    status 1: a rule was broken, and the story is told.
    """
    _prepare()
    from simulators.virtual.faults import Level
    from simulators.virtual.run import Kept, Options, simulate
    from simulators.virtual.source import commit

    options = Options(
        seed=seed,
        days=days,
        faults=Level(faults),
        portals=portals,
        people=people,
        hour=hour,
    )
    keep = None if trace is None else _writer(trace)
    began = time.monotonic()
    verdict = simulate(options, keep=keep, progress=_Progress(days).tell)
    seconds = time.monotonic() - began
    if verdict.broken and save is None:
        save = Path(f"sentrypost-virtual-{seed}.json")
    if save is not None:
        kept = Kept(verdict=verdict, version=version("sentrypost"), commit=commit())
        save.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    if as_json:
        click.echo(msgspec.json.encode(verdict))
    else:
        _print(verdict, seconds, commit(), save)
    sys.exit(BROKEN if verdict.broken else 0)


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--lines",
    type=click.IntRange(min=0),
    default=SHOWN_LINES,
    show_default=True,
    help="How much of the trace to show, up to its end or to the broken rule.",
)
@click.option("--grep", "word", default="", help="Show only lines with this word.")
def replay(file: Path, lines: int, word: str) -> None:
    """Repeat a run that `sim virtual` has written, and show how it came to its end.

    Exit status 0: the same run, and nothing broken; 1: the same run, broken as before; 3: another
    run, because the code is another.
    """
    _prepare()
    from simulators.virtual.run import Kept, simulate

    try:
        kept = msgspec.json.decode(file.read_bytes(), type=Kept)
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{file} was not written by `sim virtual`: {error}") from error
    before = kept.verdict
    last: deque[str] = deque(maxlen=lines)

    def keep(line: str) -> None:
        if word in line:
            last.append(line)

    verdict = simulate(before.options, keep=keep, progress=_Progress(before.options.days).tell)
    for line in last:
        click.echo(line)
    if verdict.broken:
        click.echo(f"BROKEN {verdict.broken}")
    same = verdict.trace == before.trace
    if not same:
        click.echo(f"not the run of {file}: that was commit {kept.commit}", err=True)
    click.echo(verdict.trace)
    sys.exit(ANOTHER if not same else BROKEN if verdict.broken else 0)


@click.command("story")
@click.argument("story", required=False)
@click.option("--seed", type=click.IntRange(min=0), default=1, help="What is left to chance.")
@click.option("--json", "as_json", is_flag=True, help="Print what happened as JSON.")
def story_(story: str | None, seed: int, as_json: bool) -> None:
    """Play an emergency in virtual time, and look whether all came as it has to.

    STORY is the name of one that comes with Sentrypost, or a file; without it, their list. The real
    edge and archive run the embassy of the demonstration. Exit status 1: something came otherwise.
    """
    from simulators.story import StoryError, load_story, names

    if story is None:
        for name in names():
            click.echo(f"{name:18} {load_story(name).title}")
        return
    _prepare()
    from simulators.virtual.story import tell

    try:
        told = tell(load_story(story), seed)
    except StoryError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo(told.title)
        for line in told.lines:
            click.echo(f"{line.at_s:7.1f} s  {line.said}")
            if line.wrong:
                click.echo(f"           NOT SO: {line.wrong}")
    sys.exit(BROKEN if told.wrong else 0)


def _prepare() -> None:
    # What the programs of the site say to their logs is no news here: the trace has it.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        import apsw  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'sentrypost[demo]' brings it"
        raise click.ClickException(f"the virtual disk needs the package apsw: {remedy}") from error


def _writer(trace: IO[str]) -> Callable[[str], None]:
    def write(line: str) -> None:
        trace.write(line + "\n")

    return write


class _Progress:
    """How far the run is, on a terminal's standard error, now and then."""

    def __init__(self, days: float) -> None:
        self._days = days
        self._told_s = time.monotonic()

    def tell(self, done: float) -> None:
        now_s = time.monotonic()
        if sys.stderr.isatty() and now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            click.echo(f"\r{done:.2f} of {self._days:g} days ", nl=False, err=True)


def _print(verdict: "Verdict", seconds: float, commit: str, save: Path | None) -> None:
    entries, options = sum(verdict.entries.values()), verdict.options
    for kind, count in verdict.entries.items():
        click.echo(f"{count:8} {kind}")
    told = ", ".join(f"{count} {name}" for name, count in verdict.faults.items())
    click.echo(f"{entries} entries of {len(verdict.entries)} kinds, {verdict.seen} things seen")
    click.echo(f"what happened to them: {told or 'nothing'}")
    click.echo(f"{options.days:g} days in {seconds:.1f} s, seed {options.seed}, commit {commit}")
    if verdict.broken:
        click.echo(f"BROKEN {verdict.broken}")
    if save is not None:
        click.echo(f"repeat it: sentrypost sim replay {save}")
    click.echo(verdict.trace)
