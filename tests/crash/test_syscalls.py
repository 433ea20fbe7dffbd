"""EIO and ENOSPC at a real edge, by its kernel: a slice of `make campaign crash`."""

from pathlib import Path

import pytest

from tests.crash.syscalls import Refusal, refused

REFUSALS = (Refusal("fdatasync", "EIO", 25, 2), Refusal("pwrite64", "ENOSPC", 150, 3))


@pytest.mark.parametrize("refusal", REFUSALS, ids=[one.call for one in REFUSALS])
def test_what_an_edge_told_is_there_after_the_kernel_refused_it(
    tmp_path: Path, refusal: Refusal
) -> None:
    found = refused(tmp_path / "house", refusal)
    assert found.wrong == []
    assert found.injected >= refusal.times
    assert found.lost >= 1, "it was the journal that met it"
    assert found.told > 0
