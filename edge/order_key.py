"""The key with which an edge signs orders of its own: what a key switch or a panic input gives.

Other edges believe them where their site files name its public half, with `may = ["raise"]`. It
raises protection and nothing else (`edge.signed_orders`).

Another key takes its place in two steps, between which the other edges learn to believe it: it lies
beside the present one as NEXT_FILE, and is then renamed. At no moment is there an order of this
edge that they do not believe.
"""

import logging
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.key_files import KeyFileError, key_bytes
from edge.secret_file import rename_durably, write_new_secret
from edge.signatures import SigningKey
from edge.signing_keys import load_signing_key, make_signing_key

KEY_FILE, NEXT_FILE = "order.key", "order.key.next"

MADE_BY = "sentrypost key edge --next"

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


def next_order_key(state: Path) -> SigningKey:
    """The one that is to take its place; made where there is none yet. Raises KeyFileError."""
    path = state / NEXT_FILE
    if path.exists():
        return load_signing_key(path, str)
    made = SigningKey(Ed25519PrivateKey.generate())
    try:
        write_new_secret(path, key_bytes(made.private), like=state / KEY_FILE)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; run it as the edge's account") from error
    return made


def rotate_order_key(state: Path) -> SigningKey:
    """The next one takes its place; an edge signs with it from its next start on. A power cut
    leaves the one or the other. Raises KeyFileError.
    """
    path = state / NEXT_FILE
    if not path.exists():
        raise KeyFileError(f"{path}: there is no next key; make it with: {MADE_BY}")
    following = load_signing_key(path, str)  # what cannot be read takes nobody's place
    try:
        rename_durably(path, state / KEY_FILE)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; run it as the edge's account") from error
    return following
