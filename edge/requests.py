"""What central asks of an edge over the wire: to take a signed file, in parts. People, a policy, or
somebody's word that he has seen an alarm.

A file is judged exactly as one that somebody gives at the control socket: by its signatures and its
number. Which topic it came on, when, how often and in what order says nothing. The answer goes out
when what became of it is on disk; an answer that is lost is given again when central asks again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from controller.body import TEXT_CHARS_MAX
from edge import wire
from edge.control.messages import TakePeopleReply
from edge.control.messages_alarms import AlarmReply
from edge.control.messages_policy import PolicyReply
from edge.journal.errors import JournalClosed, JournalError

OPERATOR = "central, over the wire"
"""Under this name the journal has what came that way; the signatures say who answers for it."""

FILES_MAX = 2
"""Files of which some parts have come: the people's and a policy. What begins a third is in the
place of the one that has waited longest, so that a forger takes up no more memory than that.
"""

REST_S_MAX = 1.0
"""After a file that brought nothing as long a rest as judging it took, at most this: whoever floods
us leaves time for the doors, and a revocation behind him is still in time."""


class TakesPeople(Protocol):
    async def take(self, envelope: bytes, operator: str, dry_run: bool) -> TakePeopleReply: ...


class LoadsPolicy(Protocol):
    async def load(self, envelope: bytes, operator: str) -> PolicyReply: ...


class TakesAlarms(Protocol):
    async def take(self, envelope: bytes) -> AlarmReply:
        """Acknowledge an alarm for whoever has signed it, or say why not."""
        ...


class _Gathered:
    """The parts of one file that have come."""

    def __init__(self, kind: wire.SetKind, parts: int) -> None:
        self.kind = kind
        self.count = parts
        self.parts: dict[int, bytes] = {}

    @property
    def complete(self) -> bool:
        return len(self.parts) == self.count

    def whole(self) -> bytes:
        return b"".join(data for _, data in sorted(self.parts.items()))


class Requests:
    """One edge's. `in_force` says version and digest of the people or of the policy."""

    def __init__(
        self,
        people: TakesPeople,
        policy: LoadsPolicy,
        in_force: Callable[[wire.SetKind], tuple[int, str]],
        incarnation: str,
    ) -> None:
        self._people = people
        self._policy = policy
        self._in_force = in_force
        self._incarnation = incarnation
        self.alarms: TakesAlarms | None = None
        self._gathering: dict[str, _Gathered] = {}
        self._waiting: dict[wire.SetKind, tuple[str, bytes]] = {}
        """Whole, and not judged yet: the newest of each kind, because that is what counts."""
        self._judging: dict[wire.SetKind, str] = {}
        self._came = {kind: asyncio.Event() for kind in wire.SetKind}

    def heard(self, payload: bytes) -> None:
        """A message on our request topic. Never blocks. Raises wire.WireError where it is none."""
        part = wire.decode_request(payload)
        if self._waits(part.set):
            return  # it is answered when it is judged
        gathered = self._gathering.pop(part.set, None)
        if gathered is None or (gathered.kind, gathered.count) != (part.kind, part.parts):
            gathered = _Gathered(part.kind, part.parts)
        self._gathering[part.set] = gathered
        while len(self._gathering) > FILES_MAX:
            del self._gathering[next(iter(self._gathering))]
        gathered.parts[part.part] = part.data
        if gathered.complete:
            del self._gathering[part.set]
            self._waiting[part.kind] = (part.set, gathered.whole())
            self._came[part.kind].set()

    async def run(self, answer: Callable[[wire.RequestAck], None]) -> None:
        """Judge what is whole until cancelled, one of a kind after the other: a revocation does not
        wait until a policy is proven. Raises ExceptionGroup with JournalClosed.
        """
        async with asyncio.TaskGroup() as tasks:
            for kind in wire.SetKind:
                tasks.create_task(self._judge(kind, answer), name=f"requests {kind}")

    async def _judge(
        self, kind: wire.SetKind, answer: Callable[[wire.RequestAck], None]
    ) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            await self._came[kind].wait()
            self._came[kind].clear()
            digest, envelope = self._waiting.pop(kind)
            self._judging[kind] = digest
            began_s = loop.time()
            ack = await self._judged(kind, digest, envelope)
            del self._judging[kind], envelope
            if ack is not None:
                answer(ack)
            if ack is None or ack.outcome is not wire.SetOutcome.APPLIED:
                await asyncio.sleep(min(loop.time() - began_s, REST_S_MAX))

    def _waits(self, digest: str) -> bool:
        waiting = {one for one, _ in self._waiting.values()}
        return digest in waiting or digest in self._judging.values()

    async def _judged(
        self, kind: wire.SetKind, digest: str, envelope: bytes
    ) -> wire.RequestAck | None:
        """None where the parts were not those of one file: nobody is told what nobody has sent."""
        if await asyncio.to_thread(_digest, envelope) != digest:
            return None
        take = {
            wire.SetKind.PEOPLE: self._taken,
            wire.SetKind.POLICY: self._loaded,
            wire.SetKind.ALARM: self._seen,
        }[kind]
        outcome, reason, remedy = await _recorded(take(envelope))
        version, in_force = self._in_force(kind)
        return wire.RequestAck(
            incarnation=self._incarnation,
            kind=kind,
            set=digest,
            outcome=outcome,
            version=version,
            digest=in_force,
            reason=reason[:TEXT_CHARS_MAX],
            remedy=remedy[:TEXT_CHARS_MAX],
        )

    async def _taken(self, envelope: bytes) -> "_Answer":
        reply = await self._people.take(envelope, OPERATOR, dry_run=False)
        if reply.applied:
            return wire.SetOutcome.APPLIED, "", ""
        if reply.already:
            return wire.SetOutcome.ALREADY, "", ""
        kept = wire.SetOutcome.UNRECORDED if reply.kept else wire.SetOutcome.REFUSED
        return kept, reply.reason, reply.remedy

    async def _loaded(self, envelope: bytes) -> "_Answer":
        reply = await self._policy.load(envelope, OPERATOR)
        if (reply.applied or reply.already) and not reply.recorded:
            return wire.SetOutcome.UNRECORDED, "", ""
        if reply.applied:
            return wire.SetOutcome.APPLIED, "", ""
        if reply.already:
            return wire.SetOutcome.ALREADY, "", ""
        return wire.SetOutcome.REFUSED, "; ".join((reply.reason, *reply.problems)), reply.remedy

    async def _seen(self, envelope: bytes) -> "_Answer":
        if self.alarms is None:
            return wire.SetOutcome.REFUSED, "this edge takes none", "acknowledge it there"
        reply = await self.alarms.take(envelope)
        if not reply.accepted:
            return wire.SetOutcome.REFUSED, reply.reason, reply.remedy
        done = wire.SetOutcome.APPLIED if reply.recorded else wire.SetOutcome.UNRECORDED
        return done, "", ""


_Answer = tuple[wire.SetOutcome, str, str]


async def _recorded(taking: Awaitable[_Answer]) -> _Answer:
    try:
        return await taking
    except JournalClosed:
        raise
    except JournalError as error:
        return wire.SetOutcome.REFUSED, str(error), "it is asked again later"


def _digest(envelope: bytes) -> str:
    return hashlib.sha256(envelope).hexdigest()
