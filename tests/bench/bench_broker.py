"""An order and its acknowledgement over each broker: two QoS 1 messages, client to client."""

import statistics
import threading
import time

from simulators.broker_process import BrokerKind, BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.mqtt import Client, clients

ROUNDS = 300


def run() -> list[Figure]:
    """The median and the 99th percentile for each broker that is here."""
    kinds: list[BrokerKind] = ["embedded"]
    if find_mosquitto():
        kinds.append("mosquitto")
    figures = []
    for kind in kinds:
        with BrokerProcess(kind) as broker:
            rounds_ms = measure(broker.port)
        note = f"QoS 1 both ways, {ROUNDS} rounds on loopback"
        quantiles = statistics.quantiles(rounds_ms, n=100)
        figures.append(Figure(f"order and answer, {kind}, median", quantiles[49], "ms", note))
        figures.append(Figure(f"order and answer, {kind}, p99", quantiles[98], "ms", note))
    return figures


def measure(port: int) -> list[float]:
    """Each round in milliseconds."""

    def answer(client: Client, message: object) -> None:
        client.paho.publish("ack", b"", 1)

    arrived = threading.Event()
    with clients(port) as make:
        make("edge", on_message=answer).subscribe("order")
        central = make("central", on_message=lambda *_: arrived.set())
        central.subscribe("ack")
        rounds_ms = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            central.paho.publish("order", b"", 1)
            assert arrived.wait(5)
            arrived.clear()
            rounds_ms.append((time.perf_counter() - began) * 1000)
    return rounds_ms
