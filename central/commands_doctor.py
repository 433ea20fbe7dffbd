"""`sentrypost central doctor`: do archive and keys lie where nobody else can read them?"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from central.archives import POSTGRES
from central.commands_common import archive_option
from central.control_commands import state_beside
from edge.commands.common import json_option

if TYPE_CHECKING:
    from edge.doctor import Finding, Named

ROOT = Path("/")


@click.command()
@archive_option
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="Folder of the control socket; otherwise beside the archive's file.",
)
@click.option(
    "--volume",
    "volumes",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Where further records lie, as backups or keys; can be given several times.",
)
@json_option
def doctor(archive: str, state: Path | None, volumes: tuple[Path, ...], as_json: bool) -> None:
    """Look whether central's records lie safe, and say what to do where not. Nothing is changed.

    The exit code is 1 where something has failed, and 0 where there are warnings alone.
    """
    from edge.commands.doctor import told

    folder = state or state_beside(archive)
    told(findings(archive, folder, volumes, ROOT), as_json=as_json)


def findings(archive: str, state: Path, volumes: Iterable[Path], root: Path) -> "Iterator[Named]":
    """One by one. `root`: under which the system's files are seen."""
    from edge.doctor import named, warn
    from edge.doctor_volumes import judged

    places = [state, *volumes]
    if archive.startswith(POSTGRES):
        yield named(
            "encryption",
            warn(
                "the archive is in PostgreSQL: on which volume its server has it is not seen here",
                "at the server, ask `SHOW data_directory` and look at that folder's volume",
            ),
        )
    else:
        places.insert(0, Path(archive).parent)
        yield named("archive", _closed(Path(archive)))
    if state.exists():
        yield named("state folder", _closed(state))
    for place in dict.fromkeys(path for path in places if path.exists()):
        yield named("encryption", judged(place, root))


def _closed(path: Path) -> "Finding":
    """Whether its owner alone can read it; of a folder, whether others can at all."""
    from edge.doctor import fail, ok

    try:
        mode = path.stat().st_mode
    except OSError as error:
        return fail(f"{path}: {os.strerror(error.errno or 0)}", "name the archive that central has")
    others = 0o007 if stat.S_ISDIR(mode) else 0o077
    if mode & others:
        closed = "o-rwx" if stat.S_ISDIR(mode) else "go-rwx"
        said = f"{path} can be read or changed by others on this machine"
        return fail(said, f"chmod {closed} {path}")
    return ok(f"{path} is closed to others")
