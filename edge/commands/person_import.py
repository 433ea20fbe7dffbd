"""An import as the commands make it: by the running daemon, or into the file where none runs."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from drivers.badges import Formats
from edge.commands.person_sets import FILE_BEHIND, made_here
from edge.config import Config
from edge.control.client import Client, NoDaemonError
from edge.control.messages import ImportPeopleReply
from edge.control.place import PEOPLE_FILE, STATE_MODE
from edge.people import (
    EMPTY,
    ImportPlan,
    Made,
    People,
    PinHasher,
    Roll,
    SiteKey,
    answer,
    load_site_key,
    plan_import,
    seal,
)
from edge.policy_start import served_next
from policies.compiled import CompiledPolicy

Progress = Callable[[int], None]


def import_people(
    path: Path,
    data: bytes,
    policy: CompiledPolicy,
    key: SiteKey,
    *,
    hasher: PinHasher,
    made: Made,
    formats: Formats,
    duress_is_told: bool,
    dry_run: bool,
    watch: Callable[[int], Progress | None] = lambda _: None,
) -> ImportPeopleReply:
    """Plan and, unless it is a dry run or has problems, apply an import where no daemon runs.

    `made`: who imports, for the history; `formats`, `duress_is_told`: as in `plan_import`. `watch`
    is told how many PINs there are to hash and gives what is told the progress. The file of people
    and its folder are made when there are none, and not by a dry run. Raises PeopleError,
    PinHashError.
    """

    def planned(roll: Roll) -> ImportPlan:
        return plan_import(roll, data, policy, key, formats=formats, duress_is_told=duress_is_told)

    if dry_run and not path.exists():
        plan = planned(EMPTY)
        return answer(plan, 0, applied=False)
    if not dry_run:
        path.parent.mkdir(mode=STATE_MODE, exist_ok=True)
    with People.open(path, create=not dry_run) as people:
        plan = planned(people.roll)
        applied = False
        if not plan.problems and not dry_run:
            change = seal(plan, hasher, progress=watch(len(plan.to_hash)))
            if change:
                people.apply(change, made)
                applied = True
        return answer(plan, people.version, applied=applied)


def imported(config: Config, data: bytes, *, dry_run: bool) -> ImportPeopleReply:
    """What became of the people in `data`. Raises ControlClientError, SiteKeyError, PeopleError,
    PinHashError.
    """
    try:
        with Client(config.state) as daemon:
            return daemon.import_people(data, dry_run=dry_run)
    except NoDaemonError:
        return import_people(
            config.state / PEOPLE_FILE,
            data,
            served_next(config),
            load_site_key(config.site_key),
            hasher=PinHasher(),
            made=made_here(config.edge),
            formats=config.badges.cards,
            duress_is_told=bool(config.recipients),
            dry_run=dry_run,
            watch=_bar,
        )


def tell_import(done: ImportPeopleReply, *, dry_run: bool) -> None:
    """Say it to people."""
    for problem in done.problems:
        place = f"row {problem.row}" if problem.row else "file"
        column = f", {problem.column}" if problem.column else ""
        click.echo(f"{place}{column}: {problem.message}", err=True)
    if done.problems:
        if not done.kept:
            click.echo("nothing was imported", err=True)
        return
    verb = "would be " if dry_run else ""
    click.echo(
        f"{done.added} {verb}added, {done.changed} {verb}changed, {done.unchanged} unchanged"
    )
    if done.kept:
        click.echo(FILE_BEHIND, err=True)


def _bar(count: int) -> Progress | None:
    """A progress bar where a person looks on and there is something to wait for."""
    if not count or not sys.stderr.isatty():
        return None
    bar = click.progressbar(length=count, label="Hashing PINs", file=sys.stderr)
    bar.render_progress()

    def progress(done: int) -> None:
        bar.update(1)
        if done == count:
            bar.render_finish()

    return progress
