"""What lies in a static folder of ours as somebody else made it is npm's, byte for byte."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.servers import skip_or_fail
from tests.tidy.repository import ROOT


class Kept(NamedTuple):
    """Files of one package: each with its folder there, and its SHA-256 as it was looked at."""

    folder: str
    package: str
    files: dict[str, tuple[str, str]]


PACKAGES: Final = {
    "htmx": Kept(
        "edge/web/static/htmx",
        "htmx.org",
        {
            "htmx.min.js": (
                "dist",
                "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
            ),
            "LICENSE": ("", "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38"),
        },
    ),
    "uplot": Kept(
        "central/web/static/uplot",
        "uplot",
        {
            "uPlot.iife.min.js": (
                "dist",
                "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
            ),
            "uPlot.min.css": (
                "dist",
                "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
            ),
            "LICENSE": (
                "",
                "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
            ),
        },
    ),
}
"""By the folder under `requirements` that locks the package."""

FILES: Final = [(lock, name) for lock, kept in PACKAGES.items() for name in kept.files]


def test_nothing_else_lies_there() -> None:
    for kept in PACKAGES.values():
        assert {path.name for path in (ROOT / kept.folder).iterdir()} == set(kept.files)


@pytest.mark.parametrize(("lock", "name"), FILES)
def test_a_file_is_the_one_that_was_looked_at(lock: str, name: str) -> None:
    kept = PACKAGES[lock]
    content = (ROOT / kept.folder / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == kept.files[name][1]


@pytest.mark.parametrize(("lock", "name"), FILES)
def test_a_file_is_what_npm_has_under_the_locked_hash(lock: str, name: str) -> None:
    kept = PACKAGES[lock]
    modules = Path(sys.prefix) / lock / "node_modules"
    original = modules / kept.package / kept.files[name][0] / name
    if not original.exists():
        skip_or_fail(f"npm's {lock} is not here: sh requirements/npm.sh {lock} .venv/{lock}")
    assert (ROOT / kept.folder / name).read_bytes() == original.read_bytes()


@pytest.mark.parametrize("lock", PACKAGES)
def test_a_package_is_locked_by_its_hash_and_names_no_registry(lock: str) -> None:
    text = (ROOT / "requirements" / lock / "package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    (wanted,) = locked[""]["dependencies"]
    assert wanted == PACKAGES[lock].package
    assert locked[f"node_modules/{wanted}"]["integrity"].startswith("sha512-")
    assert "resolved" not in text
