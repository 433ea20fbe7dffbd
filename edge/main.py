"""`sentrypost`: finds the command among the installed ones and runs it.

Commands are entry points of the group `sentrypost.commands`. The list of them and their first
lines come from the packages' metadata and sources without importing any: `--help` is quick, and a
command that is broken, or whose package is half installed, does not take the others with it.
"""

import ast
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

import click

from edge.commands.completing import VARIABLE, completed
from edge.failed import FAILED, Failed
from edge.one_tree import ForeignPackageError, check_one_tree

COMMANDS_GROUP = "sentrypost.commands"

INTERRUPTED = 130

EPILOG = """\b
Exit codes:
  0    done
  1    failed, refused, or a journal that does not verify; the error says what to do
  2    the command line is wrong
  3    done, and not wholly: a door does not obey, an edge lacks a set; or somebody is under duress
  78   the site file or a policy has mistakes; all are named
  130  interrupted
"""


class Dispatcher(click.Group):
    """The commands of every installed package, loaded when one is used."""

    @cached_property
    def points(self) -> Mapping[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=COMMANDS_GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.points)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Raises ClickException where the command is installed and cannot be loaded."""
        point = self.points.get(cmd_name)
        if point is None:
            return None
        try:
            command = point.load()
        except (ImportError, AttributeError, SyntaxError) as error:
            raise Failed(
                f"the command '{cmd_name}' cannot be loaded: {error}",
                "install Sentrypost anew, with what this command needs",
            ) from error
        if not isinstance(command, click.Command):
            raise Failed(f"{point.value} is no command", "install Sentrypost anew")
        if VARIABLE in os.environ:
            completed(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every command with the first line of its docstring; nothing is imported for that."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(self.points[name])) for name in sorted(self.points)])


def summary(point: EntryPoint) -> str:
    """The first line of the command's docstring, read off its source."""
    try:
        spec = find_spec(point.module)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None or spec.loader is None:
        return "(not installed)"
    try:
        source = spec.loader.get_source(point.module)  # type: ignore[attr-defined]  # of files
        tree = ast.parse(source or "")
    except (ImportError, AttributeError, SyntaxError):
        return "(cannot be loaded)"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == point.attr:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return "(cannot be loaded)"


@click.command(cls=Dispatcher, epilog=EPILOG, context_settings={"max_content_width": 120})
@click.version_option(package_name="sentrypost", message="sentrypost %(version)s")
def sentrypost() -> None:
    """Access control and perimeter security for embassies and international organisations."""


def main() -> None:
    """The program. Every failure that is foreseen ends in `error:`, `remedy:` and an exit code."""
    try:
        check_one_tree()
        code = sentrypost.main(prog_name="sentrypost", standalone_mode=False)
    except ForeignPackageError as error:
        code = _tell(str(error), "", FAILED)
    except click.UsageError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        code = _tell(error.format_message(), getattr(error, "remedy", ""), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _tell(message: str, remedy: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    if remedy:
        click.echo(f"remedy: {remedy}", err=True)
    return code


if __name__ == "__main__":
    main()
