"""Who puts a policy in force, where the one in force says how many people with which roles."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge import policy_bundle
from edge.assembly import Edge
from edge.commands.check import about_signers, check
from edge.commands.policy_live import show
from edge.policy_store import FOLDER
from edge.signatures import SigningKey, public_text
from tests.edge.checks import ready
from tests.edge.house import POLICY, House, running
from tests.edge.signed import ANNA, BEN, CARL, bundle, digest_of, key, version

WHO = "smith"
DORA = key(6)
KEYS = (
    ("anna", "Anna", ANNA, "1"),
    ("ben", "Ben", BEN, "2"),
    ("carl", "Carl", CARL, "3"),
    ("dora", "Dora", DORA, ""),
)
"""Anna, Ben and Carl are on file under these ids; nobody knows who Dora is there."""

STAFF_SIGN = "\n[order.policy]\nroles = ['staff']\n"
CHIEFS = "\n[role.chief]\n[order.policy]\nroles = ['chief']\n"
STAFF = b"id,name,roles\n1,Ada L,staff\n2,Bob M,staff\n3,Cy N,staff\n"


def ruled(number: int, people: int, text: str = CHIEFS) -> str:
    return version(number, POLICY + text + f"people = {people}\n")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return ruled_house(tmp_path, ruled(1, 2))


def ruled_house(folder: Path, policy: str) -> House:
    house = House(folder)
    (folder / "policy.toml").write_text(policy)
    with (folder / "site.toml").open("a") as file:
        for name, person, one, holder in KEYS:
            public = json.dumps(public_text(one.public))
            file.write(f'\n[key.{name}]\nperson = "{person}"\npublic = {public}\n')
            file.write('may = ["policy"]\n' + (f'holder = "{holder}"\n' if holder else ""))
    return house


class Loads:
    """Policies that are offered to one edge."""

    def __init__(self, house: House, edge: Edge) -> None:
        self.edge = edge
        self._folder = house.folder / "state" / FOLDER

    async def refused(self, text: str, *keys: SigningKey) -> str:
        """Why."""
        before = self.edge.daemon.site.policy
        reply = await self.edge.desk.load_policy(bundle(text, *keys), WHO)
        assert (reply.applied, reply.digest) == (False, before.digest)
        assert reply.remedy
        assert self.edge.daemon.site.policy is before
        kept = {path.stem for path in self._folder.iterdir()}
        assert digest_of(text) not in kept, "what is refused serves no later start"
        return reply.reason

    async def taken(self, text: str, *keys: SigningKey) -> None:
        reply = await self.edge.desk.load_policy(bundle(text, *keys), WHO)
        assert reply.applied, reply


def scene(house: House, what: Callable[[Loads], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(Loads(house, edge))

    asyncio.run(run())


async def enrol(edge: Edge, csv: bytes) -> None:
    reply = await edge.desk.import_people(csv, WHO, False)
    assert reply.applied, reply


def test_as_many_sign_as_the_policy_in_force_says(tmp_path: Path) -> None:
    house = ruled_house(tmp_path, ruled(1, 3, STAFF_SIGN))

    async def what(loads: Loads) -> None:
        await enrol(loads.edge, STAFF)
        assert "2 of 3 people" in await loads.refused(version(2), ANNA, BEN)
        await loads.taken(version(2), ANNA, BEN, CARL)
        await loads.taken(ruled(3, 5, STAFF_SIGN), ANNA, BEN)  # its own rule is not in force yet
        assert "2 of 5 people" in await loads.refused(version(4), ANNA, BEN)
        assert (await loads.edge.desk.return_policy(WHO)).applied, "a return needs no signature"
        await loads.taken(version(4), ANNA, BEN)

    scene(house, what)


def test_who_signs_is_on_file_with_one_of_its_roles_and_in_good_standing(house: House) -> None:
    async def what(loads: Loads) -> None:
        await enrol(loads.edge, STAFF)
        assert await loads.refused(version(2), ANNA, BEN) == (
            "0 of 2 people have signed it who may by the policy (chief)"
        )
        await enrol(loads.edge, b"id,roles\n1,staff chief\n2,chief\n")
        assert "1 of 2 people" in await loads.refused(version(2), ANNA, CARL)
        assert "1 of 2 people" in await loads.refused(version(2), ANNA, DORA), "nobody knows her"
        await enrol(loads.edge, b"id,status\n2,suspended\n")
        assert "1 of 2 people" in await loads.refused(version(2), ANNA, BEN)
        await enrol(loads.edge, b"id,status\n2,active\n")
        await loads.taken(version(2), ANNA, BEN)

    scene(house, what)


def test_two_names_for_one_person_on_file_are_one_person(house: House) -> None:
    site = house.folder / "site.toml"
    site.write_text(site.read_text().replace('holder = "2"', 'holder = "1"'))

    async def what(loads: Loads) -> None:
        await enrol(loads.edge, b"id,roles\n1,chief\n")
        assert "1 of 2 people" in await loads.refused(version(2), ANNA, BEN)

    scene(house, what)


def test_people_who_change_while_it_is_proven_count_as_they_are_then(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving, go_on = threading.Event(), threading.Event()
    honest = policy_bundle.refusals

    def slow(*asked: object) -> object:
        proving.set()
        assert go_on.wait(20)
        return honest(*asked)  # type: ignore[arg-type]

    async def what(loads: Loads) -> None:
        await enrol(loads.edge, b"id,roles\n1,chief\n2,chief\n")
        monkeypatch.setattr(policy_bundle, "refusals", slow)
        loading = asyncio.create_task(loads.refused(version(2), ANNA, BEN))
        await asyncio.to_thread(proving.wait, 20)
        await enrol(loads.edge, b"id,status\n2,suspended\n")
        go_on.set()
        assert "1 of 2 people" in await loading

    scene(house, what)


def test_what_a_policy_asks_of_its_signers_is_said_before(tmp_path: Path) -> None:
    house = ruled_house(tmp_path, ruled(1, 5))
    site = ("--config", str(house.folder / "site.toml"))
    said = CliRunner().invoke(check, site).output
    assert (
        "policies are signed by five of: Anna, Ben, Carl, Dora, each on file with one of the "
        "roles: chief\n"
    ) in said
    assert "no policy can be loaded: fewer people have a key" in said
    assert "key.dora counts for nothing there" in said
    assert "key.anna" not in said
    file = tmp_path / "new.policy"
    file.write_bytes(bundle(version(2), ANNA, BEN))
    assert "2 of 5 people: Anna, Ben" in CliRunner().invoke(show, [str(file), *site]).output

    async def what(loads: Loads) -> None:
        status = await loads.edge.desk.policy_status()
        assert (status.needs, status.roles) == (5, ("chief",))
        assert "signed by five of" in next(about_signers(status.signers, 5, status.roles))

    scene(house, what)
