"""The wall from one end to the other: `sentrypost central run`, a broker, a whole edge."""

import asyncio
import json
from pathlib import Path

from central.operator_words import OperatorRight
from central.wall_messages import (
    AcknowledgeAt,
    AlarmAcknowledged,
    AskWall,
    EntriesTold,
    FollowEntries,
    FollowWall,
    WallAbout,
    WallAlarms,
    WallEdges,
)
from controller import events as ev
from controller.alarm import State
from controller.events_alarms import AlarmAcknowledged as Acknowledged
from edge.control.client import Client
from edge.signatures import public_text
from edge.signing_keys import make_signing_key
from edge.wire import SetOutcome
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.central.walled import asked, by_link, operator, told, wall
from tests.edge.checks import ready
from tests.edge.house import FRONT_CONTACT, House, running, until
from tests.edge.test_muster_wire import at

REASON = "the courier, Mr Brown"
RIGHTS = (OperatorRight.WATCH, OperatorRight.ALARMS)


def watched(mosquitto: BrokerProcess, folder: Path) -> House:
    """A house whose edge believes central's key that somebody has seen an alarm."""
    house = at(mosquitto, folder)
    made = make_signing_key(folder / "wall.key")
    with (folder / "site.toml").open("a") as file:
        public = json.dumps(public_text(made.public))
        file.write(f'\n[key.wall]\nperson = "the wall"\npublic = {public}\nmay = ["alarm"]\n')
    return house


def test_an_operator_signs_in_by_a_link_sees_an_alarm_and_acknowledges_it_in_his_name(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    house, state = watched(mosquitto, tmp_path), tmp_path / "archive.state"
    options = ("--alarm-key", str(tmp_path / "wall.key"), "--json")
    address = "https://gate.example/"
    central = CentralProcess(
        mosquitto.port, tmp_path / "archive.db", *options, "--pages", f"house/gate={address}"
    )

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            code = await operator(state, "olga", *RIGHTS)
            session = await by_link(state, code)
            assert session.session is not None, session.reason
            assert session.session.rights == ("alarms", "watch")
            assert (await by_link(state, code)).session is None, "a link counts once"
            async with wall(state, session.token) as page, wall(state, session.token) as other:
                stream = page.follow(FollowWall())
                first = await told(stream, WallEdges, lambda one: bool(one.edges) and one.final)
                (row,) = first.edges
                assert (row.site, row.edge, row.connected) == ("house", "gate", True)
                assert row.pages == "https://gate.example"
                house.board.set_input(FRONT_CONTACT, True)
                await until(edge, ev.PortalForced)
                shown = await told(stream, WallAlarms, lambda one: bool(one.alarms))
                (alarm,) = shown.alarms
                assert (alarm.connected, alarm.alarm.kind) == (True, "portal-forced")
                ask = AcknowledgeAt(
                    site="house",
                    edge="gate",
                    alarm=alarm.alarm.alarm,
                    last=alarm.alarm.last,
                    reason=REASON,
                )
                done = await other.ask(ask, AlarmAcknowledged)
                assert done.outcome is SetOutcome.APPLIED, done.reason
                seen = await told(
                    stream,
                    WallAlarms,
                    lambda one: any(a.alarm.acknowledged_us is not None for a in one.alarms),
                )
                assert seen.alarms[0].alarm.state is State.ACKNOWLEDGED
                about = await other.ask(AskWall(), WallAbout)
                assert about.key == public_text(make_public(tmp_path))
                again = await other.ask(ask, AlarmAcknowledged)
                assert again.outcome is SetOutcome.REFUSED, "it is acknowledged already"
            await until(edge, Acknowledged)
            said = await asyncio.to_thread(_operators, house)
            assert "Olga Ortiz (olga), by the wall, over the wire" in said
            await names_are_kept_back(state, session.token)
        log = await asked(state, lambda c: c.operator_log(1))
        text = "\n".join(line.text for line in log.lines)
        assert f"olga has seen alarm house/gate#{ask.alarm} as entry" in text
        assert REASON in text
        assert "seen by olga: the edge says: applied" in text
        assert log.sound

    try:
        asyncio.run(run())
    finally:
        assert central.stop() == 0, central.output


async def names_are_kept_back(state: Path, token: str) -> None:
    async with wall(state, token) as page:
        stream = page.follow(FollowEntries(kinds=("alarm-acknowledged",)))
        found = await told(stream, EntriesTold, lambda one: bool(one.entries))
        assert found.entries[0].personal == (), "no right to names"
        assert "Olga" not in found.entries[0].text


def make_public(folder: Path) -> bytes:
    from edge.signing_keys import load_signing_key

    return load_signing_key(folder / "wall.key", lambda _="": "").public


def _operators(house: House) -> set[str]:
    with Client(house.folder / "state") as client:
        return {
            value.value
            for one in client.entries(1)
            for value in one.personal
            if value.field == "operator"
        }
