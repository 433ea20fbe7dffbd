"""Nothing in the tree speaks of where it was made or of where packages come from."""

import re
import tomllib

from edge.one_tree import PACKAGES as CHECKED_AT_START
from tests.tidy.repository import PACKAGES, ROOT, files, name

# Written in pieces, so that this file does not contain them.
FOREIGN = (
    r"\.\./" + r"shared",
    r"/work" + r"/",
    r"/root" + r"/",
    r"/home" + r"/[a-z]",
    r"/opt/(" + r"wheels|pypi)",
    r"py" + r"env",
    r"pypi" + r"\.org",
    r"python" + r"hosted",
    r"test\.py" + r"pi",
    r"registry\.npm" + r"js",
    r"deb\.deb" + r"ian",
    r"index-" + r"url\s*=",
)


def mentions(text: str) -> list[str]:
    """Each line that has one of them."""
    pattern = re.compile("|".join(FOREIGN))
    return [line.strip() for line in text.splitlines() if pattern.search(line)]


def test_the_tree_speaks_of_itself_only():
    found = [
        f"{name(path)}: {line}"
        for path in files()
        for line in mentions(path.read_text(errors="replace"))
    ]
    assert found == []


def test_that_check_can_fail():
    assert mentions("see ../" + "shared/anything.md\nfine\nhttps://pypi" + ".org/simple") == [
        "see ../" + "shared/anything.md",
        "https://pypi" + ".org/simple",
    ]


def test_the_six_packages_are_named_alike_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["build-backend"]["module-name"] == list(PACKAGES)
    assert project["tool"]["mypy"]["packages"] == list(PACKAGES)
    assert project["tool"]["importlinter"]["root_packages"] == list(PACKAGES)
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    assert layers == list(reversed(PACKAGES))
    assert CHECKED_AT_START == PACKAGES


def test_what_tools_make_is_not_in_the_tree():
    made = {".venv", "__pycache__", "uv.lock", ".mypy_cache", "dist", "build"}
    assert [name(path) for path in files() if made & set(path.relative_to(ROOT).parts)] == []


def test_nothing_stands_beside_what_belongs_at_the_top():
    """What a bench or a test leaves behind may hold a key."""
    told = {".ci", ".gitignore", "LICENSE", "Makefile", "README.md", "pyproject.toml"}
    kept = {*told, *PACKAGES, "docs", "requirements", "tests"}
    assert {path.relative_to(ROOT).parts[0] for path in files()} - kept == set()
