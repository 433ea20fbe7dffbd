"""The demonstration to its end, with faces: who is let in, who is not, and what the guard says.

As `make demo` has it, in real time; arguments: [SECONDS], after which it must have said all.
"""

import subprocess
import sys
import time

from tests.campaigns import Result

SECONDS_MAX = 400.0

SAID = (
    "in force: raise to level 3",
    "done: lower",
    "'3' is enrolled, version 1",
    "Clara Diaz       in  cipher-door     GRANTED  granted",
    "Clara Diaz       in  cipher-door     REFUSED  a factor was presented and failed",
    "?? cipher-door: no face could be had: not-live",
    "Clara Diaz       in  cipher-door     REFUSED  more factors are needed",
    "?? cipher-door: no face could be had: several",
    "guard accept ",
    "taken; passage granted",
)
"""In this order."""

IN = "Clara Diaz       in  cipher-door     GRANTED  granted"
OUT = "Clara Diaz       out cipher-door"
"""Twice each: behind her own face, and behind the guard's look, where the line of her entry may
come before his command has said what came of it.
"""


def run(_seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    seconds = float(arguments[0]) if arguments else SECONDS_MAX
    demo = subprocess.Popen(
        [sys.executable, "-m", "edge.main", "demo", "--seconds", str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None, "made with a pipe"
    began, left, lines = time.monotonic(), 0, []
    for line in demo.stdout:
        lines.append(line)
        sys.stdout.write(line)
        left += OUT in line
        if left == 2:
            break  # what the guard's command says is there by the time that all has ended
    took_s = time.monotonic() - began
    demo.terminate()
    lines += demo.stdout.readlines()
    sys.stdout.write("".join(lines[-12:]))
    status = demo.wait()
    return judged("".join(lines), status, took_s)


def judged(output: str, status: int, took_s: float) -> Result:
    """What was not said, or not in its order; and the status."""
    at, missing = 0, []
    for said in SAID:
        found = output.find(said, at)
        if found < 0:
            missing.append(said)
        else:
            at = found + len(said)
    if output.count(IN) != 2:
        missing.append(f"{IN} twice")
    told = f"not said: {'; '.join(missing)}" if missing else "all said"
    passed = not missing and status == 0
    return Result(passed, f"{told}; status {status}; over after {took_s:.0f} s")
