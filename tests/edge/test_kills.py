"""Edge, central and broker killed with SIGKILL in the middle of 2,000 events, once each.

`make campaign kills` does it with 30,000 events, twice each.
"""

import asyncio
import random
from pathlib import Path

import pytest

from simulators.broker_process import BrokerKind
from tests.edge.kills import AUTOSAVE, Scene, plan
from tests.servers import make_broker

EVENTS = 2_000


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_all_that_was_durable_is_archived_once_and_in_order(
    tmp_path: Path, seed: int, kind: BrokerKind
) -> None:
    chance = random.Random(seed)
    scene = Scene(tmp_path, make_broker(kind, extra=AUTOSAVE), chance)
    run = asyncio.run(scene.run(EVENTS, 1, plan(chance, EVENTS, 1)))
    assert run.wrong == []
