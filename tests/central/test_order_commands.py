"""`sentrypost central order` as somebody uses it, over a real broker and modelled doors."""

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner, Result

from central.commands import central
from central.commands_order import is_complete, report
from central.control_messages_order import EdgeReached, MissingDoor, OrderProgress
from central.orders import Reached
from controller.arrival import Arrival
from simulators.broker_process import BrokerProcess
from tests.central.many import SITE
from tests.central.orders import lift, lockdown
from tests.central.test_orders_on_wire import Site, played
from tests.edge.signed import ANNA, BEN


def progress(*missing: MissingDoor, doors: int = 4) -> OrderProgress:
    """One edge with so many doors, of which these do not obey."""
    obeyed = doors - len(missing)
    gate = EdgeReached(
        edge="gate",
        reached=Reached.IN_FORCE,
        recorded=True,
        reason="",
        remedy="",
        seen_utc_us=1,
        took_s=0.2,
        doors=doors,
        obeyed=obeyed,
        missing=missing,
    )
    return OrderProgress(
        site=SITE,
        order="ab" * 32,
        kind="lockdown",
        on_wire=True,
        after_s=0.3,
        took_s=0.2,
        doors=doors,
        obeyed=obeyed,
        final=True,
        edges=(gate,),
    )


def door(arrival: Arrival, *, linked: bool = True) -> MissingDoor:
    return MissingDoor(
        portal="roof", name="Roof", arrival=arrival, observable=True, linked=linked, since_us=None
    )


def test_a_door_that_nobody_sees_is_never_called_closed() -> None:
    assert is_complete(progress())
    assert not is_complete(progress(door(Arrival.OPEN)))
    assert not is_complete(progress(door(Arrival.UNKNOWN, linked=False)))
    unseen = progress(door(Arrival.DEVICE_CONFIRMED))
    assert is_complete(unseen)
    (line,) = report(unseen)
    assert "3 of 4 doors obeyed" in line
    assert "; locked, and no contact tells more: gate/Roof" in line
    assert "missing" not in line
    (line,) = report(progress(door(Arrival.OPEN), door(Arrival.DEVICE_CONFIRMED)))
    assert "; missing: gate/Roof (open); locked, and no contact" in line


def test_who_did_not_obey_and_who_was_not_reached_is_named(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    state = str(tmp_path / "archive.state")

    async def run(*words: str, stdin: bytes = b"") -> Result:
        said = ["order", *words, "--state", state]
        return await asyncio.to_thread(CliRunner().invoke, central, said, input=stdin)

    async def story(found: Site) -> None:
        gate = found.edges["gate"]
        gate.bus_of("board-1").goes("board-1")
        found.wire.cut()
        await found.connected("gate", "villa")
        order = lockdown(SITE, ANNA)
        file = tmp_path / "lock.order"
        file.write_bytes(order.envelope)

        sent = await run("send", str(file))
        assert sent.exit_code == 3, sent.output
        assert sent.stdout.startswith(f"lockdown {order.id[:12]}: 7 of 8 doors obeyed in ")
        assert "2 of 3 edges have it" in sent.stdout
        assert "missing: gate/door-1 (device offline since " in sent.stdout
        assert "not reached: annex (away since " in sent.stdout

        listed = await run("list")
        assert "7 of 8 doors obey at 2 of 3 edges" in listed.stdout
        assert "a test" in listed.stdout
        assert json.loads((await run("list", "--json")).stdout)["orders"][0]["order"] == order.id

        gate.bus_of("board-1").comes("board-1")
        only = await run("send", "-", "--edge", "gate", "--json", stdin=order.envelope)
        shown = json.loads(only.stdout)
        assert (only.exit_code, shown["obeyed"], shown["doors"]) == (0, 4, 4)
        lifted = await run("send", "-", stdin=lift(SITE, (order.id,), ANNA, BEN).envelope)
        assert "2 of 3 edges have it" in lifted.stdout

        unknown = await run("send", str(file), "--edge", "cellar")
        assert (unknown.exit_code, "no edge 'cellar'" in unknown.output) == (1, True)
        elsewhere = await run("send", "-", stdin=lockdown("moon", ANNA).envelope)
        assert "no edge of site 'moon' was ever seen here" in elsewhere.output
        for rubbish in (b"", b"{}", b"\xff" * 100, b"x" * 5_000):
            refused = await run("send", "-", stdin=rubbish)
            assert refused.exit_code == 1, refused.output

    played(tmp_path, mosquitto, story)
