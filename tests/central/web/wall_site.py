"""The embassy with a broker, a central and its wall: each a process of its own, started by its
public command.
"""

import json
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from central.control_client import CentralClient
from central.operator_words import OperatorRight
from edge.signatures import public_text
from edge.signing_keys import make_signing_key
from simulators.broker_process import BrokerProcess
from tests.edge.signed import ANNA, BEN
from tests.web.embassy import HOSTILE, WALKS, Embassy, Process

SITE, EDGE = "embassy-vienna", "gatehouse"
EVERYTHING = tuple(OperatorRight)

BROKER = """
[broker]
host = "127.0.0.1"
port = {port}

[key.wall]
person = "the wall"
public = {wall}
may = ["alarm"]

[key.anna]
person = "anna"
public = {anna}
holder = "1"
may = ["order"]

[key.ben]
person = "ben"
public = {ben}
holder = "2"
may = ["order"]
"""


class WallSite(Embassy):
    """`with WallSite(folder) as site:` and the wall is at `site.wall_address`."""

    def __init__(self, folder: Path, walks: str = WALKS, also: Sequence[str] = HOSTILE) -> None:
        super().__init__(folder, walks, also)
        self.broker = BrokerProcess()
        self.wall_address = ""
        self.central: Process
        self.wall: Process

    def __enter__(self) -> Self:
        self.broker.start()
        wall = make_signing_key(self.folder / "wall.key")
        keys = {"wall": wall.public, "anna": ANNA.public, "ben": BEN.public}
        said = {name: json.dumps(public_text(key)) for name, key in keys.items()}
        with (self.folder / "site.toml").open("a") as file:
            file.write(BROKER.format(port=self.broker.port, **said))
        self.start_central()
        self.start_wall()
        return super().__enter__()

    def __exit__(self, *told: object) -> None:
        super().__exit__(*told)
        for part in ("wall", "central"):
            if hasattr(self, part):
                getattr(self, part).stop()
        self.broker.close()

    def start_central(self) -> None:
        self.central = Process(
            "central",
            self.folder,
            *("central", "run", "--broker", f"127.0.0.1:{self.broker.port}"),
            *("--archive", "archive.db", "--json", "--alarm-key", "wall.key"),
            *("--pages", f"{SITE}/{EDGE}=https://gatehouse.example"),
        )
        self.central.said('"ready"')
        threading.Thread(target=_let_run, args=(self.central.lines,), daemon=True).start()

    def start_wall(self, port: int = 0) -> None:
        self.wall = Process("wall", self.folder, "central", "web", "--listen", f"127.0.0.1:{port}")
        said = self.wall.said("http://").split()[-1].rstrip("/")
        self.wall_address = said.replace("127.0.0.1", "localhost")

    @property
    def wall_port(self) -> int:
        return int(self.wall_address.rpartition(":")[2])

    def operator(self, name: str, *rights: OperatorRight, shown: str = "") -> str:
        """Somebody who may use the wall, made where she is not there; a link for her."""
        with CentralClient(self.folder / "archive.state") as central:
            if name not in {one.operator for one in central.operators()}:
                done = central.put_operator(name, shown or name.title(), rights, new=True)
                assert done.done, done.reason
            return central.link_operator(name).code

    def log(self) -> str:
        """What operators have done, as central tells it."""
        return self.command("central", "operator", "log")


def _let_run(lines: "queue.Queue[str]") -> None:
    """Nobody looks at what central prints further on; it is not kept."""
    while True:
        lines.get()
