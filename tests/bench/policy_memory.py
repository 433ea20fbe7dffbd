"""What a policy and everybody it is asked about take of a fresh process.

usage: python -m tests.bench.policy_memory FOLDER [trace]: the figures as JSON, megabytes of 10**6.
FOLDER holds the policy's files and the people; `trace`: by tracemalloc, else by what the system
says the process has (which counts what the readers of the files left behind, too).
"""

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from controller.holders import Directory
from edge.people import EMPTY, CredentialRecord, HolderRecord, Roll
from edge.people.records import Touched, directory_of
from policies import CompiledPolicy, SourceFile, load
from policies.compiled import MEMO_MAX


def write(folder: Path, sources: tuple[SourceFile, ...], roll: Roll) -> None:
    """What `main` reads."""
    for source in sources:
        (folder / source.name).write_bytes(source.data)
    for name, records in (("holders", roll.holders), ("credentials", roll.credentials)):
        lines = b"\n".join(map(msgspec.json.encode, records.values()))
        (folder / f"{name}.jsonl").write_bytes(lines)


def read_policy(folder: Path) -> CompiledPolicy:
    sources = [SourceFile(path.name, path.read_bytes()) for path in sorted(folder.glob("*.toml"))]
    return load(sources, timezone=ZoneInfo, tzdata_version="bench")


def read_people(folder: Path) -> Roll:
    """One after the other, as `site.db` gives them."""
    with (
        (folder / "holders.jsonl").open("rb") as holders,
        (folder / "credentials.jsonl").open("rb") as credentials,
    ):
        return EMPTY.after(
            version=1,
            holders=(msgspec.json.decode(line, type=HolderRecord) for line in holders),
            credentials=(msgspec.json.decode(line, type=CredentialRecord) for line in credentials),
            gone=Touched(),
        )


def fill_memos(policy: CompiledPolicy, directory: Directory) -> int:
    """As after years of everybody at every door: every memo is full. How many sets of roles."""
    sets = sorted({one.facts.roles for one in directory.holders.values()})
    for passage in policy.passages.values():
        for names in sets[:MEMO_MAX]:
            policy.concerned(names, passage)
    return len(sets)


def _traced() -> float:
    return tracemalloc.get_traced_memory()[0]


def _resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) * 1024
    raise OSError("/proc/self/status tells no VmRSS")


def _steps(folder: Path, used: Callable[[], float]) -> Iterator[tuple[str, float]]:
    def now() -> float:
        gc.collect()
        return used()

    start = now()
    policy = read_policy(folder)
    loaded = now()
    yield "policy", loaded - start
    roll = read_people(folder)
    directory = directory_of(roll)
    both = now()
    del roll
    known = now()
    yield "people as the core knows them", known - loaded
    yield "policy and people", known - start
    yield "people as on file, beside them", both - known
    fill_memos(policy, directory)
    yield "every memo full", now() - known


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    traced = arguments[1:] == ["trace"]
    if traced:
        tracemalloc.start()
    found = _steps(folder, _traced if traced else _resident)
    sys.stdout.write(json.dumps({name: taken / 1e6 for name, taken in found}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
