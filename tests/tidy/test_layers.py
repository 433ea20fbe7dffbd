"""The layers and the purity of the core, and that the tools which see to them would notice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.repository import PACKAGES, ROOT

TOOLS = Path(sys.executable).parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Import-linter on the tree in this folder."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
    ]
    return subprocess.run(
        [*command, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": str(TOOLS)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layers_hold():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("policies", "import edge", "one straight line of layers BROKEN"),
        ("drivers", "import central", "one straight line of layers BROKEN"),
        ("edge", "import simulators", "one straight line of layers BROKEN"),
        ("controller", "import time", "no I/O, clock, randomness or concurrency BROKEN"),
        ("policies", "import paho.mqtt.client", "no I/O, clock, randomness or concurrency BROKEN"),
    ],
)
def test_a_breach_of_the_layers_is_noticed(tmp_path, module, line, contract):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    assert lint_imports(tmp_path).returncode == 0
    (tmp_path / module / "__init__.py").write_text(line + "\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert contract in result.stdout


@pytest.mark.parametrize("package", ["policies", "controller"])
@pytest.mark.parametrize(
    "source",
    [
        "import datetime\n\nNOW = datetime.datetime.now(tz=datetime.UTC)\n",
        "from datetime import date\n\nTODAY = date.today()\n",
        "from random import random\n\nVALUE = random()\n",
        "import os\n\nHOME = os.environ\n",
    ],
)
def test_an_impure_call_in_the_core_is_noticed(package, source):
    command = [str(TOOLS / "ruff"), "check", "--no-cache", "--select", "TID251"]
    command += ["--stdin-filename", str(ROOT / package / "example.py"), "-"]
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "TID251" in result.stdout
