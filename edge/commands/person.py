"""`sentrypost person`: who is known to the site."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from edge.commands.person_erase import erase
from edge.commands.person_report import report
from edge.commands.person_sets import FILE_BEHIND, export, history, made_here, take
from edge.config import ConfigError, load_config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages import ImportPeopleReply
from edge.control.place import PEOPLE_FILE, STATE_MODE
from edge.people import (
    EMPTY,
    FILE_BYTES_MAX,
    Made,
    People,
    PeopleError,
    PinHasher,
    PinHashError,
    SiteKey,
    SiteKeyError,
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
    duress_is_told: bool,
    dry_run: bool,
    watch: Callable[[int], Progress | None] = lambda _: None,
) -> ImportPeopleReply:
    """Plan and, unless it is a dry run or has problems, apply an import where no daemon runs.

    `made`: who imports, for the history; `duress_is_told`: as in `plan_import`. `watch` is told how
    many PINs there are to hash and gives what is told the progress. The file of people and its
    folder are made when there are none, and not by a dry run. Raises PeopleError, PinHashError.
    """
    if dry_run and not path.exists():
        plan = plan_import(EMPTY, data, policy, key, duress_is_told=duress_is_told)
        return answer(plan, 0, applied=False)
    if not dry_run:
        path.parent.mkdir(mode=STATE_MODE, exist_ok=True)
    with People.open(path, create=not dry_run) as people:
        plan = plan_import(people.roll, data, policy, key, duress_is_told=duress_is_told)
        applied = False
        if not plan.problems and not dry_run:
            change = seal(plan, hasher, progress=watch(len(plan.to_hash)))
            if change:
                people.apply(change, made)
                applied = True
        return answer(plan, people.version, applied=applied)


@click.group()
def person() -> None:
    """The people who are known to the site."""


person.add_command(export)
person.add_command(take)
person.add_command(history)
person.add_command(erase)
person.add_command(report)


@person.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would change and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("site.toml"),
    show_default=True,
    help="The site file.",
)
def import_(file: BinaryIO, dry_run: bool, as_json: bool, config_file: Path) -> None:
    """Take the people in FILE (CSV) into the site; - reads standard input.

    Columns, in any order: id, name, roles, badge, pin, duress-pin, valid-from, valid-until, status,
    watchlists, biometrics. An empty cell leaves what is on file, none takes it away. With one
    mistake nothing is imported; all mistakes are named.
    """
    data = file.read(FILE_BYTES_MAX + 1)
    try:
        config = load_config(config_file)
        try:
            with Client(config.state) as daemon:
                done = daemon.import_people(data, dry_run=dry_run)
        except NoDaemonError:
            done = import_people(
                config.state / PEOPLE_FILE,
                data,
                served_next(config),
                load_site_key(config.site_key),
                hasher=PinHasher(),
                made=made_here(config.edge),
                duress_is_told=bool(config.recipients),
                dry_run=dry_run,
                watch=_bar,
            )
    except ControlClientError as error:
        raise click.ClickException("; ".join(filter(None, (str(error), error.remedy)))) from None
    except (ConfigError, SiteKeyError, PeopleError, PinHashError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        _tell(done, dry_run=dry_run)
    if done.problems:
        sys.exit(1)


def _tell(done: ImportPeopleReply, *, dry_run: bool) -> None:
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
