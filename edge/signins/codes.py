"""One-time codes that people type or follow a link with: drawn, told once, kept as their hash."""

import hashlib
import re
from collections.abc import Callable

from edge.break_glass import ALPHABET, GROUP_SIGNS, GROUPS

HOUR_US = 3600 * 1_000_000
INVITED_US = 24 * HOUR_US
"""An invitation is handed over in person, today or tomorrow."""

LINKED_US = HOUR_US // 6
"""A link is followed at once."""

_LOOKALIKES = str.maketrans("OIL", "011")


def drawn(entropy: Callable[[int], bytes]) -> str:
    """`ABCD-EFGH-JKMN-PQRS`: 80 bits, which nobody guesses."""
    signs = "".join(ALPHABET[one % len(ALPHABET)] for one in entropy(GROUPS * GROUP_SIGNS))
    return "-".join(re.findall(f".{{{GROUP_SIGNS}}}", signs))


def hashed(typed: str, incarnation: str) -> bytes:
    """SHA-256 of what somebody meant, in capitals or not, with or without the lines between; bound
    to the journal's incarnation: a copy of the state that is put back brings no code back.
    """
    signs = re.sub(r"[\s-]", "", typed).upper().translate(_LOOKALIKES)
    return _bound(b"sentrypost one-time code 1\0", incarnation, signs.encode(errors="replace"))


def token_hash(token: str, incarnation: str) -> bytes:
    """SHA-256 of a session's token, bound to the journal's incarnation as well."""
    return _bound(b"sentrypost session 1\0", incarnation, token.encode(errors="replace"))


def screen_hash(token: str, incarnation: str) -> bytes:
    """The same of the token by which a browser is a terminal."""
    return _bound(b"sentrypost screen 1\0", incarnation, token.encode(errors="replace"))


def _bound(use: bytes, incarnation: str, secret: bytes) -> bytes:
    return hashlib.sha256(use + incarnation.encode() + b"\0" + secret).digest()
