"""`sentrypost sim faces`: the simulator's people as pictures and films."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simulators.people.canvas import Image
    from simulators.people.scenes import Scene

MOVES = ("away", "come", "stand", "turn-left", "turn-right", "go")
"""The words of `moves.Move`, which is not imported for the help alone."""

HOWS = ("live", "photo", "replay", "frozen")


@click.command("faces")
@click.option(
    "--sheet",
    "sheet_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a contact sheet: the forty people with their numbers or, with --who, one of them.",
)
@click.option(
    "--video",
    "film_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a film (.avi, motion JPEG) of what --who does.",
)
@click.option("--who", type=click.IntRange(0, 2**31), help="The person's number.")
@click.option("--act", default="come,turn-left,turn-right,go", show_default=True, help="In order.")
@click.option(
    "--as",
    "how",
    type=click.Choice(HOWS),
    default="live",
    show_default=True,
    help="Herself, or what is held up in her place.",
)
@click.option(
    "--bend", "bend_deg", type=click.FloatRange(0, 120), default=0, help="Of a photo, degrees."
)
@click.option("--beside", type=click.IntRange(0, 2**31), help="Somebody who stands beside her.")
@click.option(
    "--fps",
    type=click.FloatRange(1, 60),
    default=10,
    show_default=True,
    help="Pictures in a second of a clip.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="Of wall and noise.")
def faces(
    sheet_file: Path | None,
    film_file: Path | None,
    who: int | None,
    act: str,
    how: str,
    bend_deg: float,
    beside: int | None,
    fps: float,
    seed: int,
) -> None:
    """The simulator's people, drawn from numbers: nobody's photograph.

    Acts are away, come, stand, turn-left, turn-right and go. A replay plays its own record while it
    is held up (stand).
    """
    if sheet_file is None and film_file is None:
        raise click.UsageError("say what to write: --sheet FILE.png or --video FILE.avi")
    if film_file is not None and who is None:
        raise click.UsageError("a film shows somebody: --who NUMBER")
    acts = _acts(act)
    try:
        from simulators.people import scenes, sheet
    except ImportError as error:
        remedy = "pip install 'sentrypost[biometrics]' brings it"
        raise click.ClickException(f"{error}; drawing people needs it: {remedy}") from error
    try:
        if sheet_file is not None:
            _write_sheet(sheet_file, who)
        if film_file is not None and who is not None:
            kind = scenes.How(how)
            scene = scenes.Scene(
                identity=who, how=kind, bend_deg=bend_deg, companion=beside, fps=fps, seed=seed
            )
            _write_film(film_file, scene, acts)
    except sheet.SheetError as error:
        raise click.ClickException(str(error)) from error


def _acts(act: str) -> tuple[str, ...]:
    acts = tuple(each.strip() for each in act.split(","))
    for each in acts:
        if each not in MOVES:
            raise click.BadParameter(f"{each!r} is none of {', '.join(MOVES)}", param_hint="--act")
    return acts


def _write_sheet(file: Path, who: int | None) -> None:
    from simulators.people import sheet

    sheet.refuse_bad_name(file, sheet.PICTURES)
    drawn = list(sheet.EVERYBODY if who is None else sheet.ONE)
    with click.progressbar(drawn, label="drawing", file=sys.stderr) as named:
        cells = (
            (each, sheet.somebody(each)) if who is None else (each, sheet.in_one_way(who, each))
            for each in named
        )
        image = sheet.sheet(cells)
    sheet.write_picture(file, image)
    click.echo(f"{file} is written")


def _write_film(file: Path, scene: "Scene", acts: tuple[str, ...]) -> None:
    from simulators.people import sheet
    from simulators.people.moves import Move
    from simulators.people.scenes import frames, length

    moves = [Move(each) for each in acts]
    whole = sum(length(scene, move) for move in moves)
    with click.progressbar(length=whole, label="drawing", file=sys.stderr) as progress:

        def drawn() -> Iterator["Image"]:
            for move in moves:
                for image in frames(scene, move):
                    progress.update(1)
                    yield image

        count = sheet.write_film(file, drawn(), scene.fps)
    click.echo(f"{file} is written: {count} frames, {count / scene.fps:.1f} s")
