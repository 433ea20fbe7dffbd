"""The panel's half of the mutual proof that begins a session (SIA OSDP v2.2 Annex D.1)."""

from collections import deque
from collections.abc import Callable
from enum import Enum

from drivers.osdp.messages import ReaderCryptogram
from drivers.osdp.secure import (
    NONCE_LENGTH,
    Session,
    SessionKeys,
    derive_keys,
    initial_mac,
    panel_cryptogram,
    reader_cryptogram,
    same_bytes,
)

NONCES_KEPT = 16  # enough to notice a constant or short-cycled random source


class Proof(Enum):
    GOOD = "good"
    GOOD_BUT_REPEATED = "good, with a random number that came before"
    WRONG = "wrong"


class Handshake:
    """Nonces, proofs and keys on the way to a session."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._base_key = b""
        self._entropy = entropy
        self._own_nonces: deque[bytes] = deque(maxlen=NONCES_KEPT)
        self._reader_nonces: deque[bytes] = deque(maxlen=NONCES_KEPT)
        self._nonce = b""
        self._keys: SessionKeys | None = None
        self._cryptogram = b""

    def challenge(self, base_key: bytes) -> bytes | None:
        """A fresh nonce, to prove this key by; None when the random source repeats itself.

        With a nonce used before, a recorded session could be played back to us.
        """
        nonce = self._entropy(NONCE_LENGTH)
        if nonce in self._own_nonces:
            return None
        self._own_nonces.append(nonce)
        self._nonce, self._base_key = nonce, base_key
        return nonce

    def check_reader(self, reply: ReaderCryptogram) -> Proof:
        """Whether the reader has proved its key against our nonce."""
        keys = derive_keys(self._base_key, self._nonce)
        expected = reader_cryptogram(keys, self._nonce, reply.reader_nonce)
        # A reader whose nonce equals ours would prove only that it can repeat what we send.
        if not same_bytes(expected, reply.cryptogram) or reply.reader_nonce == self._nonce:
            return Proof.WRONG
        repeated = reply.reader_nonce in self._reader_nonces
        self._reader_nonces.append(reply.reader_nonce)
        self._keys = keys
        self._cryptogram = panel_cryptogram(keys, self._nonce, reply.reader_nonce)
        return Proof.GOOD_BUT_REPEATED if repeated else Proof.GOOD

    @property
    def cryptogram(self) -> bytes:
        """Our proof to the reader, once it has given its own."""
        return self._cryptogram

    def begin(self, mac: bytes) -> Session | None:
        """The session, when the reader's first MAC is the right one."""
        keys, self._keys = self._keys, None
        if keys is None or not same_bytes(initial_mac(keys, self._cryptogram), mac):
            return None
        return Session(keys, mac)

    def forget(self) -> None:
        """Drop the keys of a handshake that led nowhere; remember the nonces."""
        self._keys = None
        self._base_key = b""
        self._cryptogram = b""
