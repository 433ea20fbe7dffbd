"""What operators do at the wall goes on record before it is done, and is refused with a remedy."""

import asyncio
from pathlib import Path

import click
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.commands import _addresses
from central.control_messages import AcknowledgeAlarm, AlarmAcknowledged
from central.control_messages_order import (
    FollowOrders,
    ListOrders,
    NotSent,
    OrderProgress,
    OrdersInForce,
    SendOrder,
)
from central.operator_words import OperatorRight
from central.wall_messages import AcknowledgeAt, AskWall, NotDone, WallAbout
from edge.alarm_words import BY_CHARS_MAX, read_word
from edge.signatures import SigningKey, public_text
from edge.wire import SetOutcome
from simulators.broker_process import BrokerProcess
from tests.central.many import SITE
from tests.central.orders import lift, lockdown
from tests.central.test_operators import logged
from tests.central.test_orders_on_wire import Site, played
from tests.central.test_wall_streams import alarm, rings
from tests.central.walled import asked, served_wall, signed_in, told, wall
from tests.edge.signed import ANNA, BEN

ALARMS = (OperatorRight.WATCH, OperatorRight.ALARMS)


def test_without_a_key_nothing_is_acknowledged_and_the_wall_says_what_to_do(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            at.saw("gate")
            rings(at, "gate", alarm(5))
            token = await at.signed_in("olga", *ALARMS)
            async with wall(tmp_path, token) as page:
                about = await page.ask(AskWall(), WallAbout)
                assert (about.key, about.sites) == ("", ("house",))
                assert 'may = ["alarm"]' in about.remedy
                ask = AcknowledgeAt(site="house", edge="gate", alarm=5, last=5)
                done = await page.ask(ask, NotDone)
                assert "no key" in done.reason
                assert "--alarm-key" in done.remedy
            assert not any("has seen" in line for line in await logged(at))

    asyncio.run(run())


def test_an_alarm_is_acknowledged_as_it_was_seen_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = SigningKey(Ed25519PrivateKey.generate())
    sent: list[AcknowledgeAlarm] = []
    answer = [AlarmAcknowledged(outcome=SetOutcome.APPLIED), AlarmAcknowledged(outcome=None)]

    async def acknowledged(_: object, request: AcknowledgeAlarm) -> AlarmAcknowledged:
        sent.append(request)
        return answer.pop(0)

    monkeypatch.setattr("central.control_desk.CentralDesk.acknowledge", acknowledged)

    async def run() -> None:
        async with served_wall(tmp_path, alarm_key=key) as at:
            at.saw("gate")
            rings(at, "gate", alarm(5, last=7))
            token = await at.signed_in("olga", *ALARMS)
            await at.operators.change("olga", "Ö" * 200, ALARMS, "test")
            token = (await at.link("olga")).token
            async with wall(tmp_path, token) as page:
                assert (await page.ask(AskWall(), WallAbout)).key == public_text(key.public)
                for ask, why in (
                    (AcknowledgeAt(site="house", edge="gate", alarm=5, last=6), "told again"),
                    (AcknowledgeAt(site="house", edge="gate", alarm=6, last=6), "no alarm"),
                    (AcknowledgeAt(site="villa", edge="gate", alarm=5, last=7), "no alarm"),
                ):
                    refused = await page.ask(ask, NotDone)
                    assert why in refused.reason
                    assert refused.remedy
                assert not sent
                good = AcknowledgeAt(site="house", edge="gate", alarm=5, last=7, reason="seen")
                assert (await page.ask(good, AlarmAcknowledged)).outcome is SetOutcome.APPLIED
                again = await page.ask(good, AlarmAcknowledged)
                assert again.outcome is None
            word = read_word(sent[0].envelope)
            assert (word.alarm, word.last, word.incarnation) == (5, 7, "0" * 16)
            assert isinstance(word.by, str)
            assert word.by.endswith("Ö (olga)")
            assert len(word.by) <= BY_CHARS_MAX
            log = await logged(at)
            assert sum("olga has seen alarm house/gate#5 as entry 7" in line for line in log) == 2
            assert sum(line.endswith("told it: seen") for line in log) == 2
            assert any("the edge says: applied" in line for line in log)
            assert any("the edge has not answered" in line for line in log)

    asyncio.run(run())


@pytest.mark.parametrize(
    "address",
    ["house/gate", "house=https://x", "house/gate=http://gate.example", "house/gate=ftp://x",
     "house/gate=https://", "house/gate=https://[x", "House/gate=https://x",
     f"house/gate=https://x/{'y' * 300}"],
)  # fmt: skip
def test_pictures_are_fetched_over_https_or_from_this_machine(address: str) -> None:
    for good in ("house/gate=https://gate.example/", "house/gate=http://localhost:8600"):
        ((key, found),) = _addresses((good,)).items()
        assert key == ("house", "gate")
        assert found == good.partition("=")[2].rstrip("/")
    with pytest.raises(click.BadParameter, match="write SITE/EDGE=https"):
        _addresses((address,))


def test_an_order_is_sent_from_the_wall_and_followed_door_by_door(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    state = tmp_path / "archive.state"

    async def story(found: Site) -> None:
        await found.connected("annex", "gate", "villa")
        rights = (OperatorRight.WATCH, OperatorRight.ORDERS)
        token, _ = await signed_in(state, "olga", *rights)
        order = lockdown(SITE, ANNA)
        async with wall(state, token) as page, wall(state, token) as other:
            stream = page.follow(FollowOrders())
            nothing = await told(stream, OrdersInForce, lambda _: True)
            assert (nothing.on_wire, nothing.orders) == (True, ())
            sending = other.follow(SendOrder(envelope=order.envelope, wait_s=30))
            done = await told(sending, OrderProgress, lambda one: one.final)
            assert (done.obeyed, done.doors, len(done.edges)) == (12, 12, 3)
            force = await told(
                stream,
                OrdersInForce,
                lambda one: any((o.order, o.obeyed) == (order.id, 12) for o in one.orders),
            )
            assert force.orders[0].edges[0].doors == 4
        async with wall(state, token) as other:
            listed = await other.ask(ListOrders(), OrdersInForce)
            assert [one.order for one in listed.orders] == [order.id]
            refused = await other.ask(SendOrder(envelope=b"{}"), NotSent)
            assert refused.remedy
            lifted = other.follow(
                SendOrder(envelope=lift(SITE, (order.id,), ANNA, BEN).envelope, wait_s=30)
            )
            await told(lifted, OrderProgress, lambda one: one.final)
        log = await asked(state, lambda central: central.operator_log(1))
        texts = [line.text for line in log.lines]
        assert any(f"olga sends order {order.id[:12]} (lockdown) to every" in t for t in texts)
        assert sum("olga sends order" in text for text in texts) == 2

    played(tmp_path, mosquitto, story)
