"""A broker as a process of its own: Mosquitto where it is found, otherwise the embedded one."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from simulators.children import die_with_parent
from simulators.mosquitto import find_mosquitto, mosquitto_configuration

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 10.0
LOG_TAIL_CHARACTERS_MAX = 2_000

# `make bare` sets it: a machine with Python and make alone has the embedded one.
KIND_VARIABLE = "SENTRYPOST_BROKER"

BrokerKind = Literal["mosquitto", "embedded"]
KINDS: dict[str, BrokerKind] = {"mosquitto": "mosquitto", "embedded": "embedded"}


class BrokerStartError(RuntimeError):
    """The broker did not come up; the message holds the end of its log."""


class MosquittoMissingError(BrokerStartError):
    """Mosquitto was asked for by name and is not there."""

    def __init__(self) -> None:
        super().__init__(
            "Mosquitto is not on PATH nor in /usr/sbin: apt-get install mosquitto, "
            "or take the embedded broker"
        )


def reserved_port() -> socket.socket:
    """A socket that holds a free port of 127.0.0.1 until it is closed.

    Nobody else is given the port meanwhile, neither to listen nor to connect from. Whoever names it
    may listen on it, a server with SO_REUSEADDR that is; until then connections are refused.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def unprivileged_account() -> str | None:
    """Whom to run servers as: `nobody` when we are root, ourselves (None) otherwise."""
    return "nobody" if os.geteuid() == 0 else None


def default_kind() -> BrokerKind:
    """Mosquitto where it is found, unless SENTRYPOST_BROKER names one.

    :raises BrokerStartError: it names something else
    """
    named = os.environ.get(KIND_VARIABLE)
    if named in KINDS:
        return KINDS[named]
    if named:
        raise BrokerStartError(f"{KIND_VARIABLE}={named}: say mosquitto or embedded")
    return "mosquitto" if find_mosquitto() else "embedded"


class BrokerProcess:
    """One broker on 127.0.0.1, with a folder of its own; a context manager that starts and stops.

    Port and folder stay the same over `stop`, `kill` and `start`, so a restart is the same broker
    to its clients; a port that was not named is held from the beginning to `close`. What Mosquitto
    kept in sessions survives `stop`, not `kill`; the embedded broker keeps nothing.
    """

    def __init__(
        self,
        kind: BrokerKind | None = None,
        *,
        port: int = 0,
        folder: Path | None = None,
        extra: tuple[str, ...] = (),
        pending_max: int = 5_000,
    ) -> None:
        """
        :param kind: None takes Mosquitto where it is found
        :param port: 0 takes a free one
        :param folder: None makes one and removes it at `close`; when we are root it must be
            reachable for `nobody`, as whom Mosquitto runs
        :param extra: further lines of Mosquitto's configuration
        :param pending_max: of the embedded broker
        :raises MosquittoMissingError: Mosquitto was asked for and is not there
        """
        self.kind: BrokerKind = kind or default_kind()
        self.host = "127.0.0.1"
        self._reserved = None if port else reserved_port()
        self.port: int = self._reserved.getsockname()[1] if self._reserved else port
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sentrypost-broker-"))
        self._extra = extra
        self._pending_max = pending_max
        # Only Mosquitto changes its account: our own Python may lie where nobody else can read.
        self._account = unprivileged_account() if self.kind == "mosquitto" else None
        self._process: subprocess.Popen[bytes] | None = None
        if self._account:
            shutil.chown(self.folder, self._account)
        self._command = self._make_command()

    @property
    def pid(self) -> int | None:
        """Of the running process; None when there is none."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """What it wrote so far."""
        path = self.folder / "broker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> Self:
        """Start it and wait until it takes connections.

        :raises BrokerStartError: it ended, or took none within START_TIMEOUT_S
        """
        group = pwd.getpwnam(self._account).pw_gid if self._account else None
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for whoever started us, who then stops it in order.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
                user=self._account,
                group=group,
                extra_groups=[] if self._account else None,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._takes_connections():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise BrokerStartError(
                    f"{self.kind} on port {self.port}: {self.log[-LOG_TAIL_CHARACTERS_MAX:]}"
                )
            time.sleep(0.02)
        return self

    def stop(self) -> int | None:
        """Ask it to end and wait; its exit status, None when it was not running."""
        return self._end(kill=False)

    def kill(self) -> int | None:
        """End it as a crash does, with SIGKILL."""
        return self._end(kill=True)

    def restart(self, *, kill: bool = False) -> None:
        """Stop or kill it and start it again, on the same port and folder."""
        self._end(kill=kill)
        self.start()

    def close(self) -> None:
        """Stop it for good and remove the folder that it made."""
        self.stop()
        if self._reserved:
            self._reserved.close()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _make_command(self) -> list[str]:
        if self.kind == "embedded":
            options = ["--port", str(self.port), "--pending-max", str(self._pending_max)]
            return [sys.executable, "-m", "simulators.broker", *options]
        program = find_mosquitto()
        if program is None:
            raise MosquittoMissingError
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(mosquitto_configuration(self.folder, self.port, self._extra))
        if self._account:
            shutil.chown(configuration, self._account)
        return [str(program), "-c", str(configuration)]

    def _takes_connections(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _end(self, *, kill: bool) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if kill:
            process.kill()
            return process.wait()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(STOP_TIMEOUT_S)
        process.kill()
        return process.wait()
