"""A disk of two megabytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.journal.tmpfs import Tmpfs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Tmpfs]:
    """Skipped where this user may not mount; the limit on file sizes is tested everywhere."""
    (tmp_path / "small").mkdir()
    disk = Tmpfs(tmp_path / "small")
    if not disk.mounted:
        pytest.skip("only root may mount a small disk")
    yield disk
    disk.unmount()
