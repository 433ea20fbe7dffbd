"""From the input frame of a key switch to the first strike frame, with the commit inside.

As `bench_latency`: the edge is a process of its own, the reader is played here on a pty without
pacing, so that what is measured is the host's share: the order is made, signed, judged and on disk
before the first door is told. The switch's debouncing, 50 ms unless the site file says otherwise,
is left out here.
"""

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from drivers.osdp.messages import Output
from edge.control.client import Client
from edge.control.messages_orders import Carrier
from edge.orders import ACCEPT_S, LiftOrder, signed_by, stamp, stamped
from edge.signatures import public_text
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from simulators.osdp_reader import SimulatedReader
from tests.bench import Figure
from tests.bench.bench_latency import (
    LOST_AFTER_S,
    PAUSE_S,
    Disk,
    Line,
    make_site,
    running,
)
from tests.edge.signed import ANNA, BEN

TURNS = 200
WARM_UP = 10
AIM_MS = 10.0

SWITCH = """
[source.guard]
input = { device = "front-in", input = 0 }
gives = "lockdown"
reason = "the guard turned the key"
debounce-ms = 0
"""


class SwitchLine(Line):
    """The reader has the key switch on its one input."""

    def __init__(self, folder: Path, key: bytes) -> None:
        super().__init__(folder, key)
        self.reader = SimulatedReader(1, key, os.urandom, inputs=1, outputs=1)

    def turn(self) -> float:
        """Turn the key and wait for the first frame that works the strike; the host's seconds."""
        self.reader.executed.clear()
        self.reader.set_input(0, True)
        began_s = slot_s = 0.0
        while True:
            waiting = self.reader.has_news
            turn = self.exchange(LOST_AFTER_S)
            assert turn is not None, "no frame from the panel"
            read_s, written_s, _, _ = turn
            if waiting and not self.reader.has_news:
                began_s = written_s
            elif any(isinstance(command, Output) for _, command in self.reader.executed):
                return read_s - began_s - slot_s
            elif began_s:
                slot_s += written_s - read_s
                assert read_s - began_s < LOST_AFTER_S, "no strike"


def lift_all(folder: Path) -> None:
    """Two people end what the switch has ordered."""
    with Client(folder / "state") as client:
        ends = tuple(one.order for one in client.orders().orders)
        head = stamp(
            "bench",
            ANNA.id,
            "a figure",
            now_ms=time.time_ns() // 1_000_000,
            review_s=int(time.time()) + 3600,
            entropy=os.urandom,
        )
        order = stamped(LiftOrder, head)(ends=ends, accept_until_s=int(time.time()) + ACCEPT_S)
        reply = client.give_order(signed_by(order, (ANNA, BEN)), Carrier.CONTROL)
        assert reply.accepted, reply


def measure(folder: Path, broker: int | None) -> tuple[list[float], list[float]]:
    """Seconds of each turn of the key, and of a bare commit on the same disk beside each."""
    key = make_site(folder)
    text = (folder / "site.toml").read_text().replace("outputs = 1", "inputs = 1\noutputs = 1")
    for name, person, one in (("anna", "Anna", ANNA), ("ben", "Ben", BEN)):
        public = public_text(one.public)
        text += f'\n[key.{name}]\nperson = "{person}"\npublic = "{public}"\nmay = ["order"]\n'
    if broker is not None:
        text += f'\n[broker]\nhost = "127.0.0.1"\nport = {broker}\n'
    (folder / "site.toml").write_text(text + SWITCH)
    line = SwitchLine(folder, key)
    chance = random.Random(0)
    took_s, bare_s = [], []
    with closing(Disk(folder)) as disk, running(folder, line):
        line.serve(1.0)
        for number in range(WARM_UP + TURNS):
            line.serve(chance.uniform(*PAUSE_S))
            turn_s = line.turn()
            if number >= WARM_UP:
                took_s.append(turn_s)
                bare_s.append(disk.commit())
            line.reader.set_input(0, False)
            line.serve(0.1)
            lifting = threading.Thread(target=lift_all, args=(folder,), daemon=True)
            lifting.start()
            while lifting.is_alive():
                line.serve(0.01)
    return took_s, bare_s


def _p99_ms(values_s: list[float]) -> float:
    return statistics.quantiles(values_s, n=100)[98] * 1e3


@contextmanager
def _broker(*, wanted: bool) -> Iterator[int | None]:
    if not wanted:
        yield None
        return
    with BrokerProcess("mosquitto") as broker:
        yield broker.port


def run() -> list[Figure]:
    """Name, value, unit, note."""
    figures = []
    for wanted in (False, True):
        if wanted and find_mosquitto() is None:
            continue
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, _broker(wanted=wanted) as port:
            took_s, bare_s = measure(Path(name), port)
        how = "with a broker" if wanted else "no broker"
        note = f"{len(took_s)} turns, random phase; commit inside"
        figures += [
            Figure(
                f"key switch to strike, software share, {how}, median",
                statistics.median(took_s) * 1e3,
                "ms",
                note,
            ),
            Figure(
                f"key switch to strike, software share, {how}, p99",
                _p99_ms(took_s),
                "ms",
                f"aim {AIM_MS:g}; the switch's debouncing left out",
            ),
            Figure(
                f"key switch to strike, bare commit, {how}, p99",
                _p99_ms(bare_s),
                "ms",
                "the journal's settings, same run",
            ),
        ]
    return figures
