"""A slice of `make campaign fuzz`: a fixed seed, and another for each run."""

import pytest

from drivers.osdp import reporting
from drivers.osdp.secure import Session
from tests.drivers.osdp.fuzzing import fuzz

FRAMES = 2_400


def test_spoilt_replies_make_nothing() -> None:
    tally = fuzz(20_261_122, FRAMES)
    assert tally.frames == FRAMES
    assert tally.shown > FRAMES // 4, "most of it is read as frames"
    assert tally.violations > 10


def test_spoilt_replies_of_this_run_make_nothing(seed: int) -> None:
    assert fuzz(seed, FRAMES).frames == FRAMES


def test_two_false_proofs_made_of_noise_alarm_and_the_reader_comes_back() -> None:
    fuzz(4_021_513_788, FRAMES)


def test_without_the_check_of_the_mac_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "verify", lambda *arguments: True)
    monkeypatch.setattr(reporting, "is_encrypted", lambda frame: True)
    with pytest.raises(AssertionError):
        fuzz(20_261_122, FRAMES)
