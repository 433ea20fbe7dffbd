"""make campaign NAME: one long run, recorded in docs/campaigns.md.

usage: python -m tests.campaigns [NAME [ARGUMENT ...]]: without a name, the list.
SENTRYPOST_SEED=N repeats a run.
"""

import ast
import importlib
import os
import random
import sys
import time
from pathlib import Path

from tests.records import ROOT, append, commit, machine, today

DOCUMENT = ROOT / "docs" / "campaigns.md"
TITLE = """# Campaigns

Each line is one run of `make campaign NAME`. A seed repeats it: `SENTRYPOST_SEED=N make campaign
NAME`. A commit with a + had changes that were not committed.

| date | campaign | arguments | result | what | seed | seconds | commit | machine |
|---|---|---|---|---|--:|--:|---|---|
"""


def campaigns() -> dict[str, str]:
    """Each name with the first line of its module's docstring; nothing of it is run."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.startswith("_"):
            text = ast.get_docstring(ast.parse(path.read_text())) or ""
            found[path.stem] = text.partition("\n")[0]
    return found


def main(arguments: list[str]) -> int:
    """Run one; 0 when it passed."""
    known = campaigns()
    if not arguments or arguments[0] not in known:
        out = sys.stderr if arguments else sys.stdout
        out.write(f"There is no campaign {arguments[0]}\n" if arguments else "")
        out.write("".join(f"make campaign {name}: {what}\n" for name, what in known.items()))
        return 1 if arguments else 0
    name, rest = arguments[0], arguments[1:]
    seed = int(os.environ.get("SENTRYPOST_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"campaign {name} {' '.join(rest)} SENTRYPOST_SEED={seed}\n")
    began = time.monotonic()
    result = importlib.import_module(f"tests.campaigns.{name}").run(seed, rest)
    seconds = time.monotonic() - began
    word = "passed" if result.passed else "FAILED"
    cells = (today(), name, " ".join(rest), word, result.summary, str(seed), f"{seconds:.0f}")
    append(DOCUMENT, TITLE, ["| " + " | ".join((*cells, commit(), machine())) + " |"])
    sys.stdout.write(f"campaign {name} {word} in {seconds:.0f} s: {result.summary}\n")
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
