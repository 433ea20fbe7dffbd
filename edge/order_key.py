"""The key with which an edge signs orders of its own: what a key switch or a panic input gives.

Other edges believe them where their site files name its public half, with `may = ["raise"]`. It
raises protection and nothing else (`edge.signed_orders`).
"""

import logging
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.key_files import KeyFileError
from edge.signatures import SigningKey
from edge.signing_keys import load_signing_key, make_signing_key

KEY_FILE = "order.key"

log = logging.getLogger(__name__)


def order_key(state: Path) -> SigningKey:
    """The key in the state folder, made by the first start.

    Doors do not depend on it: where it cannot be read or made another one serves until the end, and
    what it signs acts at this edge alone.
    """
    path = state / KEY_FILE
    try:
        if not path.exists():
            return make_signing_key(path)
        # It has no passphrase: nobody stands by when somebody turns the key.
        return load_signing_key(path, str)
    except KeyFileError as error:
        log.error("orders of this edge are signed under a key of this run alone: %s", error)
        return SigningKey(Ed25519PrivateKey.generate())
