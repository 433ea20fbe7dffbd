"""What people of a story carry: their keys, and the orders that they sign."""

import hashlib
from collections.abc import Callable, Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.ids import OrderId
from controller.orders import RAISING
from edge.orders import ACCEPT_S, AnyOrder, signed_by
from edge.signatures import SigningKey, public_text
from simulators.story import Give

REVIEW_S = 3600
NO_ORDER = "0" * 64
"""Stands for an order that was never given."""


def key_of(name: str) -> SigningKey:
    """The key that somebody signs with; the same in every run, and for stories alone."""
    secret = hashlib.sha256(f"key of {name}".encode()).digest()
    return SigningKey(Ed25519PrivateKey.from_private_bytes(secret))


def key_entry(name: str, holder: str) -> str:
    """What the site file says of it. `holder`: under which id the person is on file."""
    public = public_text(key_of(name).public)
    return (
        f'\n[key.{name}]\nperson = "{name}"\nholder = "{holder}"\n'
        f'public = "{public}"\nmay = ["order"]\n'
    )


class Desk:
    """Where orders are written. `on_file`: the id that the file of people has for somebody."""

    def __init__(self, site: str, title: str, on_file: Callable[[str], str]) -> None:
        self._site, self._title, self._on_file = site, title, on_file
        self._counter = 0

    def signed(self, step: Give, ids: Mapping[str, OrderId], utc_us: int) -> bytes:
        """The file, signed by everybody named, as `sentrypost order new` and `sign` make it."""
        utc_s = utc_us // 1_000_000
        keys = [key_of(name) for name in step.by]
        self._counter = max(self._counter + 1, utc_us // 1000)
        told: dict[str, object] = {
            "schema": 1,
            "order": step.kind.value,
            "site": self._site,
            "nonce": hashlib.sha256(step.called.encode()).hexdigest()[:32],
            "issuer": keys[0].id,
            "counter": self._counter,
            "review_s": utc_s + REVIEW_S,
            "reason": self._title,
        }
        told |= {
            "ends": [ids.get(name) or NO_ORDER for name in step.ends],
            "zones": step.zones,
            "portals": step.portals,
            "cover": step.cover,
            "level": step.level,
            "role": step.role,
            "person": self._on_file(step.person) if step.person else "",
            "unreachable": step.unreachable,
            "drill": step.drill,
            "until_s": utc_s + int(step.until_s) if step.until_s else None,
        }
        if step.kind not in RAISING or step.kind.value == "evacuate":
            told["accept_until_s"] = utc_s + ACCEPT_S
        said = {name: value for name, value in told.items() if value}
        payload = msgspec.json.decode(msgspec.json.encode(said), type=AnyOrder)
        return signed_by(payload, tuple(keys))


def because(step: Give, *, accepted: bool, reason: str) -> str:
    """What is wrong with the edge's answer to an order; empty where it is as it has to be."""
    if accepted is not step.taken:
        return f"taken: {accepted}"
    return "" if step.because in reason else f"it does not say '{step.because}'"
