"""What holds for every command: JSON where one would pipe, and exit codes that mean something."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from edge.main import EPILOG, INTERRUPTED, sentrypost

ROOT = Path(__file__).resolve().parents[2]

GOES_ON = "it goes on until it is ended"
WRITES = "its result is a file, whose name is said"
TEXT = "its text is used as it is, by a shell, a site file or a person"
SILENT = "there is nothing to tell but that it was done"

WITHOUT = {
    "central forget": SILENT,
    "central incident close": SILENT,
    "central incident measure": SILENT,
    "central incident note": SILENT,
    "central incident open": TEXT,
    "central web": GOES_ON,
    "completion": TEXT,
    "consent new": WRITES,
    "consent sign": WRITES,
    "demo": GOES_ON,
    "duress new": WRITES,
    "guard watch": GOES_ON,
    "journal export": WRITES,
    "journal key rotate": TEXT,
    "journal prove": WRITES,
    "key edge": TEXT,
    "key fido2": WRITES,
    "key new": WRITES,
    "order new": WRITES,
    "order sign": WRITES,
    "pki broker": WRITES,
    "pki central": WRITES,
    "pki edge": WRITES,
    "pki init": WRITES,
    "pki install": WRITES,
    "pki monitor": WRITES,
    "pki mosquitto": TEXT,
    "pki renew": WRITES,
    "pki revoke": WRITES,
    "policy schema": TEXT,
    "policy sign": WRITES,
    "run": GOES_ON,
    "sim camera": GOES_ON,
    "sim faces": WRITES,
    "sim replay": GOES_ON,
    "visitor code": TEXT,
    "web": GOES_ON,
}
"""Which commands have no `--json`, and why."""


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from leaves(command, (*path, name))
            elif command is not None:
                yield " ".join((*path, name)), command


def test_every_command_that_prints_a_result_prints_it_as_json() -> None:
    found = {name for name, one in leaves(sentrypost) if not _has_json(one)}
    assert found == set(WITHOUT)


def _has_json(command: click.Command) -> bool:
    return any("--json" in option.opts for option in command.params)


@pytest.mark.parametrize("kind", ["epilog", "page"])
def test_exit_codes_stand_in_one_table(kind: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page[page.index("| exit code |") :].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE))
    said = dict(re.findall(r"^  (\d+) +(.*)$", EPILOG, re.MULTILINE))
    assert rows == said
    used = {str(code) for _, code in exits()} | {"0", str(click.UsageError.exit_code)}
    assert used | {str(INTERRUPTED)} == set(rows if kind == "page" else said)


def exits() -> Iterator[tuple[Path, int]]:
    """Every code with which a command of ours ends by itself: constants, by their values."""
    for folder in ("edge", "central", "simulators"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for value in _codes_in(ast.parse(path.read_text())):
                if isinstance(value, ast.Constant):
                    yield path, int(str(value.value))
                elif isinstance(value, ast.Name) and value.id.isupper():
                    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                    yield path, int(getattr(module, value.id))


def _codes_in(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr="exit"), args=[code]):
                yield code
            case ast.Assign(targets=[ast.Name(id="exit_code")], value=code):
                yield code
