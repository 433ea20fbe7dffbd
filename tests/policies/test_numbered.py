"""Every property has a test that names it."""

import ast
import re
from pathlib import Path

from tests.policies.properties import PROPERTIES

TESTS = Path(__file__).parent.parent


def named() -> set[int]:
    """Numbers in the docstrings of tests."""
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.update(map(int, re.findall(r"\bP(\d\d)\b", ast.get_docstring(node) or "")))
    return found


def test_every_property_has_a_test_that_names_it() -> None:
    assert named() == set(PROPERTIES)
