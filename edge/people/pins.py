"""PINs: stored as Argon2id hashes, checked as a job beside the event loop, kept by nobody."""

import asyncio
import base64
import logging
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import NamedTuple, Protocol

import argon2
import msgspec
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from controller.body import Note
from controller.ids import HolderId
from controller.inputs import PinOutcome
from edge.duress import Occasion, Sealer
from edge.people.records import PinRecord

PIN_DIGITS_MIN = 4
PIN_DIGITS_MAX = 8
TIME_COST = 3
MEMORY_KIB = 64 * 1024
"""RFC 9106 section 4, the second recommended option (t=3, m=64 MiB): about 0.15 s on one core."""

LANES = 1
"""Deviates from RFC 9106 (four): a check shall take one core of the edge and no more."""

DEADLINE_S = 3.0
"""Who stands at a keypad tries again after about this long; the attempt must have ended by then."""

WORKERS = 1
"""64 MiB and one core each. A check is two hashes, 0.31 s: one worker serves three keypads a
second."""

WAITING_MAX = 3
"""The last of them is answered within the deadline on a slow board as well (0.6 s a check)."""

_log = logging.getLogger(__name__)


class PinCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a guess costs. Only tests have a reason for anything but the default."""

    time_cost: int = TIME_COST
    memory_kib: int = MEMORY_KIB
    lanes: int = LANES


class PinHashError(Exception):
    """Argon2 did not run or the stored hash is damaged: nothing is known about the PIN."""


class PinHasher:
    """Argon2id with one set of parameters. Safe to share between threads; lets go of the GIL."""

    def __init__(self, cost: PinCost | None = None) -> None:
        self._cost = cost or PinCost()
        self._argon2 = argon2.PasswordHasher(
            time_cost=self._cost.time_cost,
            memory_cost=self._cost.memory_kib,
            parallelism=self._cost.lanes,
            type=argon2.Type.ID,
        )

    def hash(self, pin: str) -> str:
        """The PIN's hash under a fresh salt, in the PHC string format. Raises PinHashError."""
        try:
            return self._argon2.hash(pin)
        except (HashingError, MemoryError) as error:
            raise PinHashError(f"a PIN could not be hashed ({error}); free some memory") from None

    def verify(self, stored: str, pin: str) -> bool:
        """Whether `pin` is the one behind `stored`. Raises PinHashError when that stays unknown."""
        try:
            return self._argon2.verify(stored, pin)
        except VerifyMismatchError:
            return False
        except InvalidHashError:
            raise PinHashError("the stored hash is damaged; give this person a new PIN") from None
        except (VerificationError, MemoryError) as error:
            raise PinHashError(
                f"a PIN could not be checked ({error}); free some memory, and if that is no help "
                "give this person a new PIN"
            ) from None

    def decoy(self) -> str:
        """A hash that no PIN has and that takes as long to check as a real one."""
        cost = self._cost
        salt, tag = (
            base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=") for count in (16, 32)
        )
        return f"$argon2id$v=19$m={cost.memory_kib},t={cost.time_cost},p={cost.lanes}${salt}${tag}"


class Checked(NamedTuple):
    """All that is known of a PIN when it was checked. `note`: sealed, and of one size always.

    `late`: where the deadline has passed, what comes of the check when it ends after all. Nothing
    opens by it any more; its note may tell of duress.
    """

    outcome: PinOutcome
    note: Note
    late: "asyncio.Future[Checked] | None" = None


class PinCheck(Protocol):
    """What the edge asks. A seeded model stands in for it where time is virtual."""

    async def check(self, occasion: Occasion, pin: str) -> Checked:
        """Whether this is the person's PIN. Ends within a deadline and raises nothing."""
        ...


class PinChecker:
    """Checks PINs on threads of its own, so many at a time and no more waiting."""

    def __init__(
        self,
        pin_of: Callable[[HolderId], PinRecord | None],
        hasher: PinHasher,
        sealer: Sealer,
        *,
        deadline_s: float = DEADLINE_S,
        workers: int = WORKERS,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        """`pin_of`: what is stored of a person's PINs, None where there are none (`People.pin`)."""
        self._pin_of = pin_of
        self._hasher = hasher
        self._sealer = sealer
        self._decoy = hasher.decoy()
        self._deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pin-check")
        self._places = threading.Semaphore(workers + waiting_max)

    async def check(self, occasion: Occasion, pin: str) -> Checked:
        """Whether `pin` is one of the two on file: the one for duress is right as well.

        The work is the same whoever it is and whatever was typed. UNAVAILABLE when too many wait,
        the deadline passes, or the check itself fails. The PIN is held until its check ends, which
        after a deadline is as many checks later as may wait, at most.
        """
        job = self._begin(occasion, pin)
        if job is None:
            return self._unavailable(occasion)
        checking = asyncio.wrap_future(job)
        done, _ = await asyncio.wait({checking}, timeout=self._deadline_s)
        if done:
            return checking.result()
        _log.warning("a PIN check took longer than %.1f s", self._deadline_s)
        return self._unavailable(occasion)._replace(late=checking)

    def judged(self, occasion: Occasion, pin: str) -> Checked:
        """The check itself: two hashes and a note, whatever was typed. Raises PinHashError."""
        stored = self._pin_of(occasion.holder)
        usual = self._decoy if stored is None else stored.hash
        for_duress = (stored and stored.duress_hash) or self._decoy
        right, under_duress = (self._hasher.verify(one, pin) for one in (usual, for_duress))
        note = self._sealer.note(occasion, under_duress=under_duress)
        return Checked(PinOutcome.MATCHED if right or under_duress else PinOutcome.WRONG, note)

    def close(self) -> None:
        """Take no more; what waits is dropped, the check that runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _checked(self, occasion: Occasion, pin: str) -> Checked:
        try:
            return self.judged(occasion, pin)
        except PinHashError as error:
            _log.error("PIN check for holder %s: %s", occasion.holder, error)
            return self._unavailable(occasion)

    def _unavailable(self, occasion: Occasion) -> Checked:
        note = self._sealer.note(occasion, under_duress=False)
        return Checked(PinOutcome.UNAVAILABLE, note)

    def _begin(self, occasion: Occasion, pin: str) -> Future[Checked] | None:
        if not self._places.acquire(blocking=False):
            _log.warning("too many PIN checks wait")
            return None
        try:
            job = self._pool.submit(self._checked, occasion, pin)
        except RuntimeError as error:  # closed, or the system gives no thread
            self._places.release()
            _log.error("no PIN check: %s", error)
            return None
        # A place is free when the job has ended, not when somebody stopped waiting for it.
        job.add_done_callback(lambda _: self._places.release())
        return job


def hash_pins(
    pins: Sequence[str],
    hasher: PinHasher,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[str, ...]:
    """The hash of each PIN, in order, on `workers` threads (one for each core).

    `progress` is told how many are done, on the caller's thread. Raises PinHashError.
    """
    count = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(count, thread_name_prefix="pin-hash") as pool:
        jobs = [pool.submit(hasher.hash, pin) for pin in pins]
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                job.result()
                if progress is not None:
                    progress(done)
        except BaseException:
            # Ctrl-C in the middle of minutes of work must not wait for the rest of it.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return tuple(job.result() for job in jobs)
