"""Orders at a whole edge that were signed by ssh-keygen, by security keys and by a copy of one."""

import asyncio
import base64
import os
import time
from pathlib import Path

from edge.assembly import Edge
from edge.control.messages_orders import Carrier, OrderReply
from edge.fido2_assertions import rp_id
from edge.orders import LiftOrder, stamp, stamped, unsigned
from edge.signatures import signed_too
from edge.signed_orders import with_assertion, with_ssh_signature
from edge.ssh_signatures import namespace
from policies.facts import Mode
from tests.edge.authenticator import Authenticator
from tests.edge.checks import ready
from tests.edge.house import House, running
from tests.edge.ordered import SshKey, asserted, message_of
from tests.edge.ordering import ANNA, lockdown, ordered_house


def lifting(order: str) -> bytes:
    """Signed by nobody; Anna's counter."""
    head = stamp("house", ANNA.id, "over", now_ms=time.time_ns() // 1_000_000,
                 review_s=int(time.time()), entropy=os.urandom)  # fmt: skip
    until_s = int(time.time()) + 600
    return unsigned(stamped(LiftOrder, head)(ends=(order,), accept_until_s=until_s))


def known(house: House, ssh: SshKey, device: Authenticator) -> None:
    """Anna's SSH key and Ben's security key, in the site file."""
    stick = base64.b64encode(device.attested).decode()
    with (house.folder / "site.toml").open("a") as file:
        for name, person, entry in (
            ("desk", "Anna", f'public = "{ssh.line.strip()}"'),
            ("stick", "Ben", f'fido2 = "{stick}"'),
        ):
            file.write(f'\n[key.{name}]\nperson = "{person}"\n{entry}\nmay = ["order"]\n')


async def gives(edge: Edge, envelope: bytes) -> OrderReply:
    return await edge.desk.orders.give(envelope, Carrier.FILE, "", "smith")


def test_a_copied_security_key_lifts_nothing_and_whoever_signs_otherwise_does(
    tmp_path: Path,
) -> None:
    house = ordered_house(tmp_path)
    ssh, device = SshKey(tmp_path), Authenticator(rp_id("house"), count=4)
    known(house, ssh, device)
    keys = house.config().keys

    def by_ssh(envelope: bytes) -> bytes:
        armour = ssh.signs(message_of(envelope), namespace("house"))
        return with_ssh_signature(envelope, armour, keys, "house")[0]

    def by_stick(envelope: bytes, count: int) -> bytes:
        device.count = count - 1
        return with_assertion(envelope, asserted(device, envelope), keys, "house")[0]

    async def first(edge: Edge) -> None:
        locked = await gives(edge, lockdown())
        one_person = await gives(edge, by_ssh(signed_too(lifting(locked.order), ANNA)))
        assert one_person.reason == "1 of 2 people have signed it"
        lifted = by_stick(by_ssh(signed_too(lifting(locked.order), ANNA)), 5)
        reply = await gives(edge, lifted)
        assert reply.accepted, reply
        assert edge.desk.orders.posture().mode is Mode.NORMAL

    async def second(edge: Edge) -> None:
        locked = await gives(edge, lockdown())
        copied = by_stick(signed_too(lifting(locked.order), ANNA), 5)
        reply = await gives(edge, copied)
        assert not reply.accepted
        assert "there seem to be two of the security key" in reply.reason
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN
        true = by_stick(signed_too(lifting(locked.order), ANNA), 6)
        assert (await gives(edge, true)).accepted

    async def run() -> None:
        async with house.line():
            async with running(house) as edge:
                await ready(edge)
                await first(edge)
            async with running(house) as edge:
                await ready(edge)
                await second(edge)

    asyncio.run(run())
