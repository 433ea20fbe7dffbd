"""libosdp's OSDP reader through flipped bits, lost bytes, cuts and restarts; arguments: [ROUNDS].

Real ports, real time, Secure Channel; about two seconds for each round. Nothing is believed that
was not said, nothing obeyed twice or late (`tests/drivers/osdp/faults.py`), and it is told how long
the longest return took.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from drivers.api import CardRead
from tests.campaigns import Result
from tests.drivers.osdp.faults import COMMANDS_MAX, Fault, trial

ROUNDS = 60
ROUNDS_OF_ONE_TRIAL = 6  # a trial has numbers for so many commands
CUTS_S = (0.15, 0.3, 0.5, 1.0, 3.0, 6.0, 10.0)
TELL_EVERY = 10


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    return asyncio.run(_rounds(seed, rounds))


async def _rounds(seed: int, rounds: int) -> Result:
    chance = random.Random(seed)
    done = cards = commands = spoilt = 0
    worst_s = 0.0
    while done < rounds:
        with tempfile.TemporaryDirectory() as folder:
            async with trial(Path(folder), chance.getrandbits(32)) as ours:
                for _ in range(min(ROUNDS_OF_ONE_TRIAL, rounds - done)):
                    if len(ours.given) > COMMANDS_MAX * 2 // 3:
                        break
                    await ours.suffer(_fault(chance))
                    done += 1
                    if done % TELL_EVERY == 0:
                        sys.stdout.write(f"{done} of {rounds} rounds, worst {worst_s:.1f} s\n")
                        sys.stdout.flush()
                ours.check()
                worst_s = max(worst_s, *ours.returned_s)
                cards += len(ours.edge.of(CardRead))
                commands += len(ours.given)
                spoilt += ours.cable.spoilt
    summary = (
        f"{rounds} rounds: {cards} cards heard, {commands} commands, {spoilt} bytes spoilt, "
        f"nothing doubled, late or made up; well again after {worst_s:.1f} s at most"
    )
    return Result(cards > rounds and commands > rounds and spoilt > 0, summary)


def _fault(chance: random.Random) -> Fault:
    kind = chance.choice(("flip", "lose", "cut", "cut", "restart"))
    if kind == "flip":
        return Fault(1.0, flipped=chance.choice((0.001, 0.004, 0.02)))
    if kind == "lose":
        return Fault(1.0, lost=chance.choice((0.001, 0.004, 0.02)))
    if kind == "cut":
        return Fault(chance.choice(CUTS_S), cut=True)
    return Fault(chance.choice((0.1, 1.0, 4.0)), restart=True)
