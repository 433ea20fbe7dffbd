"""A PostgreSQL server for the tests: own cluster, own folder, an unprivileged account."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

import psycopg

from simulators.broker_process import reserved_port, unprivileged_account
from simulators.children import die_with_parent
from tests.servers import find_program, skip_or_fail

PACKAGE = "postgresql"
START_S_MAX = 60.0
STOP_S_MAX = 30.0
PASSWORD = "correct horse"
"""Of the account `guarded`, which needs one."""

_HBA = """\
local all guarded scram-sha-256
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""


def find_server() -> Path | None:
    """The newest `postgres`: Debian keeps it off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1] if found else find_program("postgres")


class PostgresServer:
    """One server; a context manager that starts it, stops it and removes its folder. It is reached
    through a socket in its folder and a port of 127.0.0.1, both the same over a restart.
    """

    def __init__(self) -> None:
        server = find_server()
        if server is None:
            skip_or_fail(f"postgres is missing: apt-get install {PACKAGE}")
        self._programs = server.parent
        self._account = unprivileged_account()
        self._reserved = reserved_port()
        self.port: int = self._reserved.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="sentrypost-pg-"))
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        if self._account:
            shutil.chown(self.folder, self._account)
        self._run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres")
        (self.data / "pg_hba.conf").write_text(_HBA)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def where(self, database: str, user: str = "postgres") -> str:
        """The URI of a database, through the socket."""
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user={user}"

    def make(self, encoding: str = "UTF8") -> str:
        """A new database; its URI."""
        name = f"a{token_hex(6)}"
        with psycopg.connect(self.where("postgres"), autocommit=True) as connection:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'"
                " LC_COLLATE 'C' LC_CTYPE 'C'"
            )
        return self.where(name)

    def emptied(self) -> str:
        """The URI of a database in which nothing is, and to which nobody is connected: the same one
        each time, because a hundred databases are many thousand files."""
        with psycopg.connect(self.where("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            connection.execute("SET client_min_messages = warning")
            connection.execute("DROP SCHEMA IF EXISTS sentrypost CASCADE")
        return self.where("postgres")

    def start(self, *settings: str) -> Self:
        """Start it and wait until it takes connections. `settings`: `name=value`."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self.data, "-k", self.folder),
                    *("-p", str(self.port), "-h", "127.0.0.1"),
                    *("-c", "shared_buffers=32MB", "-c", "max_connections=20"),
                    *(word for setting in settings for word in ("-c", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
                user=self._account,
                extra_groups=[] if self._account else None,
            )
        deadline = time.monotonic() + START_S_MAX
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """Fast shutdown: what runs is rolled back."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a power cut would, but for the disk's cache: the server and every process of it."""
        if self._process is not None:
            pid = self._process.pid
            # Its processes have sessions of their own.
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for one in (pid, *map(int, children)):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            self._process.wait(STOP_S_MAX)
            self._process = None

    def close(self) -> None:
        self.kill()
        self._reserved.close()
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

    def _end(self, signum: int) -> None:
        if self._process is not None:
            self._process.send_signal(signum)
            self._process.wait(STOP_S_MAX)
            self._process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.where("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self.data, *arguments],
            check=True,
            capture_output=True,
            user=self._account,
            extra_groups=[] if self._account else None,
            cwd=self.folder,
        )
