"""`sentrypost biometrics …`: how well faces are told apart, on pictures that somebody supplies."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from edge.commands.common import json_option
from edge.failed import Failed, failed_by
from edge.present import clean

if TYPE_CHECKING:
    from drivers.faces.evaluation import Count, Evaluation, Halves, Sample, Trial
    from drivers.faces.evaluation_folder import Supplied
    from drivers.faces.interfaces import FaceEngine, Image

PEOPLE_GROUP = "sentrypost.people"
"""Who can draw people: the simulators, which nothing of the edge may import."""

DRAWN_VIEWS = 6
"""Pictures of each: three to enrol, three to try."""

OUT = Path("face-evaluation")
LEFT_OUT_SHOWN = 20
"""Lines; `--json` has them all."""


class DrawnPeople(NamedTuple):
    """What the entry point gives: the numbers of the selected ones, and views of any number."""

    selected: tuple[int, ...]
    views: Callable[[int, int], "Iterator[Image]"]


@click.group()
def biometrics() -> None:
    """How well faces are told apart, in figures."""


@biometrics.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--drawn", is_flag=True, help="The simulator's drawn people instead of a folder.")
@click.option(
    "--seeds",
    type=click.IntRange(4, 10_000),
    default=200,
    show_default=True,
    help="How many of --drawn, from 0 on and unselected.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUT,
    show_default=True,
    help="Where roc.csv and roc.png are written.",
)
@json_option
def evaluate(folder: Path | None, drawn: bool, seeds: int, into: Path, as_json: bool) -> None:
    """Count how often faces are taken for each other, and refused, in FOLDER.

    FOLDER has a folder for each person, with two JPEG or PNG pictures of that person at least; with
    more than three the rest are compared with the mean of the first three, as doors do it. What is
    counted are these pictures: it is no promise about a door. Nothing of it is kept or changes any
    setting.
    """
    if drawn == (folder is not None):
        raise click.UsageError("name a FOLDER, or give --drawn")
    try:
        from drivers.faces.evaluation import evaluate as counted
        from drivers.faces.model_files import NoModelsError
    except ImportError as error:
        raise _not_installed(error) from error
    pictures = None if folder is None else _listed(folder)
    try:
        engine = _engine()
    except NoModelsError as error:
        raise _not_installed(error) from error
    parts = _drawn(engine, seeds) if pictures is None else _looked_at(engine, folder, pictures)
    found: list[Evaluation] = []
    for part, title, samples in parts:
        try:
            found.append(counted(title, engine.model, samples))
        except ValueError as error:
            left_out = [(one.name, one.why) for one in samples if one.vector is None]
            click.echo("\n".join(_left_out(left_out)), err=True)
            raise failed_by(error) from error
        _write_curves(into, part, title, samples)
    if as_json:
        click.echo(msgspec.json.encode(found if drawn else found[0]))
        return
    for each in found:
        click.echo("\n".join(_page(each)))
    click.echo(f"curves: {clean(str(into))}/roc*.csv and roc*.png")


Part = tuple[str, str, "list[Sample]"]
"""What its files are called after `roc`; its title; its samples."""


def _engine() -> "FaceEngine":
    from drivers.faces.engine import FastEngine
    from drivers.faces.recognition import open_recognition

    return FastEngine(open_recognition(None))


def _not_installed(error: Exception) -> Failed:
    return Failed(
        f"what looks at faces is not installed: {error}", "install sentrypost[biometrics]"
    )


def _listed(folder: Path) -> "tuple[Supplied, ...]":
    from drivers.faces.evaluation_folder import FolderError, supplied

    try:
        return supplied(folder)
    except FolderError as error:
        raise failed_by(error) from error


def _looked_at(
    engine: "FaceEngine", folder: Path | None, pictures: "tuple[Supplied, ...]"
) -> "Iterator[Part]":
    from drivers.faces.evaluation_folder import sample_of, shown

    with click.progressbar(pictures, label="looking at pictures", file=sys.stderr) as bar:
        samples = [sample_of(engine, picture) for picture in bar]
    yield "", f"pictures from {shown(folder.resolve().name if folder else '')}", samples


def _drawn(engine: "FaceEngine", seeds: int) -> "Iterator[Part]":
    """The unselected ones and, beside them, the selected ones."""
    from drivers.faces.evaluation import sampled

    people = _drawn_people()
    parts = {
        "-unselected": (f"regression, not accuracy: {seeds} unselected drawn people", range(seeds)),
        "-selected": (
            f"regression, not accuracy: the {len(people.selected)} selected drawn people",
            people.selected,
        ),
    }
    for name, (title, identities) in parts.items():
        samples: list[Sample] = []
        with click.progressbar(identities, label=f"drawing{name}", file=sys.stderr) as bar:
            for identity in bar:
                views = enumerate(people.views(identity, DRAWN_VIEWS))
                person = str(identity)
                samples += [
                    sampled(engine, person, f"{person}/{number}", view) for number, view in views
                ]
        yield name, title, samples


def _drawn_people() -> DrawnPeople:
    for point in entry_points(group=PEOPLE_GROUP):
        people: DrawnPeople = point.load()()
        return people
    raise Failed("nobody here draws people", "install the simulators, or name a folder of pictures")


def _write_curves(into: Path, part: str, title: str, samples: "list[Sample]") -> None:
    from drivers.faces.evaluation import ways
    from drivers.faces.evaluation_roc import roc_csv, roc_png

    found = ways(samples)
    try:
        into.mkdir(parents=True, exist_ok=True)
        (into / f"roc{part}.csv").write_text(roc_csv(found))
        (into / f"roc{part}.png").write_bytes(roc_png(title, found))
    except OSError as error:
        raise Failed(
            f"{clean(str(into))} cannot be written: {error.strerror}", "name another with --into"
        ) from error


def _page(found: "Evaluation") -> Iterator[str]:
    yield clean(found.title)
    yield (
        f"{found.people} people, {found.pictures} pictures, {found.compared} compared; "
        f"engine {found.model}"
    )
    for trial in found.trials:
        yield from _table(trial)
    for half in found.halves:
        yield _half(half)
    if found.nearest:
        yield "nearest pictures of two people (is one in the wrong folder?):"
        for near in found.nearest:
            yield f"  {near.distance:.3f}  {clean(near.one)}  {clean(near.other)}"
    yield from _left_out([(one.picture, one.why) for one in found.left_out])
    yield ""


def _left_out(pictures: list[tuple[str, str]]) -> Iterator[str]:
    """Each picture that was not compared, and why."""
    if pictures:
        yield f"{len(pictures)} not compared:"
    for name, why in pictures[:LEFT_OUT_SHOWN]:
        yield f"  {clean(name)}: {why}"
    if len(pictures) > LEFT_OUT_SHOWN:
        yield f"  … and {len(pictures) - LEFT_OUT_SHOWN} more; --json has them all"


def _table(trial: "Trial") -> Iterator[str]:
    yield (
        f"{trial.what}: {trial.genuine} comparisons of the same person, {trial.impostor} of two "
        f"people; {trial.not_compared} more of the same person without a clear face"
    )
    yield "  threshold   right refused   with unclear ones   wrong accepted (95 %: at most)"
    for row in trial.rows:
        yield (
            f"  {row.threshold:9.3f}   {_rate(row.refused):>13}   {_rate(row.refused_all):>17}   "
            f"{_rate(row.accepted):>9}  ({100 * row.accepted.at_most:.3f} %, "
            f"{row.accepted.wrong} of {row.accepted.of})"
        )
    equal = f"{100 * trial.equal_error:.2f} % at {trial.equal_error_at:.3f}"
    yield f"  both wrong equally often: {equal}"


def _half(half: "Halves") -> str:
    return (
        f"{half.what}: threshold {half.threshold:.3f}, fixed on {half.fixed_on} people for one "
        f"wrong in a thousand; on the other {half.tried_on}: {_rate(half.refused)} of the right "
        f"refused, {_rate(half.refused_all)} with unclear ones, {_rate(half.accepted)} of the "
        f"wrong accepted ({half.accepted.wrong} of {half.accepted.of})"
    )


def _rate(count: "Count") -> str:
    return f"{100 * count.rate:.2f} %"
