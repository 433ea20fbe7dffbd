"""Sensors and barriers as simulated: what they say, and what their faults make of it."""

import asyncio
from pathlib import Path

import pytest

from controller.events_points import PointAlarmed, PointFaulted, PointSettled
from policies.points import PointKind
from simulators.boom import DRIVE_S, TRAVEL_S, Boom
from simulators.scenario import ScenarioError, load_scenario
from simulators.sensor import CUT, PULSE_S, SHORTED, Fault, Sensor
from simulators.world import World
from tests.edge.compound import Compound
from tests.edge.house import bodies, running, until


class Heard:
    """What a board's two inputs read last."""

    def __init__(self, kind: str = "", *, inverted: bool = False) -> None:
        self.line = self.mask = -1
        self.sensor = Sensor(self._line, kind=kind, inverted=inverted, on_mask=self._mask)

    def _line(self, says: int) -> None:
        self.line = says

    def _mask(self, says: int) -> None:
        self.mask = says


@pytest.mark.parametrize("kind", PointKind)
@pytest.mark.parametrize("inverted", [False, True])
def test_every_kind_sees_and_lets_go(kind: PointKind, inverted: bool) -> None:
    heard = Heard(kind, inverted=inverted)
    assert heard.line == int(inverted)
    heard.sensor.trip(0.0)
    assert heard.line == int(not inverted)
    pulse_s = PULSE_S.get(kind)
    heard.sensor.elapse(100.0)
    assert heard.line == (int(not inverted) if pulse_s is None else int(inverted))
    heard.sensor.rest()
    assert heard.line == int(inverted)


@pytest.mark.parametrize("kind", PointKind)
def test_a_cut_and_a_short_hide_whatever_happens(kind: PointKind) -> None:
    heard = Heard(kind)
    for fault, says in ((Fault.CUT, CUT), (Fault.SHORTED, SHORTED)):
        heard.sensor.fail(fault)
        heard.sensor.trip(0.0)
        assert heard.line == says
    heard.sensor.mend()
    heard.sensor.rest()
    assert heard.line == 0


@pytest.mark.parametrize("active", [False, True])
def test_one_that_is_stuck_stays_as_it_is(active: bool) -> None:
    heard = Heard("beam")
    if active:
        heard.sensor.trip(0.0)
    heard.sensor.fail(Fault.STUCK)
    heard.sensor.trip(1.0)
    heard.sensor.rest() if active else heard.sensor.trip(2.0)
    assert heard.line == int(active)


def test_one_that_is_masked_sees_nothing_and_tells() -> None:
    heard = Heard("pir")
    heard.sensor.mask()
    heard.sensor.trip(0.0)
    assert (heard.line, heard.mask) == (0, 1)
    heard.sensor.mend()
    heard.sensor.trip(0.0)
    assert (heard.line, heard.mask) == (1, 0)


def boom() -> tuple[Boom, dict[str, bool]]:
    seen: dict[str, bool] = {}
    made = Boom(
        "drive",
        on_contact=lambda on: seen.update(contact=on),
        on_loop=lambda on: seen.update(loop=on),
        on_up=lambda on: seen.update(up=on),
    )
    return made, seen


def test_a_barrier_travels_between_its_limits_and_a_car_drives_when_it_is_up() -> None:
    made, seen = boom()
    assert not made.push(0.0), "it is down"
    made.energise(True, 0.0)
    assert made.push(0.1)
    made.elapse(TRAVEL_S / 2)
    assert (seen["contact"], seen["up"], seen["loop"]) == (True, False, False)
    made.elapse(TRAVEL_S)
    assert (seen["up"], seen["loop"]) == (True, True)
    made.elapse(TRAVEL_S + DRIVE_S)
    assert not seen["loop"]
    made.lower(True, 10.0)
    made.elapse(10.0 + TRAVEL_S)
    assert (seen["contact"], made.struck) == (False, 0)


def test_a_barrier_that_is_told_so_comes_down_on_a_car_and_counts_it() -> None:
    made, _ = boom()
    made.energise(True, 0.0)
    made.elapse(TRAVEL_S)
    made.park(True)
    made.lower(True, 2.0)
    made.elapse(2.0 + TRAVEL_S)
    assert made.struck == 1


SCENARIO = """
[person]
[[mishap]]
at-s = 1.5
what = "trip"
where = "point.fence"
[[mishap]]
at-s = 2.5
what = "cut"
where = "point.fence"
"""


def test_a_scenario_trips_a_sensor_and_cuts_its_cable(tmp_path: Path) -> None:
    compound = Compound(tmp_path)
    file = tmp_path / "scenario.toml"
    file.write_text(SCENARIO)
    ports = asyncio.Event()
    world = World(compound.config(), load_scenario(file), lambda _: None, ports.set)

    async def run() -> None:
        hardware = asyncio.create_task(world.run())
        await ports.wait()
        async with running(compound) as edge:
            await until(edge, PointAlarmed)
            await until(edge, PointFaulted)
            assert len(await bodies(edge, PointSettled)) == 3
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)

    asyncio.run(run())


def test_a_sensor_that_there_is_not_is_refused(tmp_path: Path) -> None:
    compound = Compound(tmp_path)
    file = tmp_path / "scenario.toml"
    file.write_text(SCENARIO.replace("point.fence", "point.moat"))
    with pytest.raises(ScenarioError, match=r"no simulated sensor 'point\.moat'"):
        World(compound.config(), load_scenario(file), lambda _: None, lambda: None)
