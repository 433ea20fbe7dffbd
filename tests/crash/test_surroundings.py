"""What a running edge cannot choose: its wall clock, and how much it may open."""

from pathlib import Path

import pytest

from edge.clock import Trust
from simulators.broker_process import BrokerProcess
from tests.crash.clock import jump
from tests.crash.descriptors import exhaust


@pytest.mark.parametrize("trust", list(Trust))
def test_when_the_clock_jumps_doors_chain_and_sync_go_on(
    tmp_path: Path, mosquitto: BrokerProcess, trust: Trust
) -> None:
    jump(tmp_path, mosquitto.port, trust)


def test_an_edge_that_may_open_nothing_goes_on_says_so_once_and_recovers(tmp_path: Path) -> None:
    exhaust(tmp_path)
