"""The two pure packages reach nothing outside: not by import, and not by a name kept between runs.

The lint bans names; this looks at what is imported at all, and knows what may be.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "controller").rglob("*.py")) + sorted((ROOT / "policies").rglob("*.py"))

MAY_BE_IMPORTED = frozenset(
    {
        "base64",
        "binascii",
        "collections",
        "datetime",
        "difflib",
        "enum",
        "functools",
        "hashlib",
        "itertools",
        "re",
        "tomllib",
        "zlib",
    }
    | {"types", "typing", "msgspec"}
)
"""Everything else of the standard library and of others' is asked about when it is wanted."""

LAYERS = {"policies": {"policies"}, "controller": {"controller", "policies"}}
ASKS_THE_WORLD = {"now", "utcnow", "today", "fromtimestamp", "urandom", "getenv"}
WITH_A_ZONE = "fromtimestamp"
"""With a zone as its second argument it is arithmetic."""


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_what_is_pure_is_imported(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    for module in imported(ast.parse(path.read_text())):
        top = module.partition(".")[0]
        assert top in MAY_BE_IMPORTED | LAYERS[layer], module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_asks_the_world_or_keeps_a_global(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    calls = [node for node in nodes if isinstance(node, ast.Call) and len(node.args) == 2]
    with_a_zone = [c.func for c in calls if isinstance(c.func, ast.Attribute)]
    for node in nodes:
        assert not isinstance(node, ast.Global | ast.Nonlocal | ast.AsyncFunctionDef | ast.Await)
        if isinstance(node, ast.Attribute) and node.attr in ASKS_THE_WORLD:
            assert node.attr == WITH_A_ZONE, (node.lineno, node.attr)
            assert node in with_a_zone, (node.lineno, "the zone of this machine")


def test_the_files_are_there() -> None:
    assert {path.name for path in FILES} >= {"site.py", "decide.py"}
