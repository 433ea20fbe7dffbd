"""A whole machine, emulated: systemd as process 1, LUKS, a TPM; hung, killed, cut off.

Argument `serving`: without how it ends and comes back. Nothing is drawn from the seed. What it
needs is installed, or named, by requirements/machine.sh.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.campaigns import Result
from tests.machine import ending, installing, serving
from tests.machine.computer import Image, MachineError
from tests.machine.scene import Scene, opened
from tests.records import ROOT

Part = Callable[[Scene], Awaitable[None]]

HOME = ROOT / ".venv" / "machine"

SERVING = (
    installing.installed,
    installing.on_an_encrypted_volume,
    installing.started,
    serving.under_accounts,
    serving.apart,
    serving.doctor,
    serving.the_wall_answers,
)
ENDING = (
    ending.the_loop_hangs,
    ending.the_disk_stands_still,
    ending.three_kills,
    ending.stopped_in_order,
    ending.the_machine_starts_again,
    ending.the_power_goes,
)


def run(_seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    made = subprocess.run(["sh", "requirements/machine.sh", str(HOME)], cwd=ROOT, check=False)
    if made.returncode != 0:
        sys.exit("campaign machine: there is no machine to run, see above")
    parts = SERVING if arguments == ["serving"] else (*SERVING, *ENDING)
    with tempfile.TemporaryDirectory() as folder:
        scene = asyncio.run(_played(Path(folder), parts))
    return Result(
        not scene.wrong,
        f"{scene.held} of {scene.held + len(scene.wrong)} hold"
        + "".join(f"; NOT: {what}" for what in scene.wrong)
        + "".join(f"; {what}" for what in scene.seen),
    )


async def _played(folder: Path, parts: tuple[Part, ...]) -> Scene:
    async with opened(folder, Image(HOME)) as scene:
        for part in parts:
            try:
                await part(scene)
            except (MachineError, TimeoutError) as error:
                scene.expect(False, f"{part.__name__} comes to its end", repr(error))
                break
    return scene
