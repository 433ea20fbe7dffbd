"""What a policy and everybody it is asked about take of a fresh process.

usage: python -m tests.bench.policy_memory FOLDER [trace]: the figures as JSON, megabytes of 10**6.
FOLDER holds the policy's files and people.json; `trace`: by tracemalloc, else by what the system
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
from controller.ids import CredentialId, HolderId
from edge.people import CredentialRecord, HolderRecord, Roll
from edge.people.records import directory_of
from policies import CompiledPolicy, SourceFile, load
from policies.compiled import MEMO_MAX

People = tuple[list[HolderRecord], list[CredentialRecord]]


def write(folder: Path, sources: tuple[SourceFile, ...], roll: Roll) -> None:
    """What `main` reads."""
    for source in sources:
        (folder / source.name).write_bytes(source.data)
    people: People = (list(roll.holders.values()), list(roll.credentials.values()))
    (folder / "people.json").write_bytes(msgspec.json.encode(people))


def read_policy(folder: Path) -> CompiledPolicy:
    sources = [SourceFile(path.name, path.read_bytes()) for path in sorted(folder.glob("*.toml"))]
    return load(sources, timezone=ZoneInfo, tzdata_version="bench")


def read_people(folder: Path) -> Roll:
    holders, credentials = msgspec.json.decode((folder / "people.json").read_bytes(), type=People)
    return Roll(
        version=1,
        holders={HolderId(one.id): one for one in holders},
        credentials={CredentialId(one.id): one for one in credentials},
        pins={},
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
