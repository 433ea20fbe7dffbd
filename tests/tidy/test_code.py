"""Rules of the code that ruff and mypy do not have."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.repository import PACKAGES, ROOT, files, name, sources

FUNCTION_LINES_MAX = 64  # "about 60": a longer one is two things
FILE_LINES_MAX = 500
LINE_CHARACTERS_MAX = 100
# The supervisor alone restarts what failed for a reason that nobody foresaw.
BROAD_EXCEPT_ALLOWED = {"edge/supervisor.py"}
APOLOGIES = re.compile(
    r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK|for" + r" now|not yet" + r" implemented)\b"
)


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Each function over the limit, with its length."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.name} has {lines} lines"


def broad_excepts(tree: ast.Module) -> Iterator[str]:
    """Each handler that takes everything and keeps it; ending with `raise` it only tidies up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = ast.walk(node.type) if node.type else ()
            caught = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
            last = node.body[-1]
            raised = isinstance(last, ast.Raise) and last.exc is None
            if (node.type is None or caught & {"Exception", "BaseException"}) and not raised:
                yield f"line {node.lineno}"


# Ruff's banned-api does not see calls of builtins.
IMPURE_BUILTINS = {"open", "input", "print", "exec", "eval", "breakpoint", "__import__"}


def impure_builtins(tree: ast.Module) -> Iterator[str]:
    """Each call of a builtin that reaches out of the core."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in IMPURE_BUILTINS:
            yield f"line {called.lineno}: {called.id}"


def findings(check) -> list[str]:
    """What a check finds in the packages."""
    return [f"{name(path)}: {found}" for path in sources() for found in check(parse(path))]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def test_functions_are_short():
    assert findings(long_functions) == []


def test_files_are_short():
    lengths = {name(path): len(path.read_text().splitlines()) for path in sources()}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_nobody_catches_everything():
    found = findings(broad_excepts)
    assert [one for one in found if one.partition(":")[0] not in BROAD_EXCEPT_ALLOWED] == []


def test_the_core_uses_no_impure_builtin():
    found = findings(impure_builtins)
    assert [one for one in found if one.startswith(("policies/", "controller/"))] == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (impure_builtins, "with open('file') as opened:\n    TEXT = opened.read()\n"),
        (long_functions, "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
        (long_functions, "class C:\n    async def f():\n" + "        x = 1\n" * 64),
        (broad_excepts, "try:\n    f()\nexcept:\n    pass\n"),
        (broad_excepts, "try:\n    f()\nexcept Exception as e:\n    pass\n"),
        (broad_excepts, "try:\n    f()\nexcept Exception as e:\n    raise ValueError from e\n"),
        (broad_excepts, "try:\n    f()\nexcept (OSError, BaseException):\n    pass\n"),
    ],
)
def test_these_checks_can_fail(check, source):
    assert list(check(ast.parse(textwrap.dedent(source))))


def test_no_promises_in_place_of_work():
    found = []
    for path in files():
        if path.suffix in {".py", ".sh", ".toml", ".md", ".sql", ".html", ".js", ".css", ""}:
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if APOLOGIES.search(line):
                    found.append(f"{name(path)}:{number}: {line.strip()}")
    assert found == []


def test_lines_of_scripts_fit_a_screen():
    """Ruff sees to the Python files."""
    found = []
    for path in files():
        if path.suffix == ".sh" or name(path) in {"Makefile", ".ci/run"}:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if len(line.expandtabs()) > LINE_CHARACTERS_MAX:
                    found.append(f"{name(path)}:{number}")
    assert found == []


def test_every_package_is_typed_and_every_folder_is_a_package():
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").is_file(), package
    folders = {path.parent for path in sources()}
    assert [name(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_production_never_imports_tests():
    found = []
    for path in sources():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            found += [name(path) for each in modules if each.partition(".")[0] == "tests"]
    assert found == []


def test_every_test_is_collected():
    """A file with tests has a name that pytest collects, in a folder that it does not skip."""
    skipped = {"build", "dist", "node_modules", "venv", "CVS", "_darcs"}  # pytest's norecursedirs
    found = []
    for path in files():
        if path.suffix != ".py":
            continue
        parts = path.relative_to(ROOT).parts
        tests = [
            node.name
            for node in parse(path).body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and node.name.startswith(("test_", "Test"))
        ]
        collected = (
            parts[0] == "tests"
            and path.name.startswith("test_")
            and not skipped & set(parts)
            and not any(part.startswith(".") for part in parts)
        )
        if tests and not collected:
            found.append(f"{name(path)}: {tests[0]}")
        if path.name.startswith("test_") and not (tests and collected):
            found.append(f"{name(path)}: no test in it is collected")
    assert found == []
