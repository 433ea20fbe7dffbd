"""`sentrypost order send|list|carry|challenge`, `posture`, `lockdown`, `lift` at a running edge."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from edge.assembly import Edge
from edge.commands.lockdown import lift as lift_command
from edge.commands.lockdown import lockdown as lockdown_command
from edge.commands.order_daemon import carry, challenge, list_, send
from edge.commands.posture import posture
from edge.commands.status import status
from edge.key_files import write_key
from tests.edge.checks import ready
from tests.edge.house import FRONT_CONTACT, House, bodies, running, until
from tests.edge.ordering import ANNA, BEN, id_of, lift, lockdown, ordered_house

Asks = Callable[..., Awaitable[Result]]

NOT_OBEYED = 3


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = ordered_house(tmp_path)
    for name, key in (("anna", ANNA), ("ben", BEN)):
        write_key(tmp_path / f"{name}.key", key.private, b"")
    return house


def scene(house: House, what: Callable[[Edge, Asks], Awaitable[None]]) -> None:
    """With a running edge, and a way to ask it something on the command line."""

    async def asks(command: click.Command, *words: object, given: bytes = b"") -> Result:
        runner = CliRunner()
        state = ("--state", str(house.folder / "state"))
        arguments = [*map(str, words), *state]
        return await asyncio.to_thread(runner.invoke, command, arguments, input=given)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge, asks)

    asyncio.run(run())


def test_an_order_is_sent_from_a_file_or_pasted_and_says_who_obeys(house: House) -> None:
    file = house.folder / "lockdown.order"
    file.write_bytes(lockdown())

    async def what(edge: Edge, asks: Asks) -> None:
        result = await asks(send, file)
        assert result.exit_code == 0, result.output
        first, second = result.output.splitlines()
        assert first.startswith("in force: lockdown of the whole site; order ")
        assert second.startswith("2 of 2 obeyed in 0.")
        again = await asks(send, given=file.read_bytes() + b"\n")
        assert again.exit_code == 0
        assert again.output.startswith("in force, as it was before: lockdown")
        (accepted,) = await bodies(edge, ev.OrderAccepted)
        assert isinstance(accepted, ev.OrderAccepted)
        assert accepted.path == "file"
        listed = await asks(list_)
        order = id_of(house, file.read_bytes())
        assert f"{order[:12]}  LOCKDOWN of the whole site, cover full  2 of 2" in listed.output
        assert "somebody at the fence" in listed.output
        assert "by Anna, came by file, given by " in listed.output
        assert "look at it again by " in listed.output

    scene(house, what)


def test_a_door_that_does_not_obey_is_named_and_in_the_exit_code(house: House) -> None:
    async def what(edge: Edge, asks: Asks) -> None:
        house.board.set_input(FRONT_CONTACT, True)
        await until(edge, ev.PortalForced)
        result = await asks(send, "--wait", "0.2", given=lockdown())
        assert result.exit_code == NOT_OBEYED, result.output
        assert "1 of 2 obeyed" in result.output
        assert "missing: front (stands open)" in result.output
        shown = await asks(posture)
        assert shown.exit_code == 0
        assert "posture   LOCKDOWN, threat 1" in shown.output
        assert "portals that do NOT obey\n  front  stands open" in shown.output
        told = json.loads((await asks(posture, "--json")).output)
        missing = [one["portal"] for one in told["portals"] if not one["obeyed"]]
        assert missing == ["front"]
        as_json = json.loads((await asks(send, "--json", "--wait", "0", given=lockdown())).stdout)
        assert as_json["reply"]["accepted"] is True
        assert [one["obeyed"] for one in as_json["arrival"]["portals"]].count(False) >= 1

    scene(house, what)


def test_what_is_refused_says_why_and_what_to_do(house: House) -> None:
    async def what(edge: Edge, asks: Asks) -> None:
        given = lockdown()
        await asks(send, given=given)
        result = await asks(send, given=lift(id_of(house, given), keys=(ANNA,)))
        assert result.exit_code == 1
        assert "refused: 1 of 2 people have signed it" in result.output
        empty = await asks(send, given=b"")
        assert empty.exit_code == 1
        assert "refused: " in empty.output
        assert edge.desk.orders.posture().mode == "lockdown"

    scene(house, what)


def test_lockdown_and_lift_are_made_signed_and_given_in_one_go(house: House) -> None:
    anna, ben = house.folder / "anna.key", house.folder / "ben.key"

    async def what(edge: Edge, asks: Asks) -> None:
        typo = await asks(lockdown_command, "--key", anna, "--zone", "vaul")
        assert typo.exit_code == 1
        assert "the site has no zone 'vaul'" in typo.output
        assert not await bodies(edge, ev.OrderAccepted)
        words = ("--key", anna, "--zone", "vault", "--reason", "a parcel")
        result = await asks(lockdown_command, *words)
        assert result.exit_code == 0, result.output
        assert "in force: lockdown of vault; order " in result.output
        shown = (await asks(status)).output
        assert "posture   normal, threat 1; orders in force: 1, see `sentrypost posture`" in shown
        assert "1 of 1 obeyed in 0." in result.output
        whole = await asks(lockdown_command, "--key", ben)
        assert whole.exit_code == 0, whole.output
        unclear = await asks(lift_command, "--key", anna, "--key", ben, "--reason", "over")
        assert unclear.exit_code == 1
        assert "2 are in force" in unclear.output
        (one, other) = (await edge.desk.orders.listed()).orders
        both = ("--key", anna, "--key", ben, "--reason", "over")
        lifted = await asks(lift_command, one.order[:8], *both)
        assert lifted.exit_code == 0, lifted.output
        assert "done: lift; ended: " in lifted.output
        assert [left.order for left in (await edge.desk.orders.listed()).orders] == [other.order]
        nobody = await asks(lift_command, one.order[:8], *both)
        assert nobody.exit_code == 1
        assert "no order in force begins with" in nobody.output

    scene(house, what)


def test_one_person_begins_a_lift_and_another_ends_it(house: House) -> None:
    anna, file = house.folder / "anna.key", house.folder / "for-ben.order"

    async def what(edge: Edge, asks: Asks) -> None:
        await asks(lockdown_command, "--key", anna)
        words = ("--key", anna, "--reason", "over", "--out", file)
        begun = await asks(lift_command, *words)
        assert begun.exit_code == 0, begun.output
        assert "signed by one; the second person says" in begun.output
        assert (await asks(send, file)).exit_code == 1
        from edge.signatures import signed_too

        file.write_bytes(signed_too(file.read_bytes(), BEN))
        ended = await asks(send, file)
        assert ended.exit_code == 0, ended.output
        assert edge.desk.orders.posture().mode == "normal"
        assert (await asks(list_)).output == "no order is in force\n"
        nothing = await asks(lift_command, *words)
        assert "no lockdown, shelter or evacuation is in force" in nothing.output

    scene(house, what)


def test_a_stick_takes_every_order_to_another_edge(tmp_path: Path) -> None:
    for name in ("gate", "annex"):
        (tmp_path / name).mkdir()
    gate, annex = (ordered_house(tmp_path / name, edge=name) for name in ("gate", "annex"))
    stick = tmp_path / "stick"
    first, second = lockdown(), lockdown(BEN)

    async def here(edge: Edge, asks: Asks) -> None:
        for envelope in (first, second, lift(id_of(gate, first))):
            assert (await asks(send, given=envelope)).exit_code == 0
        result = await asks(carry, stick)
        assert (result.exit_code, result.output) == (0, f"{stick}: 2 orders\n"), result.output

    async def there(edge: Edge, asks: Asks) -> None:
        (stick / "a-first.order").write_bytes(first)  # an old stick: its lift is on it as well
        result = await asks(send, stick)
        assert result.exit_code == 1, "the one that was lifted is refused"
        assert "it was ended before; 1 of 3 are refused" in result.output
        (one,) = (await edge.desk.orders.listed()).orders
        assert one.order == id_of(gate, second)
        empty = tmp_path / "empty"
        empty.mkdir()
        assert "no file in it ends with .order" in (await asks(send, empty)).output

    scene(gate, here)
    scene(annex, there)


def test_an_order_that_nobody_has_looked_at_again_stands_out(house: House) -> None:
    async def what(edge: Edge, asks: Asks) -> None:
        await asks(send, given=lockdown(review_in_s=-1))
        assert "OVERDUE: somebody should have looked at it again by" in (await asks(list_)).output
        large = await asks(send, given=b"x" * 5000)
        assert large.exit_code == 1
        assert "larger than 4096 bytes" in large.output
        assert not await bodies(edge, ev.OrderRefused), "the edge was not asked"
        spaced = await asks(send, given=b"\n" * 3000 + lockdown() + b"\n" * 3000)
        assert spaced.exit_code == 0, spaced.output

    scene(house, what)


def test_what_has_ended_is_listed_with_who_gave_it_and_who_ended_it(house: House) -> None:
    async def what(edge: Edge, asks: Asks) -> None:
        assert "no order has ended" in (await asks(list_, "--ended")).output
        first, second = lockdown(), lockdown(BEN)
        for envelope in (first, second, lift(id_of(house, first)), lift(id_of(house, second))):
            assert (await asks(send, "--wait", "0", given=envelope)).exit_code in {0, NOT_OBEYED}
        result = await asks(list_, "--ended", "--count", "1")
        assert result.exit_code == 0, result.output
        head, why, given, ended = result.output.splitlines()
        assert head == f"{id_of(house, second)[:12]}  lockdown of the whole site"
        assert why == "    somebody at the fence"
        assert " by Ben; journal " in given
        assert ": ended by order " in ended
        assert "(somebody at the fence), signed by Anna, Ben; journal " in ended
        told = json.loads((await asks(list_, "--ended", "--json")).stdout)["ended"]
        assert [one["order"]["id"] for one in told] == [
            id_of(house, second),
            id_of(house, first),
        ]

    scene(house, what)


def test_a_challenge_is_printed_alone_so_that_it_can_be_piped(house: House) -> None:
    async def what(edge: Edge, asks: Asks) -> None:
        result = await asks(challenge)
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()[0]) == 32
        assert edge.daemon.site.state.orders.challenge == result.stdout.splitlines()[0]
        unknown = await asks(posture, "confirm", "ab" * 32)
        assert unknown.exit_code == 1
        assert "no evacuation with this id waits" in unknown.output

    scene(house, what)
