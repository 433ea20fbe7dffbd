"""What a request at a page needs of whoever asks, and how long what he follows goes on: the same at
an edge's pages and at the wall.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeVar, get_args

from edge.control.conversation import Ended, refusal
from edge.control.message import Message
from edge.control.messages import Refusal

LOOK_S = 1.0
"""Between two looks at the session of a stream that goes on: people and rights may be others."""

SIGN_IN = "sign in again"


STREAMS_MAX, STREAMS_OF_ONE_MAX = 96, 24
"""Pages that are open and follow something, in all and of one person: whoever opens more and more
of them leaves room for what others do."""


class Needs(NamedTuple):
    """One of these rights; `locked`: also while the session is locked. None of them: nobody asks it
    from a page. `signed_in`: whoever has a session, and with `anybody` without one.
    """

    rights: frozenset[str] = frozenset()
    locked: bool = False
    signed_in: bool = False
    anybody: bool = False


NEVER = Needs()
ANYBODY = Needs(anybody=True)
OWN = Needs(signed_in=True)
OWN_LOCKED = Needs(signed_in=True, locked=True)


class Standing(Protocol):
    """One session, as of its last look."""

    @property
    def rights(self) -> frozenset[Any]: ...
    @property
    def locked(self) -> bool: ...
    @property
    def changed(self) -> asyncio.Event: ...
    def stands(self) -> bool: ...


S = TypeVar("S", bound=Standing)


def complete(table: Mapping[type[Message], Needs], requests: object) -> None:
    """See that the table has a row for each of the union's requests, and no other. Raises
    AssertionError: whoever adds a request says who may ask it.
    """
    kinds = {*get_args(requests)}
    missing = sorted(one.__name__ for one in kinds - table.keys())
    unknown = sorted(one.__name__ for one in table.keys() - kinds)
    if missing or unknown:
        raise AssertionError(f"who may ask it from a page? {missing}; no request: {unknown}")


def no_session() -> Ended:
    return refusal(Refusal.NO_SESSION, "nobody is signed in here, or no longer", SIGN_IN)


def admitted(session: S | None, needs: Needs, remedy: str) -> S:
    """The session, where its person may ask this now. `remedy`: where it is said who may. Raises
    Ended.
    """
    if session is None or not session.stands():
        raise no_session()
    if not needs.signed_in and not needs.rights & session.rights:
        why = "this is not for the roles of whoever is signed in"
        raise refusal(Refusal.NO_RIGHT, why, remedy)
    if session.locked and not needs.locked:
        raise refusal(Refusal.LOCKED, "the session is locked", "unlock it")
    return session


class Following:
    """Who follows something at one socket."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()

    @contextmanager
    def one_more(self, person: str) -> Iterator[None]:
        """This person follows something more in the block. Raises Ended where that is too much."""
        streams = self._streams
        if streams[person] >= STREAMS_OF_ONE_MAX or streams.total() >= STREAMS_MAX:
            raise refusal(Refusal.BUSY, "too many pages follow what happens", "close some of them")
        streams[person] += 1
        try:
            yield
        finally:
            streams[person] -= 1
            if not streams[person]:
                del streams[person]


async def while_it_stands(session: Standing, work: Coroutine[Any, Any, None]) -> None:
    """`work`, for no longer than the session stands as it did when it began. Raises Ended."""
    watch = asyncio.create_task(_changed(session, locked=session.locked), name="page session")
    stream = asyncio.create_task(work, name="page stream")
    try:
        await asyncio.wait({watch, stream}, return_when=asyncio.FIRST_COMPLETED)
        if stream.done():
            stream.result()
            return
        raise refusal(
            Refusal.LOCKED if session.stands() else Refusal.NO_SESSION,
            "the session is not what it was when this began",
            "ask again",
        )
    finally:
        for task in (watch, stream):
            task.cancel()
        await asyncio.gather(watch, stream, return_exceptions=True)


async def _changed(session: Standing, *, locked: bool) -> None:
    """Return when the session is over, or is locked where it was not, or the other way."""
    rights = session.rights
    while session.stands() and session.locked == locked and session.rights == rights:
        changed = session.changed
        try:
            async with asyncio.timeout(LOOK_S):
                await changed.wait()
        except TimeoutError:
            continue
