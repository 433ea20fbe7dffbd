"""The files of a policy, as commands are given them."""

from collections.abc import Callable
from pathlib import Path

import click

from edge.commands.common import said_mistakes
from edge.failed import Misconfigured
from edge.policy_bundle import compiled
from edge.policy_files import with_included
from policies import CompiledPolicy, PolicyError, SourceFile
from policies.prove import refusals

FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


def sources_of(files: tuple[Path, ...]) -> list[SourceFile]:
    """The files with those that they include, where these are there."""
    return with_included(files, lambda file: file.read_bytes() if file.is_file() else None)


def read(files: tuple[Path, ...]) -> CompiledPolicy:
    """The policy that the files spell together. Raises PolicyError with every mistake."""
    return compiled(sources_of(files))


def read_proven(files: tuple[Path, ...]) -> CompiledPolicy:
    """As `read`; what must always hold and does not is a mistake too."""
    policy = read(files)
    broken = refusals(policy, sources_of(files))
    if broken:
        raise PolicyError(broken)
    return policy


def read_or_fail(
    files: tuple[Path, ...], reading: Callable[[tuple[Path, ...]], CompiledPolicy] = read
) -> CompiledPolicy:
    """As `reading`; prints every mistake and raises Misconfigured."""
    try:
        return reading(files)
    except PolicyError as error:
        mistakes = said_mistakes(error.problems)
        names = ", ".join(str(file) for file in files)
        raise Misconfigured(f"{names}: {mistakes}", "mend them and check again") from error
