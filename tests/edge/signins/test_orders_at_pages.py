"""Orders over the pages' socket, by people who have signed in there."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from controller import events as ev
from edge.control.client import Client, ControlClientError
from edge.control.messages import Refusal
from edge.control.messages_orders import OrderReply
from edge.control.messages_page_orders import (
    ArmHold,
    ConsoleState,
    DraftOrder,
    DraftReply,
    FollowConsole,
    HoldArmed,
    Panic,
    PanicReply,
    RaisedKind,
    RaiseFromPage,
    SignDraft,
)
from edge.control.messages_pages import LockSession, SignedIn, UseSession
from edge.fido2_assertions import rp_id
from edge.web.daemon import Conversation
from policies.facts import Mode
from policies.rights import OrderKind
from tests.edge.authenticator import Authenticator
from tests.edge.house import bodies, running
from tests.edge.paged import answered
from tests.edge.signins.gatehouse import PAGES, Gatehouse
from tests.edge.signins.test_signing_in import link_of, refused_with

RULES = """
[order.lockdown]
roles = ["guard", "chief"]
[order.evacuate]
roles = ["chief"]
[order.lift]
roles = ["guard", "chief"]
people = 2
"""


@pytest.fixture
def keys() -> dict[str, Authenticator]:
    return {name: Authenticator(rp_id("house"), count=1) for name in ("gil", "cleo")}


@pytest.fixture
def house(tmp_path: Path, keys: dict[str, Authenticator]) -> Gatehouse:
    house = Gatehouse(tmp_path, pages=PAGES + RULES)
    with (tmp_path / "site.toml").open("a") as file:
        for name, device in keys.items():
            text = base64.b64encode(device.attested).decode()
            file.write(
                f'\n[key.{name}]\nperson = "{name}"\nfido2 = "{text}"\n'
                f'may = ["order"]\nholder = "{name}"\n'
            )
    return house


async def begun(page: Conversation, token: str) -> None:
    assert (await page.ask(UseSession(token=token), SignedIn)).session is not None


async def held(page: Conversation, kind: RaisedKind, press: str) -> OrderReply:
    armed = await page.ask(ArmHold(), HoldArmed)
    await asyncio.sleep(armed.after_ms / 1000)
    asked = RaiseFromPage(kind=kind, held=armed.token, request=press, reason="shots")
    return await page.ask(asked, OrderReply)


def test_a_guard_locks_down_and_he_and_the_chief_lift_it_each_with_an_own_key(
    house: Gatehouse, keys: dict[str, Authenticator]
) -> None:
    async def scene() -> None:
        async with house.line(), running(house) as edge:
            guard, _ = await house.by_link(await link_of(house, "gil"))
            chief, _ = await house.by_link(await link_of(house, "cleo"))
            async with house.page() as at_gate, house.page() as console, house.page() as desk:
                for page, token in ((at_gate, guard), (console, chief), (desk, chief)):
                    await begun(page, token)
                shown = console.follow(FollowConsole())
                first = await anext(shown)
                assert isinstance(first, ConsoleState)
                assert first.central is None, "neither broker nor central is there"
                refused = await held(at_gate, RaisedKind.EVACUATE, "press-01")
                assert not refused.accepted
                reply = await held(at_gate, RaisedKind.LOCKDOWN, "press-02")
                assert reply.accepted, reply
                async for state in shown:
                    if isinstance(state, ConsoleState) and state.orders:
                        break
                assert [one.operator for one in state.orders] == ["gil"]
                lift = DraftOrder(kind=OrderKind.LIFT, reason="all clear", ends=(reply.order,))
                made = await desk.ask(lift, DraftReply)
                assert made.draft is not None, made
                for name, page in (("cleo", desk), ("gil", at_gate)):
                    response = answered(made.draft, keys[name])
                    asked = SignDraft(draft=made.draft.draft, response=response)
                    done = await page.ask(asked, DraftReply)
                    assert done.accepted, done
                assert done.given is not None
                assert edge.desk.orders.posture().mode is Mode.NORMAL
            given = (await bodies(edge, ev.OrderAccepted))[-1]
            assert isinstance(given, ev.OrderAccepted)
            assert (given.order.kind, given.people) == (OrderKind.LIFT, 2)

    asyncio.run(scene())


def test_who_has_no_right_to_it_makes_no_draft_and_a_locked_screen_calls_for_help(
    house: Gatehouse,
) -> None:
    async def scene() -> None:
        async with house.line(), running(house) as edge:
            guard, _ = await house.by_link(await link_of(house, "gil"))
            draft = DraftOrder(kind=OrderKind.SHELTER, reason="test")
            assert await refused_with(house, guard, draft) is Refusal.NO_RIGHT
            async with house.page() as page:
                await begun(page, guard)
                await page.ask(LockSession(), SignedIn)
                assert (await page.ask(Panic(), PanicReply)).alarmed
            assert await refused_with(house, guard, ArmHold()) is Refusal.LOCKED
            assert len(await bodies(edge, ev.OrderAccepted)) == 0

    asyncio.run(scene())


def test_an_account_at_the_control_socket_is_nobody_who_gives_orders(house: Gatehouse) -> None:
    def asks() -> str:
        with Client(house.folder / "state") as client, pytest.raises(ControlClientError) as refused:
            client._ask(ArmHold(), HoldArmed)
        return str(refused.value)

    async def scene() -> None:
        async with house.line(), running(house):
            await link_of(house, "gil")  # it is up
            assert "pages' socket" in await asyncio.to_thread(asks)

    asyncio.run(scene())


def test_the_options_are_what_a_browser_takes(
    house: Gatehouse,
) -> None:
    async def scene() -> None:
        async with house.line(), running(house):
            chief, _ = await house.by_link(await link_of(house, "cleo"))
            async with house.page() as page:
                await begun(page, chief)
                asked = DraftOrder(kind=OrderKind.SHELTER, reason="test")
                made = await page.ask(asked, DraftReply)
                assert made.draft is not None
                options = json.loads(made.draft.options)
                # WebAuthn level 3, 5.1.10: PublicKeyCredentialRequestOptionsJSON.
                assert set(options) == {
                    "challenge",
                    "timeout",
                    "rpId",
                    "allowCredentials",
                    "userVerification",
                }
                assert {one["type"] for one in options["allowCredentials"]} == {"public-key"}

    asyncio.run(scene())
