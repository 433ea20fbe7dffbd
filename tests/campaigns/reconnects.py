"""Cuts off a client over and over and counts what QoS 1 lost; arguments: [ROUNDS] [KIND].

One sender publishes numbered messages with QoS 1. A reader with a lasting session acknowledges by
hand, always some messages late, is cut off at random places, and comes back. At the end it must
have seen every number, and each for the first time in order.
"""

import itertools
import random
import time
from collections import deque

from paho.mqtt.client import MQTTMessage

from simulators.broker_process import BrokerKind, BrokerProcess, default_kind
from tests.campaigns import Result
from tests.mqtt import Client, wait_for

ROUNDS = 200
MESSAGES_PER_ROUND_MAX = 40
# Below Mosquitto's 20 in flight, so that it does not stop for want of acknowledgements.
UNACKNOWLEDGED_MAX = 10


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    kind: BrokerKind = arguments[1] if len(arguments) > 1 else default_kind()  # type: ignore[assignment]
    chance = random.Random(seed)
    seen: list[int] = []
    sent = 0
    with BrokerProcess(kind) as broker:
        sender = Client(broker.port, "sender")
        reader = connect_reader(broker.port, seen)
        reader.subscribe("journal")
        for _ in range(rounds):
            for _ in range(chance.randrange(1, MESSAGES_PER_ROUND_MAX)):
                sender.paho.publish("journal", str(sent).encode(), 1)
                sent += 1
            time.sleep(chance.random() * 0.02)
            reader.crash()
            reader = connect_reader(broker.port, seen)
        wait_for(lambda: len(set(seen)) == sent or not reader.paho.is_connected(), "all", 60)
        reader.crash()
        sender.leave()
    first = list(dict.fromkeys(seen))
    missing = sent - len(first)
    disorder = sum(1 for before, after in itertools.pairwise(first) if after < before)
    summary = (
        f"{kind}: {rounds} reconnects, {sent} sent, {missing} lost, "
        f"{len(seen) - len(first)} again, {disorder} out of order"
    )
    return Result(missing == 0 and disorder == 0 and sent > 0, summary)


def connect_reader(port: int, seen: list[int]) -> Client:
    """The reader with its lasting session; the last few messages it leaves unacknowledged."""
    waiting: deque[tuple[int, int]] = deque()

    def take(client: Client, message: MQTTMessage) -> None:
        seen.append(int(message.payload))
        waiting.append((message.mid, message.qos))
        if len(waiting) > UNACKNOWLEDGED_MAX:
            client.paho.ack(*waiting.popleft())

    return Client(port, "reader", clean=False, manual_ack=True, on_message=take)
