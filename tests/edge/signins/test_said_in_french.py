"""Why the daemon does not do something, as a page says it in French: over every request."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from edge.assembly import Edge
from edge.control.message import Message
from edge.control.messages import Heartbeat, ImportPeople, Refusal, Refused
from edge.control.messages_alarms import AlarmsReply
from edge.control.messages_gate import GateHello
from edge.control.messages_page_orders import (
    ArmHold,
    ConsoleState,
    DraftOrder,
    HoldArmed,
    RaisedKind,
    RaiseFromPage,
)
from edge.control.messages_pages import (
    LockSession,
    SignOut,
    TakeInvitation,
    UnlockSession,
)
from edge.control.messages_people import EnrolBadge, PutPerson
from edge.control.messages_visitors import ExpectVisitor, NewVisitor
from edge.control.page_rights import ANYBODY, NEVER, TABLE
from edge.recorder import Recorder
from edge.web.daemon import DaemonRefusedError
from edge.web.words import languages
from policies.rights import OrderKind, Right
from tests.edge.house import running
from tests.edge.signins.gatehouse import Gatehouse
from tests.edge.signins.requests import TEXTS, requests

FRENCH = languages()["fr"]

PERSON = {Right.GATE: "gil", Right.CONSOLE: "cleo", Right.PEOPLE: "dora"}

LIVE = GateHello | ConsoleState | AlarmsReply
"""Streams, which begin with what there is."""

SAID = {"reason", "remedy", "trouble", "message", "hint"}
"""Fields in which a daemon says something to people; of a hint that is where it has one."""

TYPED = TEXTS[0]
"""What the requests give as everybody's reason: it is told as it was typed."""

WRONG_CELLS = (
    {"person": "a b", "name": "1"},
    {"name": "A\u202eB", "roles": "nobody"},
    {"roles": "guard visitor", "pin": "12ab"},
    {"pin": "11", "valid_from": "yesterday"},
    {"pin": "11111111111111111111", "valid_until": "2026-13-40"},
    {"valid_from": "2026-05-05", "valid_until": "2026-05-01"},
    {"status": "gone", "valid_until": "1960-01-01"},
    {"name": "x" * 200, "roles": " ".join(f"r{number}" for number in range(40))},
)


def variants(request: Message) -> Iterator[Message]:
    """As it is, and where a field is one of several steps once with each of them."""
    yield request
    info = inspect.type_info(type(request))
    assert isinstance(info, inspect.StructType)
    plain = msgspec.to_builtins(request)
    for field in info.fields:
        if not isinstance(field.type, inspect.UnionType):
            continue
        for step in field.type.types:
            if isinstance(step, inspect.StructType):
                yield msgspec.convert(plain | {field.encode_name: _least(step)}, type(request))


def _least(info: inspect.StructType) -> dict[str, object]:
    from tests.edge.signins.requests import _value

    inner = {one.encode_name: _value(one.type) for one in info.fields if one.required}
    return inner | ({info.tag_field: info.tag} if info.tag_field else {})


def asked() -> Iterator[Message]:
    """Everything that some page may ask, and wrong in more ways than its least form is."""
    for kind, request in requests().items():
        if TABLE[kind] != NEVER and kind not in {SignOut, LockSession}:
            yield from variants(request)
    for kind in OrderKind:
        yield DraftOrder(kind=kind, reason="because")
        yield DraftOrder(
            kind=kind, reason="because", issuer="x", zones=("nowhere",), ends=(64 * "0",)
        )
        yield DraftOrder(kind=kind, reason="because", portals=("nowhere",), until_s=1, level=3)
    for cells in WRONG_CELLS:
        yield PutPerson(person=cells.get("person", "p7"), new=True, **_without(cells))
        yield PutPerson(person="gil", new=False, **_without(cells))
    for csv in (b"id,name\n1,2,3\n", b"\xff\xfe\x00", b"", b"id,name,badge\nx,Ada,h10301:1/1\n"):
        yield ImportPeople(csv=csv, dry_run=True)
    yield EnrolBadge(person="gil", reader="nowhere")
    yield EnrolBadge(person="gil", reader="front-in")
    yield TakeInvitation(code="x" * 22, person="x", password="short")
    yield UnlockSession(pin="0000")
    visit = {"host": "gil", "purpose": "talks"}
    yield ExpectVisitor(visitor=NewVisitor(name="Vera", role="guard"), until_s=1, **visit)
    yield ExpectVisitor(visitor="nobody", until_s=4_000_000_000, **visit)


