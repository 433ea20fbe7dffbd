"""What the two ends of a trial of `bench_readers` agree on: lines, readers, keys, and the clock.

Both ends are processes of this machine: CLOCK_MONOTONIC is one clock for them.
"""

import hashlib
from pathlib import Path

import msgspec

CARD_BITS = 32
"""A card is its number: whoever reads it says which one it was."""

POLL_MS = 50
"""The rest of libosdp between two polls, which it does not let anybody set."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """`lines`: the addresses on each. `dead`: lines and addresses that never answer. `pause_s`:
    between two badges, and between two commands, at random, so that no step is kept with polls.
    """

    baud: int
    pause_s: tuple[float, float] = (0.15, 0.35)
    lines: tuple[tuple[int, ...], ...]
    dead: tuple[tuple[int, int], ...] = ()

    def live(self) -> list[tuple[int, int]]:
        """Every reader that answers, as line and address."""
        every = [(line, address) for line, on in enumerate(self.lines) for address in on]
        return [reader for reader in every if reader not in self.dead]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a panel's process tells at its end. Nanoseconds; `cpu_s`, `wall_s`: of its rest alone.

    `cards`: which was heard when. `commands_ns`: from each wish to the reader's confirmation.
    """

    cards: list[tuple[int, int]]
    commands_ns: list[int]
    lost: int
    cpu_s: float
    wall_s: float
    rss_mib: float


def key_of(line: int, address: int) -> bytes:
    """The reader's Secure Channel key."""
    return hashlib.sha256(f"{line}/{address}".encode()).digest()[:16]


def port_of(folder: Path, line: int) -> Path:
    """The line's port."""
    return folder / f"line{line}"


def rss_mib(process: str = "self") -> float:
    """What a process keeps in memory now."""
    for row in Path(f"/proc/{process}/status").read_text().splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    raise ValueError("no such process")
