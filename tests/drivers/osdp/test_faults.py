"""libosdp's reader through flipped bits, lost bytes, cuts and a restart.

`make campaign cables` goes on for longer.
"""

import asyncio
from pathlib import Path

from drivers.api import DeviceOffline
from tests.drivers.osdp.faults import Fault, trial

FAULTS = (
    Fault(0.2, flipped=0.004),
    Fault(0.2, lost=0.004),
    Fault(0.15, cut=True),
    Fault(0.4, cut=True),
    Fault(0.1, restart=True),
)


def test_libosdp_through_faults(tmp_path: Path, seed: int) -> None:
    async def scenario() -> None:
        async with trial(tmp_path, seed) as ours:
            for fault in FAULTS:
                await ours.suffer(fault)
            ours.check()
            assert len(ours.returned_s) == len(FAULTS)
            assert ours.edge.of(DeviceOffline), "the board that restarted was told anew"

    asyncio.run(scenario())
