"""CI leaves nothing out: whatever a machine lacks goes through `tests.servers`."""

import re

import pytest

from tests.servers import skip_or_fail
from tests.tidy.repository import ROOT, files, name

# What a skip raises may be named where it is let pass.
SKIPS = re.compile(r"pytest\.(skip(?!\.Exception\):)|mark\.skip|importorskip)|unittest\.skip")


def test_no_test_skips_by_itself() -> None:
    mine = {"tests/servers.py", "tests/tidy/test_skips.py"}
    found = [
        name(path)
        for path in files()
        if path.is_relative_to(ROOT / "tests")
        and path.suffix == ".py"
        and name(path) not in mine
        and SKIPS.search(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("ci", "ends"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_what_a_machine_lacks_fails_under_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, ends: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match="no small disk"):
        skip_or_fail("no small disk")
