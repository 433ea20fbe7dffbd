"""The demonstration as a stranger runs it: whole, in processes, from the command line."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.servers import require

SECONDS = 14


def start(*options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "edge.main", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def check(output: str, status: int) -> None:
    assert status == 0, output
    for said in ("GRANTED", "REFUSED", "unknown credential", "reported lost", "chain verified"):
        assert said in output, f"{said!r} is missing in:\n{output}"
    summary = output.splitlines()[-1]
    entries = [int(word) for word in summary.replace(";", " ").split() if word.isdecimal()]
    assert len(entries) == 2, summary
    assert entries[0] == entries[1] > 50, f"journal and archive differ: {summary}"


def test_two_demos_side_by_side_end_by_themselves_with_different_brokers() -> None:
    require("mosquitto")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        demos = [
            start("--seconds", str(SECONDS), "--port", port, "--broker", kind)
            for kind in ("mosquitto", "embedded")
        ]
        for demo in demos:
            output, _ = demo.communicate(timeout=90)
            check(output, demo.returncode)
            assert f"port {port} is taken" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_demo_that_is_interrupted_ends_cleanly(number: signal.Signals) -> None:
    demo = start("--broker", "embedded")
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if "GRANTED" in line:
            break
    began = time.monotonic()
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=30)
    output = "".join(seen) + rest
    assert demo.returncode == 0, output
    assert "chain verified" in output
    assert time.monotonic() - began < 20
