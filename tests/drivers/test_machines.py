"""What holds of every driver's machine: time, ports and chance come from outside."""

import re
from pathlib import Path

import pytest

import drivers

ROOT = Path(drivers.__file__).parent
SHELLS = {"driver.py", "family.py", "scan.py"}
"""Where a family meets the world, is put together, or looks for devices on a port of its own."""
WORLD = re.compile(
    r"^\s*(?:import|from) (?:time|os|asyncio|random|secrets|threading|socket|logging|serial)\b",
    re.MULTILINE,
)
FAMILIES = ("ascii_serial", "lcus", "modbus", "mqtt_devices", "osdp")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_machine_has_no_clock_no_port_and_no_chance(family: str) -> None:
    sources = [path for path in (ROOT / family).glob("*.py") if path.name not in SHELLS]
    assert len(sources) >= 2
    assert [path.name for path in sources if WORLD.search(path.read_text())] == []


def test_every_family_is_looked_at() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/family.py")}
    assert folders == set(FAMILIES)
