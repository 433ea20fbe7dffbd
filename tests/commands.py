"""Commands of ours as somebody runs them: each a process of its own, forked off one that has read
the code already. To start Python and to import everything costs more than most commands take.

That a program starts from nothing is shown where a test is about that: tests/edge/test_cli.py, and
whatever starts a daemon.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
WITHIN_S = 90.0

READ = (
    "central.commands",
    "edge.commands.check",
    "edge.commands.fire",
    "edge.commands.journal",
    "edge.commands.key",
    "edge.commands.person",
    "edge.commands.signin",
    "edge.commands.status",
    "edge.main",
)
"""What many tests run; the code of another command is read by its own process."""


def command(
    *words: str | Path, cwd: Path = ROOT, data: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`sentrypost` with these words, to its end. May be called by several threads at once.

    Raises subprocess.TimeoutExpired where it does not end.
    """
    said = [*map(str, words)]
    with TemporaryDirectory() as folder:
        streams = Path(folder)
        (streams / "0").write_bytes(data)
        given = {**os.environ, **environment}
        process = _forking().Process(target=_run, args=(said, cwd, given, streams))
        process.start()
        process.join(WITHIN_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(said, WITHIN_S)
        out, err = ((streams / stream).read_text("utf-8") for stream in "12")
    return subprocess.CompletedProcess(said, process.exitcode, out, err)


@cache
def _forking() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.commands", *READ])
    return context


def _run(words: list[str], folder: Path, environment: Mapping[str, str], streams: Path) -> None:
    """In the new process: what a shell would have set up, and the program."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    for stream, flags in enumerate((os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2)):
        file = os.open(streams / f"{stream}", flags, 0o600)
        os.dup2(file, stream)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(stream, mode, encoding="utf-8", closefd=False)
        for stream, mode in enumerate(("r", "w", "w"))
    )
    sys.argv = ["sentrypost", *words]

    from edge.main import main

    main()
