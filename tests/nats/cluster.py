"""A NATS cluster that speaks MQTT: three nodes with JetStream on loopback, in a folder of its own.

Each node keeps what was published to it on two disks of three before it says so; which of them
leads a stream they settle among themselves (Raft), and NATS says it at its monitoring port.
"""

import contextlib
import http.client
import json
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drivers.mqtt_address import BrokerAddress
from simulators.broker_process import reserved_port, unprivileged_account
from simulators.children import die_with_parent
from tests.servers import require

NODES = 3

MESSAGES = "$MQTT_msgs"
"""The stream through which every publication with QoS 1 goes."""

START_S_MAX = 60.0
"""A node is there in one second; on two busy cores an election has taken twenty."""

LOOK_S = 0.05

CONFIGURATION = """\
server_name: n{number}
listen: "127.0.0.1:{client}"
http: "127.0.0.1:{http}"
jetstream {{ store_dir: "{folder}", max_memory_store: 64MB, max_file_store: 2GB }}
cluster {{ name: sentrypost, listen: "127.0.0.1:{route}", routes: [{routes}] }}
mqtt {{ listen: "127.0.0.1:{mqtt}", ack_wait: "5s", max_ack_pending: 1000 }}
"""


class ClusterError(RuntimeError):
    """The cluster did not become what was waited for; the message holds the ends of its logs."""


class Node:
    """One server: its ports, its folder and its process while it runs."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self._held = {name: reserved_port() for name in ("client", "http", "route", "mqtt")}
        self.ports: dict[str, int] = {n: s.getsockname()[1] for n, s in self._held.items()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BrokerAddress:
        """Where it speaks MQTT."""
        return BrokerAddress("127.0.0.1", self.ports["mqtt"])

    @property
    def log(self) -> Path:
        return self.folder / "nats.log"

    def prepare(self, program: Path, routes: str, account: str | None) -> None:
        self.folder.mkdir()
        text = CONFIGURATION.format(
            number=self.number, folder=self.folder, routes=routes, **self.ports
        )
        (self.folder / "nats.conf").write_text(text)
        if account:
            shutil.chown(self.folder, account)
        self._program, self._account = program, account

    def start(self) -> None:
        group = pwd.getpwnam(self._account).pw_gid if self._account else None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self._program), "-c", str(self.folder / "nats.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
                user=self._account,
                group=group,
                extra_groups=[] if self._account else None,
            )

    def end(self, signum: signal.Signals) -> int | None:
        """Its exit status; None when it was not running."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(signum)
        return process.wait()

    def ask(self, path: str) -> dict[str, Any]:
        """What its monitoring says. Raises OSError or ValueError while it cannot say."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=2)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = json.loads(connection.getresponse().read())
        if not isinstance(answer, dict):
            raise ValueError(f"not an object: {answer!r}")
        return answer

    def release(self) -> None:
        for held in self._held.values():
            held.close()


class NatsCluster:
    """Three nodes; a context manager that starts them, waits until they are one, and ends them."""

    def __init__(self) -> None:
        program, account = require("nats-server"), unprivileged_account()
        self._folder = Path(tempfile.mkdtemp(prefix="sentrypost-nats-"))
        if account:
            shutil.chown(self._folder, account)
        self.nodes = [Node(number, self._folder / f"n{number}") for number in range(NODES)]
        routes = ", ".join(f'"nats://127.0.0.1:{node.ports["route"]}"' for node in self.nodes)
        for node in self.nodes:
            node.prepare(program, routes, account)

    def __enter__(self) -> Self:
        try:
            for node in self.nodes:
                node.start()
            self.wait_whole()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for node in self.nodes:
            node.end(signal.SIGKILL)
            node.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def addresses(self, first: int = 0) -> tuple[BrokerAddress, ...]:
        """Of all nodes, beginning with number `first`."""
        return tuple(self.nodes[(first + turn) % NODES].address for turn in range(NODES))

    def kill(self, number: int) -> None:
        """End a node as a power cut of its machine does to everybody else: SIGKILL."""
        status = self.nodes[number].end(signal.SIGKILL)
        assert status == -signal.SIGKILL, f"node {number} had ended by itself, with {status}"

    def wait_whole(self) -> float:
        """Until every node is there and has caught up; how long that took. Raises ClusterError."""
        return self._wait(
            lambda: all(self._healthy(node) for node in self.nodes), "a whole cluster"
        )

    def leader(self, stream: str = MESSAGES) -> int:
        """Which node leads a stream now. Raises ClusterError when none does for too long."""
        found: list[int] = []
        self._wait(
            lambda: bool(found.extend(self._leaders(stream)) or found), f"a leader: {stream}"
        )
        return found[0]

    def _leaders(self, stream: str) -> list[int]:
        for node in self.nodes:
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                accounts = node.ask("/jsz?accounts=true&streams=true")["account_details"]
                for found in (s for a in accounts for s in a.get("stream_detail", ())):
                    named = found.get("cluster", {}).get("leader")
                    alive = [n.number for n in self.nodes if n.process and f"n{n.number}" == named]
                    if found["name"] == stream and alive:
                        return alive
        return []

    def _healthy(self, node: Node) -> bool:
        try:
            return bool(node.ask("/healthz").get("status") == "ok")
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _wait(self, condition: Callable[[], bool], what: str) -> float:
        began_s = time.monotonic()
        while not condition():
            if time.monotonic() - began_s > START_S_MAX:
                raise ClusterError(f"not within {START_S_MAX} s: {what}\n{self._tails()}")
            time.sleep(LOOK_S)
        return time.monotonic() - began_s

    def _tails(self) -> str:
        return "\n".join(node.log.read_text(errors="replace")[-1000:] for node in self.nodes)
