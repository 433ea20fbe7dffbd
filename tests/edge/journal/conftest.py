"""A disk of two megabytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.journal.tmpfs import Tmpfs
from tests.servers import skip_or_fail


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Tmpfs]:
    """Where this user may not mount, the limit on file sizes is tested all the same."""
    (tmp_path / "small").mkdir()
    disk = Tmpfs(tmp_path / "small")
    if not disk.mounted:
        skip_or_fail("only root may mount a small disk")
    yield disk
    disk.unmount()
