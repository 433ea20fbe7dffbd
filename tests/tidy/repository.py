"""What is in the repository, for the tests of its rules."""

import subprocess
from functools import cache
from pathlib import Path

from tests.servers import require

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policies", "controller", "drivers", "edge", "central", "simulators")


@cache
def files() -> tuple[Path, ...]:
    """Every file that git knows or would add, and that is there."""
    command = [require("git"), "-C", str(ROOT), "ls-files", "-z"]
    command += ["--cached", "--others", "--exclude-standard", "--deduplicate"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    found = tuple(ROOT / name for name in names if name and (ROOT / name).is_file())
    assert len(found) > 50, "git lists the tree"
    return found


def sources() -> tuple[Path, ...]:
    """The Python files of the six packages."""
    found = tuple(
        path
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    )
    assert len(found) > 20, "the packages have sources"
    return found


def name(path: Path) -> str:
    """The path from the repository's root."""
    return str(path.relative_to(ROOT))
