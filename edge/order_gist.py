"""An order before anybody has looked at its signatures: what tells it from others."""

import hashlib

import msgspec
from msgspec.structs import replace

from controller.ids import OrderId
from edge.orders import PAYLOAD_TYPE
from edge.signatures import unverified
from edge.wire import WireError
from policies.facts import UtcSeconds


class Gist(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an order as is needed to pass it on; nothing of it is believed."""

    id: OrderId = ""
    site: str = ""
    kind: str = msgspec.field(name="order")
    drill: bool = False
    ends: tuple[str, ...] = ()
    reason: str = ""
    review_s: UtcSeconds = 0


_GIST = msgspec.json.Decoder(Gist)


def gist_of(envelope: bytes) -> Gist:
    """What an envelope holds, whoever has signed it. Raises SignatureError, WireError."""
    payload, _ = unverified(envelope, PAYLOAD_TYPE)
    try:
        gist = _GIST.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not an order: {error}") from error
    return replace(gist, id=hashlib.sha256(payload).hexdigest())
