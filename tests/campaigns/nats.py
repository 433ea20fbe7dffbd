"""Kills the edges' node, then the leader, of a NATS cluster of three; arguments: [EVENTS] [RATE].

Three edges make numbered events, so many a second each; nodes die by SIGKILL in the flow. What must
hold is in `tests.nats.scene`.
"""

import sys
import tempfile
from pathlib import Path

from tests.campaigns import Result
from tests.nats.scene import EDGES, Scene

EVENTS = 100_000
RATE = 500.0


def run(_seed: int, arguments: list[str]) -> Result:
    """As the module says; nothing in it is drawn from the seed."""
    events = int(arguments[0]) if arguments else EVENTS
    rate = float(arguments[1]) if len(arguments) > 1 else RATE
    with tempfile.TemporaryDirectory() as folder:
        ran = Scene(Path(folder), -(-events // len(EDGES)), rate).run()
    sys.stdout.write("".join(f"{line}\n" for line in ran.wrong))
    first_s, leader_s = ran.outages_s
    return Result(
        not ran.wrong,
        f"{ran.events} events of {len(EDGES)} edges in {ran.flow_s:.0f} s; {first_s:.1f} s without "
        f"acknowledgements after their node was killed, {leader_s:.1f} s after the leader was, "
        f"{ran.behind} on their way then, {ran.again} sent again, {len(ran.wrong)} wrong",
    )
