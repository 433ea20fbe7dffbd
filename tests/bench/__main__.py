"""make bench: the fast figures.

Each module `tests/bench/bench_*.py` has `run() -> list[Figure]`. All of them are printed as a table
and added to docs/bench.md with date, commit and machine.

usage: python -m tests.bench [--dry-run] [WORD ...]: only the modules whose name has such a word
"""

import importlib
import sys
from pathlib import Path

from tests.bench import Figure
from tests.records import ROOT, append, commit, machine, today

DOCUMENT = ROOT / "docs" / "bench.md"
TITLE = """# Figures

Each section is one run of `make bench`: the date, the commit, the machine, and what it measured.
The figures of one section compare with each other; another machine has others.
"""


def table(figures: list[Figure]) -> list[str]:
    """The figures as lines of a Markdown table."""
    lines = ["| figure | value | unit | note |", "|---|--:|---|---|"]
    for name, value, unit, note in figures:
        lines.append(f"| {name} | {value:,.4g} | {unit} | {note} |")
    return lines


def main(arguments: list[str]) -> int:
    """Run what was asked for; 1 when there is no such module."""
    dry_run = "--dry-run" in arguments
    words = [argument for argument in arguments if not argument.startswith("--")]
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    chosen = [name for name in names if not words or any(word in name for word in words)]
    if not chosen:
        sys.stderr.write(f"No figures called {' '.join(words)}; there are: {', '.join(names)}\n")
        return 1
    figures: list[Figure] = []
    for name in chosen:
        sys.stderr.write(f"{name} ...\n")
        figures += importlib.import_module(f"tests.bench.{name}").run()
    lines = ["", f"## {today()}, {commit()}", "", machine(), "", *table(figures)]
    sys.stdout.write("\n".join(lines[1:]) + "\n")
    if not dry_run:
        append(DOCUMENT, TITLE, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
