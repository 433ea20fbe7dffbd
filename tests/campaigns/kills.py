"""Kills edge, central and broker in a flow of events, twice each; arguments: [EVENTS] [KIND].

Real processes, SIGKILL, at moments drawn from the seed; see `tests.edge.kills`. Without KIND on
Mosquitto and then on the embedded broker.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from simulators.broker_process import KINDS, BrokerKind, BrokerProcess
from tests.campaigns import Result
from tests.edge.kills import AUTOSAVE, Scene, plan

EVENTS = 30_000
KILLS_EACH = 2


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    events = int(arguments[0]) if arguments else EVENTS
    kinds = [KINDS[arguments[1]]] if len(arguments) > 1 else list(KINDS.values())
    found = [on(kind, seed, events) for kind in kinds]
    return Result(all(passed for passed, _ in found), "; ".join(summary for _, summary in found))


def on(kind: BrokerKind, seed: int, events: int) -> Result:
    """One run on one kind of broker."""
    chance = random.Random(f"{seed}/{kind}")
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), BrokerProcess(kind, extra=AUTOSAVE), chance)
        ran = asyncio.run(scene.run(events, KILLS_EACH, plan(chance, events, KILLS_EACH)))
    sys.stdout.write("".join(f"{kind}: {line}\n" for line in ran.wrong))
    kills = ", ".join(f"{count} x {victim}" for victim, count in sorted(ran.kills.items()))
    return Result(
        not ran.wrong,
        f"{kind}: {ran.events} events in {ran.flow_s:.0f} s, killed {kills}, {ran.behind} events "
        f"on their way then, all archived {ran.drain_s:.1f} s after the last, "
        f"{len(ran.wrong)} wrong",
    )
