"""The start-up check against packages of the same name from elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.one_tree import PACKAGES, check_one_tree

ROOT = Path(__file__).resolve().parents[2]


def run_check(*folders: Path) -> subprocess.CompletedProcess[str]:
    """The check in a fresh interpreter that finds packages in these folders, in this order."""
    script = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n"
    script += "from edge.one_tree import check_one_tree; check_one_tree()"
    # -S -E: neither an installed Sentrypost nor PYTHONPATH takes part.
    command = [sys.executable, "-S", "-E", "-P", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_this_tree_is_one():
    check_one_tree()
    result = run_check(ROOT)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "edge"])
def test_a_foreign_package_is_named_with_both_places_and_the_remedy(tmp_path, name):
    foreign = tmp_path / name
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit('the foreign package was run')\n")
    result = run_check(tmp_path, ROOT)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("edge.one_tree.ForeignPackageError")
    assert f"{name!r} comes from {foreign} and not from {ROOT / name}" in last
    assert "virtual environment of its own" in last


def test_a_folder_without_init_is_no_package_of_ours(tmp_path):
    """A namespace package has no origin; it must not pass as one of the six."""
    tree = tmp_path / "tree"
    for name in PACKAGES:
        (tree / name).mkdir(parents=True)
        if name != "drivers":
            (tree / name / "__init__.py").touch()
    (tree / "edge" / "one_tree.py").write_bytes((ROOT / "edge" / "one_tree.py").read_bytes())
    result = run_check(tree)
    assert result.returncode == 1
    assert f"'drivers' comes from nowhere and not from {tree / 'drivers'}" in result.stderr
