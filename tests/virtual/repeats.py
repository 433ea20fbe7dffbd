"""One seed under three hash seeds and every Python found: what an unordered set would change shows.

Each run is a process of its own, `sentrypost sim virtual`, whose last line is the trace's hash.
"""

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.virtual.interpreters import programs


class Repeated(NamedTuple):
    """`traces` of one seed, by interpreter and hash seed; `another` is another seed's."""

    traces: dict[str, str]
    another: str

    @property
    def wrong(self) -> str:
        """What does not hold; empty when all do."""
        found = set(self.traces.values())
        if len(found) > 1:
            return f"{len(found)} different runs of one seed: {self.traces}"
        return "another seed is the same run" if self.another in found else ""


def repeated(seed: int, options: Sequence[str]) -> Repeated:
    """Run what `options` say with `seed`, and the next one as another; a run for each core."""
    found = programs()
    ours = next(iter(found))
    others = [name for name in found if name != ours] or [ours]
    runs = [(ours, "1"), (ours, "2"), *((other, "3") for other in others)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        another = pool.submit(_trace, found[ours], seed + 1, "1", options)
        traces = list(pool.map(lambda run: _trace(found[run[0]], seed, run[1], options), runs))
    named = [f"Python {name}, hash seed {hash_seed}" for name, hash_seed in runs]
    return Repeated(dict(zip(named, traces, strict=True)), another.result())


def _trace(program: Path, seed: int, hash_seed: str, options: Sequence[str]) -> str:
    done = subprocess.run(
        [program, "sim", "virtual", "--seed", str(seed), *options],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout.splitlines()[-1]
