"""Where and on what a figure was taken: commit, machine, and a dated section in a document."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from simulators.virtual.source import commit

__all__ = ["ROOT", "append", "commit", "machine", "today"]

ROOT = Path(__file__).resolve().parent.parent


def machine() -> str:
    """Processor, cores, system and Python, in one line."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    cores = os.cpu_count()
    return f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


def today() -> str:
    """The date in UTC, as 2026-11-20."""
    return datetime.now(UTC).date().isoformat()


def append(document: Path, title: str, lines: list[str]) -> None:
    """Add lines to a document, which begins with `title` if it does not exist yet."""
    if not document.exists():
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(title.rstrip() + "\n")
    with document.open("a") as opened:
        opened.write("\n".join(lines) + "\n")
