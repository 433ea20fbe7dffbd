"""The one file of others that a browser is sent: it is npm's, byte for byte."""

import hashlib
import sys
from pathlib import Path

import pytest

import central.web
from tests.servers import skip_or_fail

FOLDER = Path(central.web.__file__).parent / "static" / "uplot"
PACKAGE = Path(sys.prefix) / "uplot" / "node_modules" / "uplot"

FILES = {
    "LICENSE": "",
    "uPlot.iife.min.js": "dist",
    "uPlot.min.css": "dist",
}


def test_nothing_else_lies_there() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_it_is_what_npm_has_under_the_locked_hash(name: str) -> None:
    original = PACKAGE / FILES[name] / name
    if not original.exists():
        skip_or_fail("npm's uplot is not here: sh requirements/npm.sh uplot .venv/uplot")
    assert _digest(FOLDER / name) == _digest(original)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
