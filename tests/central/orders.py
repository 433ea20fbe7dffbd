"""Orders that people sign now, for the tests over the wire."""

import os
import time
from typing import Any, NamedTuple

from edge.order_gist import gist_of
from edge.orders import LiftOrder, LockdownOrder, P, stamp, stamped, unsigned
from edge.signatures import SigningKey, signed_too

REVIEW_S = 3600
ACCEPT_S = 600


class Made(NamedTuple):
    """A signed file and the id of what was signed."""

    id: str
    envelope: bytes


def lockdown(site: str, *keys: SigningKey, **particular: Any) -> Made:
    return made(LockdownOrder, site, *keys, **particular)


def lift(site: str, ends: tuple[str, ...], *keys: SigningKey, late_s: int = 0) -> Made:
    """`late_s`: so long ago it could have been given last."""
    until_s = int(time.time()) + (-late_s if late_s else ACCEPT_S)
    return made(LiftOrder, site, *keys, ends=ends, accept_until_s=until_s)


def made(kind: type[P], site: str, *keys: SigningKey, **particular: Any) -> Made:
    now_ms = time.time_ns() // 1_000_000
    head = stamp(
        site,
        keys[0].id,
        "a test",
        now_ms=now_ms,
        review_s=now_ms // 1_000 + REVIEW_S,
        entropy=os.urandom,
    )
    envelope = unsigned(stamped(kind, head)(**particular))
    for key in keys:
        envelope = signed_too(envelope, key)
    return Made(gist_of(envelope).id, envelope)
