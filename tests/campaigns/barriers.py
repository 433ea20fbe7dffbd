"""Random hours at a barrier and a sally port, none of which may close blindly; arguments: [RUNS].

Cars, badges, fires, postures, lost devices, restarts and a journal that fails, in any order, with
every command looked at whenever it could go out on the wire.
"""

from tests.campaigns import Result
from tests.controller.barrier_runs import STEPS, BlindlyClosedError
from tests.controller.barrier_runs import run as one_run

RUNS = 10_000


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    runs = int(arguments[0]) if arguments else RUNS
    lowered = raised = 0
    blind: list[int] = []
    for number in range(seed, seed + runs):
        try:
            watched = one_run(number)
        except BlindlyClosedError:
            blind.append(number)
        else:
            lowered, raised = lowered + watched.lowered, raised + watched.raised
    found = f"{len(blind)} closed blindly" + (f", the first with {blind[0]}" if blind else "")
    summary = f"{runs} runs of {STEPS} steps, {lowered} lowered, {raised} raised again; {found}"
    return Result(not blind, summary)
