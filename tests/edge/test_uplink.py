"""The spine end to end: journal, real broker, archive."""

import asyncio
import time
from pathlib import Path

from simulators.broker_process import BrokerProcess
from tests.central.rig import assert_complete, running_central, running_edge, stored_in


def test_two_thousand_events_arrive_once_in_order_byte_for_byte(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    async def scene() -> None:
        async with (
            running_central(tmp_path / "archive.db", broker.port),
            running_edge(tmp_path / "journal", broker.port) as edge,
        ):
            began = time.monotonic()
            await edge.happen(2000)
            await edge.acked(2000)
            print(f"2000 events in {time.monotonic() - began:.2f} s")  # noqa: T201
            assert edge.reports == []
            await assert_complete(
                tmp_path / "archive.db", await stored_in(edge.outbox), edge.outbox
            )

    asyncio.run(scene())
