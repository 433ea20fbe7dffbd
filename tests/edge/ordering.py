"""The house with people who may sign orders, and the orders that they sign."""

import json
import os
import time
from pathlib import Path
from typing import Any, TypeVar

from controller.ids import OrderId
from edge.orders import (
    EvacuateOrder,
    LiftOrder,
    LockdownOrder,
    Payload,
    signed_by,
    stamp,
    stamped,
)
from edge.signatures import SigningKey, public_text
from edge.signed_orders import order_of
from tests.edge.house import House
from tests.edge.signed import ANNA, ANNA_TOO, BEN, CARL, STRANGER

HOUR_S = 3600

KEYS = (
    ("anna", "Anna", ANNA, "order"),
    ("ben", "Ben", BEN, "order"),
    ("anna-2", "Anna", ANNA_TOO, "order"),
    ("carl", "Carl", CARL, "people"),
)
"""Anna has two keys; Carl may sign no orders; nobody knows the stranger."""

P = TypeVar("P", bound=Payload)

__all__ = [
    "ANNA",
    "ANNA_TOO",
    "BEN",
    "CARL",
    "HOUR_S",
    "STRANGER",
    "evacuate",
    "id_of",
    "lift",
    "lockdown",
    "made",
    "ordered_house",
]


def ordered_house(folder: Path, *, edge: str = "gate", broker: str = "") -> House:
    """The house whose site file knows them; `edge`: by which name it runs."""
    house = House(folder, broker)
    file = folder / "site.toml"
    text = file.read_text().replace('edge = "gate"', f'edge = "{edge}"')
    for name, person, one, use in KEYS:
        public = json.dumps(public_text(one.public))
        text += f'\n[key.{name}]\nperson = "{person}"\npublic = {public}\nmay = ["{use}"]\n'
    file.write_text(text)
    return house


def made(kind: type[P], *keys: SigningKey, review_in_s: int = HOUR_S, **fields: Any) -> bytes:
    """An order for the house, made now and signed by these."""
    now_s = int(time.time())
    head = stamp(
        "house",
        (keys or (ANNA,))[0].id,
        "somebody at the fence",
        now_ms=time.time_ns() // 1_000_000,
        review_s=now_s + review_in_s,
        entropy=os.urandom,
    )
    return signed_by(stamped(kind, head)(**fields), keys)


def lockdown(*keys: SigningKey, **fields: Any) -> bytes:
    return made(LockdownOrder, *(keys or (ANNA,)), **fields)


def evacuate(*keys: SigningKey, **fields: Any) -> bytes:
    accept = {"accept_until_s": int(time.time()) + HOUR_S}
    return made(EvacuateOrder, *(keys or (ANNA,)), **(accept | fields))


def lift(*ends: OrderId, keys: tuple[SigningKey, ...] = (ANNA, BEN), **fields: Any) -> bytes:
    accept = {"accept_until_s": int(time.time()) + HOUR_S}
    return made(LiftOrder, *keys, ends=ends, **(accept | fields))


def id_of(house: House, envelope: bytes) -> OrderId:
    """What it is known by."""
    return order_of(envelope, house.config().keys, "house").id