def _without(cells: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in cells.items() if name != "person"}


def sentences(reply: object) -> Iterator[str]:
    """Whatever it says to somebody."""
    plain = msgspec.to_builtins(reply)
    waiting = [plain]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, dict):
            for name, value in part.items():
                if name in SAID and isinstance(value, str) and value:
                    yield value
                elif name == "reasons":
                    yield from (text for _, text in value)
                else:
                    waiting.append(value)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each sentence with a request that it was the answer to: while all is well, and while nothing
    can be written.
    """
    found = asyncio.run(_heard(Gatehouse(tmp_path_factory.mktemp("house"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "down", property(lambda _: True))
        worse = asyncio.run(_heard(Gatehouse(tmp_path_factory.mktemp("full"))))
    return worse | found


async def _heard(house: Gatehouse) -> dict[str, str]:
    from controller.ids import HolderId
    from edge.people import HolderRecord

    house.put(HolderRecord(id=HolderId("9" * 16), external_id="dora", name="D V", roles=("clerk",)))
    found: dict[str, str] = {}
    async with running(house) as edge:
        tokens = {right: await house.session(edge, who) for right, who in PERSON.items()}
        for request in asked():
            for text in await _told(house, tokens, request):
                if text != TYPED:
                    found.setdefault(text, type(request).__name__)
        for text in await _raised(house, edge, tokens[Right.CONSOLE]):
            found.setdefault(text, "RaiseFromPage")
    return found


async def _told(house: Gatehouse, tokens: dict[Right, str], request: Message) -> list[str]:
    """By whoever may ask it, and once by somebody who may not."""
    needs = TABLE[type(request)]
    who = ["" if needs is ANYBODY else next((tokens[one] for one in needs.rights), "")]
    if needs.signed_in:
        who = [tokens[Right.GATE]]
    elif needs.rights:
        who += ["", next(iter(tokens[one] for one in tokens if one not in needs.rights))]
    told: list[str] = []
    for token in who:
        told += await _one(house, token, request)
    return told


async def _one(house: Gatehouse, token: str, request: Message) -> list[str]:
    async with house.page() as page:
        if token:
            await page.sign(token)
        told = page.follow(request)
        try:
            async with asyncio.timeout(30):
                while isinstance(reply := await anext(told), Heartbeat):
                    pass
        except DaemonRefusedError as error:
            if error.refused.code is Refusal.MALFORMED:
                return []  # a page says of those what it says of every form that is none
            return list(sentences(error.refused))
        return [] if isinstance(reply, LIVE) else list(sentences(reply))


async def _raised(house: Gatehouse, edge: Edge, token: str) -> list[str]:
    """Held too short, twice, and with what a kind does not have."""
    told: list[str] = []
    async with house.page() as page:
        await page.sign(token)
        for number, kind in enumerate(RaisedKind):
            armed = await page.ask(ArmHold(), HoldArmed)
            hold = {"held": armed.token, "request": f"request{number}", "reason": "because"}
            told += sentences(await _reply(page.follow(RaiseFromPage(kind=kind, **hold))))
            await asyncio.sleep(0.9 * (number == 0))
            again = RaiseFromPage(kind=kind, level=2, zones=("nowhere",), ends=(64 * "0",), **hold)
            told += sentences(await _reply(page.follow(again)))
    return told


async def _reply(told: object) -> Message | Refused:
    while isinstance(reply := await anext(told), Heartbeat):  # type: ignore[call-overload]
        pass
    assert isinstance(reply, Message)
    return reply


def test_much_was_refused(heard: dict[str, str]) -> None:
    """Or there would be nothing to see."""
    assert len(heard) >= 80, sorted(heard)
    assert len(set(heard.values())) >= 30


def test_nothing_of_it_is_left_in_english(heard: dict[str, str]) -> None:
    left = {text: of for text, of in heard.items() if FRENCH(text) == text}
    assert left == {}


def test_what_stands_in_a_sentence_stays_as_it_is() -> None:
    assert FRENCH("the policy has no portal 'try later'") == (
        "le règlement n’a pas de porte « try later »"
    )
