"""Kills, power cuts and disk errors: all that was acknowledged is there; arguments: [PART [TIMES]].

PART is one of `edge` (SIGKILL of a real edge, 200 times), `writer` (of eight threads that append,
200 times), `cuts` (1,000 power cuts, and as many with `synchronous = NORMAL`, which must lose
some), `errors` (EIO, ENOSPC and a lying device at each operation of the disk, with one seed or
TIMES), `syscalls` (EIO and ENOSPC from the kernel of a real edge, 24 times), `surroundings` (its
clock a day back and ten years ahead, its file descriptors exhausted). Without a PART all of them.
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from edge.clock import Trust
from edge.journal import folder as files
from simulators.broker_process import BrokerProcess, reserved_port
from tests.campaigns import Result
from tests.crash import errors, kills, syscalls
from tests.crash.clock import jump
from tests.crash.cuts import COPY, LIVES, LOST, MORE, RUINED, lives_of_a_journal
from tests.crash.descriptors import exhaust

KILLS = 200
CUTS = 1_000
REFUSALS = 24
CONTROLS_MIN, CONTROL_SHARE = 8, 10
"""One journal in so many lives again with fewer syncs."""


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    parts = [PARTS[arguments[0]]] if arguments else list(PARTS.values())
    times = int(arguments[1]) if len(arguments) > 1 else None
    found = [part(seed, times) for part in parts]
    return Result(all(passed for passed, _ in found), "; ".join(summary for _, summary in found))


def edge(seed: int, times: int | None) -> Result:
    """A real edge, killed."""
    with tempfile.TemporaryDirectory() as folder, reserved_port() as held:
        port = held.getsockname()[1]
        found = kills.edge_kills(Path(folder), random.Random(seed), times or KILLS, port)
    return _killed("edge", found)


def writer(seed: int, times: int | None) -> Result:
    """Eight threads, killed."""
    with tempfile.TemporaryDirectory() as folder:
        found = kills.writer_kills(Path(folder) / "j", random.Random(seed), times or KILLS)
    return _killed("writer", found)


def _killed(what: str, found: kills.Killed) -> Result:
    sys.stdout.write("".join(f"{what}: {line}\n" for line in found.wrong))
    return Result(
        not found.wrong and found.told > 0,
        f"{what} killed {found.kills} x, {found.starting} in a start: {found.told} acknowledged, "
        f"{found.stored} stored, {len(found.wrong)} wrong",
    )


def cuts(seed: int, times: int | None) -> Result:
    """Power cuts, and the negative control."""
    journals = -(-(times or CUTS) // LIVES)
    controls = max(CONTROLS_MIN, journals // CONTROL_SHARE)
    found = _lived(seed, journals)
    honest, files.PRAGMAS = (
        files.PRAGMAS,
        tuple(pragma.replace("FULL", "NORMAL") for pragma in files.PRAGMAS),
    )
    try:
        control = sum((lives_of_a_journal(seed + at) for at in range(controls)), Counter[str]())
    finally:
        files.PRAGMAS = honest
    aimed = ", ".join(
        f"{count} {name.removeprefix('cut in ')}"
        for name, count in sorted(found.items())
        if name.startswith("cut in ")
    )
    return Result(
        not found[LOST] and not found[RUINED] and control[LOST] > 0,
        f"{journals * LIVES} power cuts ({aimed}): {found[LOST]} lost, {found[RUINED]} ruined, "
        f"{found[MORE]} had more than was said, {found[COPY]} erased values left in a divided "
        f"page; with NORMAL {control[LOST]} lost and {control[RUINED]} ruined in "
        f"{controls * LIVES} cuts",
    )


def _lived(seed: int, journals: int) -> Counter[str]:
    found = Counter[str]()
    for at in range(journals):
        lived = lives_of_a_journal(seed + at)
        if lived[LOST] or lived[RUINED]:
            sys.stdout.write(f"journal {seed + at}: {dict(lived)}\n")
        found += lived
    return found


def disk_errors(seed: int, times: int | None) -> Result:
    """Every kind of error, at each operation that it is for."""
    found, runs = Counter[str](), 0
    for own in range(seed, seed + (times or 1)):
        for name, how in errors.STRIKES.items():
            for first in range(1, errors.operations(own, how.only) + 1):
                for row in (1,) if how.strike is errors.lie else (1, 3):
                    struck = errors.struck(own, how, first, row)
                    if struck[LOST] or struck[RUINED]:
                        sys.stdout.write(f"{name} {row} x at {first}: {dict(struck)}\n")
                    found, runs = found + struck, runs + 1
    return Result(
        not found[LOST] and not found[RUINED] and found[errors.AGAIN] > 0,
        f"errors at each operation in {runs} runs: {found[LOST]} lost, {found[RUINED]} ruined, "
        f"{found[errors.AGAIN]} acknowledged and lost by the device written again",
    )


def system_calls(seed: int, times: int | None) -> Result:
    """What the kernel answers a real edge, by strace."""
    chance, wrong, lost, injected = random.Random(seed), list[str](), 0, 0
    for number in range(times or REFUSALS):
        call, first = chance.choice((("fdatasync", (25, 100)), ("pwrite64", (120, 500))))
        error = chance.choice(("EIO", "ENOSPC"))
        refusal = syscalls.Refusal(call, error, chance.randint(*first), 3)
        with tempfile.TemporaryDirectory() as folder:
            found = syscalls.refused(Path(folder) / "house", refusal)
        wrong += [f"{number} {refusal}: {line}" for line in found.wrong]
        lost, injected = lost + found.lost, injected + found.injected
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return Result(
        not wrong and lost > 0,
        f"{injected} system calls of a real edge refused, its journal lost {lost} x and written "
        f"again, {len(wrong)} wrong",
    )


def surroundings(_seed: int, times: int | None) -> Result:
    """A real edge whose clock jumps, and that may open nothing; a failure ends the campaign."""
    count = times or 1
    for _ in range(count):
        with tempfile.TemporaryDirectory() as name, BrokerProcess() as broker:
            folder = Path(name)
            for trust in Trust:
                (folder / trust).mkdir()
                jump(folder / trust, broker.port, trust)
            (folder / "open").mkdir()
            exhaust(folder / "open")
    return Result(
        True,
        f"{count} x an edge's clock 1 day back and 10 years ahead, believed and not, and its file "
        "descriptors exhausted: 0 wrong",
    )


PARTS: dict[str, Callable[[int, int | None], Result]] = {
    "edge": edge,
    "writer": writer,
    "cuts": cuts,
    "errors": disk_errors,
    "syscalls": system_calls,
    "surroundings": surroundings,
}
