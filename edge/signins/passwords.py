"""Passwords and the six figures of an authenticator (RFC 6238), checked as one.

The work is the same whoever is named and whatever was typed: an unknown person's password is
compared with a hash that no password has.
"""

import asyncio
import base64
import hmac
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from controller.ids import HolderId
from edge.people.pins import PinHasher, PinHashError
from edge.signins.records import Password

PASSWORD_CHARS_MIN = 12
"""With a second factor eight would do (NIST SP 800-63B, 3.1.1); it is typed among others."""

STEP_S = 30
"""RFC 6238, 5.2, and what authenticators expect."""

WINDOW = 1
"""Steps before and after the present one: clocks of telephones are some seconds off (6)."""

SECRET_BYTES = 20
"""As long as the hash that is used (RFC 4226, 4)."""

NONCE_BYTES = 12

WAITING_MAX = 8
"""Checks that wait; each takes a core for 0.15 s, or 0.6 s on a slow board."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class UnavailableError(Exception):
    """Nothing is known: too much waits, or memory is short."""


class Enrolled(NamedTuple):
    """A secret for an authenticator, and what it takes: `otpauth://…`. No repr shows them."""

    sealed: bytes
    uri: str

    def __repr__(self) -> str:
        return "Enrolled(…)"


class Passwords:
    """Checks and hashes on a thread of its own, so that no flood of tries takes the PINs' turn."""

    def __init__(
        self, hasher: PinHasher, cipher: ChaCha20Poly1305, entropy: Callable[[int], bytes]
    ) -> None:
        self._hasher = hasher
        self._cipher = cipher
        self._entropy = entropy
        self._decoy = hasher.decoy()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="password-check")
        self._places = threading.Semaphore(1 + WAITING_MAX)

    def close(self) -> None:
        """Take no more; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Raises UnavailableError."""
        return await self._on_thread(lambda: self._hasher.hash(password))

    async def matches(self, kept: Password | None, password: str) -> bool:
        """Whether it is the password. Raises UnavailableError."""
        stored = self._decoy if kept is None else kept.hash
        right = await self._on_thread(lambda: self._hasher.verify(stored, password))
        return right and kept is not None

    def step_of(self, kept: Password | None, code: str, utc_s: int) -> int | None:
        """The step of a code that counts: later than the last that did. None: it counts not."""
        holder = HolderId("") if kept is None else kept.holder
        sealed = b"" if kept is None else kept.totp
        secret = self._opened(holder, sealed)
        after = -1 if kept is None else kept.step
        step = matching_step(secret or "A" * 32, code, utc_s, after)
        return None if secret is None else step

    def enrolled(self, holder: str, shown: str, issuer: str) -> Enrolled:
        """A new secret, sealed for this holder. `shown`: what the authenticator calls it."""
        import pyotp

        secret = base64.b32encode(self._entropy(SECRET_BYTES)).decode()
        uri = pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=shown, issuer_name=issuer)
        return Enrolled(self._sealed(secret, holder), uri)

    def sealed_for(self, holder: HolderId, kept: Password) -> bytes:
        """The secret of `kept`, sealed for this holder instead."""
        secret = self._opened(kept.holder, kept.totp)
        assert secret is not None, "a code of it was checked just now"
        return self._sealed(secret, holder)

    def _sealed(self, secret: str, holder: str) -> bytes:
        nonce = self._entropy(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), holder.encode())

    def _opened(self, holder: str, sealed: bytes) -> str | None:
        try:
            nonce, closed = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return self._cipher.decrypt(nonce, closed, holder.encode()).decode()
        except (InvalidTag, ValueError):
            if sealed:
                log.error("an authenticator's secret was sealed under another key or for another")
            return None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            log.warning("too many password checks wait")
            raise UnavailableError
        try:
            job = self._pool.submit(work)
        except RuntimeError as error:  # closed, or the system gives no thread
            self._places.release()
            raise UnavailableError from error
        job.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wrap_future(job)
        except PinHashError as error:
            log.error("a password could not be checked: %s", type(error).__name__)
            raise UnavailableError from error


def matching_step(secret: str, code: str, utc_s: int, after: int) -> int | None:
    """The step of the code under this secret (base 32), within WINDOW of now and later than
    `after`. Every step is compared, whichever it is.
    """
    import pyotp

    totp = pyotp.TOTP(secret, interval=STEP_S)
    figures = "".join(code.split()).encode(errors="replace")
    now, found = utc_s // STEP_S, None
    for step in range(now - WINDOW, now + WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(max(0, step)).encode(), figures):
            found = step
    return found if found is not None and found > after else None
