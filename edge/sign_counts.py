"""Whether there seem to be two of a security key: its count of signatures stands in each of them.

WebAuthn (7.2, step 21) asks for a count that rises. Orders are carried, and may come in another
order than they were signed in; what never happens with one key is two orders with one count.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec.structs import replace

from controller.ids import OrderId
from edge.orders import OrderError
from edge.secret_file import NotAFileError, OpenToOthersError, read_secret, replace_file
from edge.signatures import KEYS_MAX
from edge.signed_orders import SignCount

FILE = "sign-counts.json"
"""In the state folder."""

KEPT = 64
"""Counts of one key: so many of its orders may be on their way at once."""

FILE_BYTES_MAX = 4 * 1024 * 1024

log = logging.getLogger(__name__)


class Counted(Protocol):
    """What security keys have signed: an order, or a consent. `raises`: it raises protection."""

    @property
    def id(self) -> OrderId: ...

    @property
    def counts(self) -> tuple[SignCount, ...]: ...

    @property
    def raises(self) -> bool: ...


class CopiedKeyError(OrderError):
    """Somebody has a copy of a security key that has signed this."""


class _Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    count: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    order: OrderId


class _Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the order in which they were seen."""

    schema: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    seen: Annotated[tuple[_Seen, ...], msgspec.Meta(max_length=KEPT * KEYS_MAX)] = ()


class SignCounts:
    """One edge's. What was seen is kept in a file; one that cannot be read begins anew, and is said
    to: a lockdown is not refused for it, and a copied key is found by its next two orders.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._counts = _read(self._path)
        self._writing = threading.Lock()

    def judge(self, signed: Counted) -> None:
        """Raises CopiedKeyError for an order that takes protection away and was signed by a key
        that has signed another with the same count. What raises protection is taken, and logged.
        """
        copies = [one.key for one in signed.counts if self._is_copy(one, signed.id)]
        if not copies:
            return
        log.error("two orders with one count: there seem to be two of key %s", ", ".join(copies))
        if not signed.raises:
            raise CopiedKeyError(
                f"there seem to be two of the security key {copies[0]}: it has signed another "
                "order with the same count",
                "take its [key.…] out of the site file of every edge, and sign with another key",
            )

    def remember(self, signed: Counted) -> bool:
        """The counts of an order that was accepted; whether there is something to `write`."""
        fresh = [
            _Seen(one.key, one.signed, signed.id)
            for one in signed.counts
            if one.signed and _Seen(one.key, one.signed, signed.id) not in self._counts.seen
        ]
        if fresh:
            self._counts = replace(self._counts, seen=_shortened((*self._counts.seen, *fresh)))
        return bool(fresh)

    def write(self) -> None:
        """What is remembered into its file; called beside the event loop. Where that fails it is
        known until the edge ends, which is logged.
        """
        with self._writing:
            try:
                replace_file(self._path, msgspec.json.encode(self._counts))
            except OSError as error:
                log.error("counts of security keys cannot be kept: %s", error.strerror)

    def _is_copy(self, one: SignCount, order: OrderId) -> bool:
        return any(
            (seen.key, seen.count) == (one.key, one.signed) and seen.order != order
            for seen in self._counts.seen
        )


def _shortened(seen: Sequence[_Seen]) -> tuple[_Seen, ...]:
    """The latest of each key."""
    left: dict[str, int] = {}
    kept = []
    for one in reversed(seen):
        left[one.key] = left.get(one.key, 0) + 1
        if left[one.key] <= KEPT and len(left) <= KEYS_MAX:
            kept.append(one)
    return tuple(reversed(kept))


def _read(path: Path) -> _Counts:
    try:
        return msgspec.json.decode(read_secret(path, FILE_BYTES_MAX), type=_Counts)
    except FileNotFoundError:
        return _Counts()
    except (
        OSError, NotAFileError, OpenToOthersError, msgspec.DecodeError, UnicodeDecodeError,
    ) as error:  # fmt: skip
        log.error("counts of security keys begin anew, %s: %s", path, type(error).__name__)
        return _Counts()
