"""From a badge on the wire to the verdict on a face on disk, through the whole edge.

The reader is simulated on a pseudo-terminal at the line's own speed, the camera sends eight
pictures of 480x360 a second from a process of its own, and camera and faces have the edge's own
processes beside the edge. Whoever is enrolled stands there. Without turns what counts is how long
pictures take to come and to be compared; with one turn, mostly how long the simulated person takes
to see the sign (0.4 s) and to turn her head and back (1.8 s).
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from controller import events as ev
from controller.events import decode_body, decode_entry
from edge.assembly import Edge
from tests.bench import Figure
from tests.edge.faces_at_doors import WITHIN_S, FaceHouse, person
from tests.edge.house import ADA

ROUNDS = {0: 40, 1: 20}
"""By turns of the head."""

WARM_UP = 2
PAUSE_S = (0.3, 0.8)
"""Between a verdict and the next badge, at random: pictures come each 125 ms."""

READ_MAX, BYTES_MAX = 100, 1 << 20


async def verdict_ms(house: FaceHouse, edge: Edge) -> float | None:
    """From her badge to the entry of its verdict on disk; None where she was refused."""
    await house.sees(edge)
    seq = edge.daemon.site.state.seq
    await edge.desk.wait_beyond(seq - 1)
    began_s = time.monotonic()
    house.badge("vault-in", ADA)
    async with asyncio.timeout(WITHIN_S):
        while True:
            await edge.desk.wait_beyond(seq)
            took_s = time.monotonic() - began_s
            for stored in await edge.daemon.writer.read(seq + 1, READ_MAX, BYTES_MAX):
                seq = stored.seq
                body = decode_body(decode_entry(stored.entry))
                if isinstance(body, ev.DecisionMade):
                    return took_s * 1_000 if body.decision.granted else None


async def rounds(turns: int, folder: Path, clips: Path) -> list[float]:
    """Milliseconds of each badge that was granted."""
    house = FaceHouse(folder, clips, turns)
    chance = random.Random(turns)
    took = []
    async with house.served() as edge:
        await house.stands(person())
        for number in range(WARM_UP + ROUNDS[turns]):
            one = await verdict_ms(house, edge)
            if one is not None and number >= WARM_UP:
                took.append(one)
            await asyncio.sleep(chance.uniform(*PAUSE_S))
    return took


def run() -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        for turns, count in ROUNDS.items():
            site = Path(folder) / f"turns-{turns}"
            site.mkdir()
            took = sorted(asyncio.run(rounds(turns, site, clips)))
            how = {0: "without turns", 1: "one turn of the head"}[turns]
            load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
            note = f"{len(took)} of {count} badges, which were granted; {load}"
            aim = "; aim: 1,000" if not turns else ""
            p95 = took[int(len(took) * 0.95)]
            figures += [
                Figure(
                    f"badge to verdict on disk, {how}, median", statistics.median(took), "ms", note
                ),
                Figure(f"badge to verdict on disk, {how}, p95", p95, "ms", note + aim),
            ]
    return figures
