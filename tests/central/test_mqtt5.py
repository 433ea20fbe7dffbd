"""An edge and central do over MQTT 5 what they do over 3.1.1, also where the other one does not."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from central.archive_sqlite import SqliteArchive
from controller.events import decode_entry
from edge.control.client import Client
from simulators.broker_process import BrokerProcess
from tests.central.fleet import PATIENCE_S, SITE, Fleet
from tests.servers import require

NEW, OLD = "annex", "gate"
"""The edge that speaks MQTT 5, and the one that speaks 3.1.1."""

VERSIONS = {"2": "3.1.1", "5": "5"}
"""As Mosquitto's log has them: `(p5, c1, k10)`."""


def spoken(broker: BrokerProcess) -> dict[str, str]:
    """Which version each client speaks, by the broker's own word."""
    found = re.findall(r"New client connected from \S+ as (\S+) \(p(\d),", broker.log)
    return {client: VERSIONS[version] for client, version in found}


@pytest.fixture
def telling() -> Iterator[BrokerProcess]:
    """A Mosquitto that tells of whoever connects."""
    require("mosquitto")
    with BrokerProcess("mosquitto", extra=("log_type notice",)) as broker:
        yield broker


@pytest.mark.parametrize("central", ["5", "3.1.1"])
def test_edges_and_central_of_either_version_lose_double_and_misorder_nothing(
    tmp_path: Path, telling: BrokerProcess, central: str
) -> None:
    fleet = Fleet(tmp_path, telling.port, (NEW, OLD))
    site = fleet.houses[NEW].folder / "site.toml"
    site.write_text(site.read_text().replace("[broker]\n", '[broker]\nmqtt = "5"\n'))
    names = (NEW, OLD)

    async def run() -> None:
        async with fleet.running(*names):
            with fleet.central("--mqtt", central):
                await fleet.known(*names)
                assert await fleet.opens(*names) == dict.fromkeys(names, True)
                said = await fleet.distribute(fleet.revocation())
                assert (said.have, said.edges) == (2, 2)
                telling.kill()
                assert await fleet.opens(*names) == dict.fromkeys(names, False), (
                    "without it as well"
                )
            telling.restart()
            with fleet.central("--mqtt", central):
                await fleet.known(*names)
                await fleet.reaches(2, *names)
                versions = spoken(telling)
                assert versions[f"{SITE}.{NEW}"] == "5"
                assert versions[f"{SITE}.{OLD}"] == "3.1.1"
                (own,) = {
                    v for name, v in versions.items() if name.startswith("sentrypost-central")
                }
                assert own == central
                await archived(fleet, *names)
                await fleet.edges[NEW].kill()
                await fleet.known(OLD)  # the broker has said the killed one's last will

    asyncio.run(run())


async def archived(fleet: Fleet, *names: str) -> None:
    """Wait until the archive has what each journal has: every entry once, in its order."""
    async with asyncio.timeout(PATIENCE_S):
        for name in names:
            while not await asyncio.to_thread(holds_all, fleet, name):
                await asyncio.sleep(0.1)


def holds_all(fleet: Fleet, name: str) -> bool:
    """Whether nothing lacks; what is there must be the journal's."""
    with Client(fleet.houses[name].folder / "state") as client:
        held = [entry.entry.encode() for entry in client.entries(1)]
    incarnation = decode_entry(held[0]).incarnation
    with closing(SqliteArchive(fleet.archive)) as archive:
        kept = [row.data for row in archive.entries(SITE, name, incarnation)]
    assert kept[: len(held)] == held[: len(kept)]
    return len(kept) >= len(held)
