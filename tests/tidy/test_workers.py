"""The tests run in several processes at once, which must agree on what they run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.shares import LONGEST, share_of, turn
from tests.tidy.repository import ROOT

NAMED_BY_THE_SEED = """
import pytest
from tests.conftest import SEED

@pytest.mark.parametrize("drawn", range(SEED, SEED + 4))
def test_each_worker_knows_this_name(drawn):
    print(f"drawn from {SEED}")
"""


def test_all_workers_have_the_seed_of_the_run(tmp_path: Path) -> None:
    """Workers that drew seeds of their own would not even collect the same tests."""
    (tmp_path / "test_named.py").write_text(NAMED_BY_THE_SEED)
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_report_header\n")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    del ours["SENTRYPOST_SEED"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--numprocesses=2", "-rP", tmp_path],
        cwd=tmp_path,
        env=ours | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    head = re.findall(r"^SENTRYPOST_SEED=(\d+)$", done.stdout, re.MULTILINE)
    assert len(head) == 1, "said once, at the top"
    assert re.findall(r"^drawn from (\d+)$", done.stdout, re.MULTILINE) == head * 4


def test_what_tests_share_is_made_by_one_worker() -> None:
    pages = [f"tests/web/test_{name}.py::test_it" for name in "ab"]
    assert share_of(pages[0]) == share_of(pages[1])
    assert share_of("tests/edge/test_cli.py::a") == share_of("tests/edge/test_cli.py::b[::1]")
    assert share_of("tests/edge/test_cli.py::a") != share_of("tests/edge/test_process.py::a")
    assert share_of("tests/virtual/test_site.py::a") != share_of("tests/virtual/test_site.py::b")


def test_what_takes_longest_is_there_and_begins_first() -> None:
    assert [place for place in LONGEST if not (ROOT / place).exists()] == []
    turns = [turn(f"{place}::test_it") for place in (*LONGEST, "tests/edge/test_cli.py")]
    assert turns == list(range(len(LONGEST) + 1))
