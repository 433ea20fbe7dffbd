"""Which code runs."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def commit() -> str:
    """The commit that runs, with a + when files differ from it; `unknown` outside a clone."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"  # there is no git here
    return result.stdout.strip() or "unknown"
