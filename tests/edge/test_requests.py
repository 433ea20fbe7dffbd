"""What central asks for over the wire: files from parts, judged as files are, and answered."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable

import pytest

from edge import requests as asked
from edge import wire
from edge.control.messages import TakePeopleReply
from edge.control.messages_policy import PolicyReply
from edge.journal.errors import JournalError
from edge.requests import OPERATOR, Requests

INCARNATION = "0123456789abcdef"
PEOPLE, POLICY = wire.SetKind.PEOPLE, wire.SetKind.POLICY
FILE = b'{"payload":"c2V0"}'
FILE_DIGEST = hashlib.sha256(FILE).hexdigest()
DIGEST = "d" * 64

GOLDEN_PART = (
    b'{"v":1,"kind":"people",'
    b'"set":"' + FILE_DIGEST.encode() + b'","part":1,"parts":1,"data":"eyJwYXlsb2FkIjoiYzJWMCJ9"}'
)
GOLDEN_ACK = (
    b'{"v":1,"incarnation":"0123456789abcdef","kind":"people",'
    b'"set":"' + FILE_DIGEST.encode() + b'","outcome":"refused","version":41,'
    b'"digest":"' + DIGEST.encode() + b'","reason":"the set is older","remedy":"take a newer one"}'
)


class Takes:
    """Both desks: notes what it is given and replies what it is told to."""

    def __init__(self, people: TakePeopleReply | Exception, policy: PolicyReply) -> None:
        self.people, self.policy = people, policy
        self.given: list[tuple[bytes, str]] = []
        self.hold: Awaitable[object] | None = None

    async def take(self, envelope: bytes, operator: str, dry_run: bool) -> TakePeopleReply:
        assert not dry_run
        self.given.append((envelope, operator))
        if self.hold is not None:
            await self.hold
        if isinstance(self.people, Exception):
            raise self.people
        return self.people

    async def load(self, envelope: bytes, operator: str) -> PolicyReply:
        self.given.append((envelope, operator))
        return self.policy


def taken(**fields: object) -> TakePeopleReply:
    return TakePeopleReply(**({"applied": False, "version": 41} | fields))  # type: ignore[arg-type]


def loaded(**fields: object) -> PolicyReply:
    return PolicyReply(**({"applied": False, "version": 7, "digest": DIGEST} | fields))  # type: ignore[arg-type]


def encoded(kind: wire.SetKind, envelope: bytes) -> list[bytes]:
    return [wire.encode_request(part) for part in wire.request_parts(kind, envelope)]


async def answered(
    takes: Takes, heard: Callable[[Requests], None], count: int
) -> list[wire.RequestAck]:
    """What is answered, until there are so many answers and nothing is left to judge."""
    requests = Requests(takes, takes, lambda kind: (41, DIGEST), INCARNATION)
    answers: list[wire.RequestAck] = []
    task = asyncio.create_task(requests.run(answers.append))
    heard(requests)
    async with asyncio.timeout(20):
        while len(answers) < count:
            await asyncio.sleep(0.002)
    for _ in range(20):
        await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return answers


def answer_to(takes: Takes, kind: wire.SetKind = PEOPLE) -> wire.RequestAck:
    def heard(requests: Requests) -> None:
        for payload in encoded(kind, FILE):
            requests.heard(payload)

    (ack,) = asyncio.run(answered(takes, heard, 1))
    assert takes.given == [(FILE, OPERATOR)]
    assert (ack.kind, ack.set, ack.incarnation) == (kind, FILE_DIGEST, INCARNATION)
    assert (ack.version, ack.digest) == (41, DIGEST)
    assert wire.decode_request_ack(wire.encode_request_ack(ack)) == ack
    return ack


def test_the_bytes_on_the_wire_stay_as_they_are() -> None:
    (part,) = wire.request_parts(PEOPLE, FILE)
    assert wire.encode_request(part) == GOLDEN_PART
    assert wire.decode_request(GOLDEN_PART) == part
    ack = wire.RequestAck(
        incarnation=INCARNATION,
        kind=PEOPLE,
        set=FILE_DIGEST,
        outcome=wire.SetOutcome.REFUSED,
        version=41,
        digest=DIGEST,
        reason="the set is older",
        remedy="take a newer one",
    )
    assert wire.encode_request_ack(ack) == GOLDEN_ACK
    assert wire.decode_request_ack(GOLDEN_ACK) == ack


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"part":1', b'"part":2'),
        (b'"part":1', b'"part":0'),
        (b'"parts":1', b'"parts":65'),
        (b'"parts":1', b'"parts":1000000000000'),
        (b'"kind":"people"', b'"kind":"order"'),
        (b'"data":"eyJ', b'"data":"e'),
        (FILE_DIGEST.encode(), FILE_DIGEST[1:].encode()),
        (FILE_DIGEST.encode(), FILE_DIGEST.upper().encode()),
        (b'"data":"eyJwYXlsb2FkIjoiYzJWMCJ9"', b'"data":""'),
        (b'"data":"eyJwYXlsb2FkIjoiYzJWMCJ9"', b'"data":"' + b"AAAA" * 90_000 + b'"'),
        (b"{", b"["),
        (GOLDEN_PART, b""),
        (GOLDEN_PART, b"\xff\x00" * 100),
        (GOLDEN_PART, b"[" * 10_000),
    ],
)
def test_what_is_no_request_is_refused_at_the_border(old: bytes, new: bytes) -> None:
    assert old in GOLDEN_PART
    with pytest.raises(wire.WireError):
        wire.decode_request(GOLDEN_PART.replace(old, new, 1))


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (taken(applied=True), wire.SetOutcome.APPLIED),
        (taken(already=True), wire.SetOutcome.ALREADY),
        (taken(kept=True, reason="kept"), wire.SetOutcome.UNRECORDED),
        (taken(reason="older", remedy="take a newer one"), wire.SetOutcome.REFUSED),
        (JournalError("the disk is gone"), wire.SetOutcome.REFUSED),
    ],
)
def test_what_became_of_people_is_told(
    reply: TakePeopleReply | Exception, outcome: wire.SetOutcome
) -> None:
    ack = answer_to(Takes(reply, loaded()))
    assert ack.outcome is outcome
    if outcome is wire.SetOutcome.REFUSED:
        assert ack.reason in {"older", "the disk is gone"}


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (loaded(applied=True), wire.SetOutcome.APPLIED),
        (loaded(applied=True, recorded=False), wire.SetOutcome.UNRECORDED),
        (loaded(already=True, reason="7 was in force"), wire.SetOutcome.ALREADY),
        (loaded(already=True, recorded=False, reason="later"), wire.SetOutcome.UNRECORDED),
        (loaded(reason="mistakes", problems=("line 3",) * 200), wire.SetOutcome.REFUSED),
    ],
)
def test_what_became_of_a_policy_is_told(reply: PolicyReply, outcome: wire.SetOutcome) -> None:
    ack = answer_to(Takes(taken(), reply), POLICY)
    assert ack.outcome is outcome
    if outcome is wire.SetOutcome.REFUSED:
        assert ack.reason.startswith("mistakes; line 3; ")


def test_parts_come_in_any_order_and_as_often_as_they_like(seed: int) -> None:
    chance = random.Random(seed)
    files = [chance.randbytes(chance.randrange(1, 5 * wire.PART_BYTES_MAX)) for _ in range(2)]
    payloads = [
        payload
        for kind, envelope in zip((PEOPLE, POLICY), files, strict=True)
        for payload in encoded(kind, envelope) * 2
    ]
    chance.shuffle(payloads)
    takes = Takes(taken(applied=True), loaded(applied=True))

    def heard(requests: Requests) -> None:
        for payload in payloads:
            requests.heard(payload)

    asyncio.run(answered(takes, heard, 2))
    assert sorted({data for data, _ in takes.given}) == sorted(files)


def test_missing_parts_and_parts_of_another_file_bring_nothing() -> None:
    """What is answered in the end is the one file that came whole."""
    first, second, third = (bytes([number]) * (3 * wire.PART_BYTES_MAX) for number in (1, 2, 3))
    takes = Takes(taken(applied=True), loaded())
    of_first = list(wire.request_parts(PEOPLE, first))
    of_second = list(wire.request_parts(PEOPLE, second))
    swapped = [
        wire.RequestPart(kind=POLICY, set=of_first[0].set, part=n, parts=3, data=part.data)
        for n, part in enumerate((of_first[0], of_second[1], of_first[2]), 1)
    ]

    def heard(requests: Requests) -> None:
        for part in (of_first[0], of_second[0], of_first[2], of_second[1], *swapped):
            requests.heard(wire.encode_request(part))
        for payload in encoded(POLICY, third)[:2]:
            requests.heard(payload)
        for payload in encoded(PEOPLE, FILE):
            requests.heard(payload)

    asyncio.run(answered(takes, heard, 1))
    assert takes.given == [(FILE, OPERATOR)]


def test_however_many_files_begin_a_few_are_kept(seed: int) -> None:
    chance = random.Random(seed)
    requests = Requests(Takes(taken(), loaded()), Takes(taken(), loaded()), lambda _: (0, ""), "")
    for _ in range(200):
        part = wire.RequestPart(
            kind=chance.choice((PEOPLE, POLICY)),
            set=chance.randbytes(32).hex(),
            part=chance.randrange(1, 64),
            parts=64,
            data=chance.randbytes(1000),
        )
        requests.heard(wire.encode_request(part))
    assert len(requests._gathering) == asked.FILES_MAX


def test_what_is_judged_just_now_is_not_judged_again_meanwhile() -> None:
    async def run() -> None:
        takes = Takes(taken(applied=True), loaded())
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        takes.hold = held
        requests = Requests(takes, takes, lambda _: (41, DIGEST), INCARNATION)
        answers: list[wire.RequestAck] = []
        task = asyncio.create_task(requests.run(answers.append))
        (payload,) = encoded(PEOPLE, FILE)
        requests.heard(payload)
        async with asyncio.timeout(10):
            while not takes.given:
                await asyncio.sleep(0.002)
        for _ in range(5):
            requests.heard(payload)
        held.set_result(None)
        async with asyncio.timeout(10):
            while not answers:
                await asyncio.sleep(0.002)
        assert len(takes.given) == 1
        requests.heard(payload)  # the answer may have been lost
        async with asyncio.timeout(10):
            while len(answers) < 2:
                await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_revocation_does_not_wait_until_a_policy_is_proven() -> None:
    async def run() -> None:
        proving: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        class Proves(Takes):
            async def load(self, envelope: bytes, operator: str) -> PolicyReply:
                await proving
                return await super().load(envelope, operator)

        takes = Proves(taken(applied=True), loaded(applied=True))
        requests = Requests(takes, takes, lambda _: (41, DIGEST), INCARNATION)
        answers: list[wire.RequestAck] = []
        task = asyncio.create_task(requests.run(answers.append))
        for kind in (POLICY, PEOPLE):
            for payload in encoded(kind, FILE + kind.encode()):
                requests.heard(payload)
        async with asyncio.timeout(10):
            while not answers:
                await asyncio.sleep(0.002)
            assert [ack.kind for ack in answers] == [PEOPLE]
            proving.set_result(None)
            while len(answers) < 2:
                await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
