"""The site file and policy under which the edge last served, for a start in safe mode.

A copy is checked like any other file. Keys are not in it: those of today are used.
"""

import logging
from pathlib import Path

import msgspec

from edge.config import Config, ConfigError, load_config
from edge.safe_mode import replace_file
from policies.problems import SourceFile

KEPT = "kept.json"
"""Beside the journal's folder in the state folder."""

log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: what each path held when it was read; the site file is `site_file`.

    `policy`: names and texts of the policy's files where it was loaded and not named by the site
    file.
    """

    site_file: str
    files: dict[str, str]
    policy: tuple[tuple[str, str], ...] = ()


def keep(config: Config) -> None:
    """Keep what this configuration was read from, if something else is kept. Never raises."""
    named = all(Path(file.name) in config.sources for file in config.policy_files)
    kept = Kept(
        site_file=str(config.file),
        files={str(path): data.decode() for path, data in config.sources.items()},
        policy=()
        if named
        else tuple((file.name, file.data.decode()) for file in config.policy_files),
    )
    file = config.state / KEPT
    try:
        if _read(file) != kept:
            replace_file(file, msgspec.json.format(msgspec.json.encode(kept)))
    except OSError as error:
        log.warning("the site file and policy in force are not kept: %s", error)


def kept_instead(present: Config) -> Config | None:
    """The configuration that is kept, where it can be loaded and is another than the present one.

    One that is of another site, edge or state folder is none of ours.
    """
    kept = _read(present.state / KEPT)
    if kept is None:
        return None
    copies = {Path(name): text.encode() for name, text in kept.files.items()}
    files = tuple(SourceFile(name, text.encode()) for name, text in kept.policy)
    if copies == present.sources and not files:
        return None
    try:
        config = load_config(Path(kept.site_file), copies, files)
    except ConfigError as error:
        log.error("the kept site file or policy cannot be loaded: %s", error)
        return None
    if _whose(config) != _whose(present):
        log.error("the kept site file is not of this edge")
        return None
    return config


def _whose(config: Config) -> tuple[str, str, Path, Path]:
    return config.site, config.edge, config.file, config.state


def _read(file: Path) -> Kept | None:
    try:
        if file.stat().st_mode & 0o077:
            log.error("'%s' is not believed: others on this machine can read or change it", file)
            return None
        return msgspec.json.decode(file.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        log.warning("what is kept of an earlier configuration cannot be read: %s", error)
        return None
