"""A slice of what `make campaign fuzz` looks for: what keeps all that it hears, or never ends."""

from collections.abc import Callable

import pytest

from drivers.ascii_serial.reader import Reader
from drivers.modbus.bus import Bus as ModbusBus
from drivers.mqtt_devices.field import Field
from drivers.osdp.bus import Bus as OsdpBus
from drivers.osdp.frame import FrameDecoder
from tests.alarm import HangError, alarm
from tests.campaigns.fuzz import subjects
from tests.drivers.growth import GROWTH_BYTES_MAX, grown_bytes

WARM_UP, FRAMES = 120, 360
MACHINES: dict[str, type] = {
    "osdp": OsdpBus,
    "modbus": ModbusBus,
    "rdm6300": Reader,
    "mqtt-answers": Field,
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_keeps_nothing_of_what_it_hears(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grown_bytes(subjects()[name].lasting(seed), WARM_UP, FRAMES) <= GROWTH_BYTES_MAX
    _plant_a_leak(monkeypatch, MACHINES[name])
    assert grown_bytes(subjects()[name].lasting(seed), WARM_UP, FRAMES) > GROWTH_BYTES_MAX


def _plant_a_leak(monkeypatch: pytest.MonkeyPatch, machine: type) -> None:
    """It keeps all that it hears, with the time."""
    kept: list[object] = []
    true: Callable[..., None] = machine.receive  # type: ignore[attr-defined]

    def receive(self: object, *heard: object, **more: object) -> None:
        kept.append((*heard, *more.values()))
        true(self, *heard, **more)

    monkeypatch.setattr(machine, "receive", receive)


def test_a_loop_without_an_end_is_ended_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrameDecoder, "skip_start", lambda self: None)
    named = r"here: no end .*_search_behind_noise.*; with .*=[0-9a-f]"
    with pytest.raises(HangError, match=named), alarm(0.2, "here"):
        subjects()["osdp"].target(1, 10_000_000)
