"""What a site file may say of Modbus lines."""

import msgspec
import pytest

from drivers.family import DeviceSpec, LineSpec, Timer
from drivers.modbus.family import ModbusDevice, ModbusLine, build, family

GOOD = {"line": "io", "address": 1, "inputs": 8, "outputs": 8, "flash": True}


def line(*devices: dict[str, object], **options: object) -> LineSpec:
    said = {"driver": "modbus", "port": "/dev/ttyUSB0"} | options
    return LineSpec(
        name="io",
        options=msgspec.convert(said, ModbusLine),
        devices=tuple(
            DeviceSpec(name=f"d{place}", options=msgspec.convert(device, ModbusDevice))
            for place, device in enumerate(devices)
        ),
    )


def test_a_line_is_made_as_described() -> None:
    driver = build(line(GOOD, GOOD | {"address": 2}))
    assert driver.devices == ("d0", "d1")


@pytest.mark.parametrize(
    ("device", "problem"),
    [
        ({"address": 0}, "device d0: address must be 1..247"),
        ({"address": 248}, "device d0: address must be 1..247"),
        ({"inputs": 65}, "device d0: 0..64 inputs"),
        ({"inputs": 0, "outputs": 0}, "device d0: say how many"),
        ({"keypad": True}, "device d0: a relay module reads no badge"),
        ({"badge-format": "h10301"}, "device d0: a relay module reads no badge"),
    ],
)
def test_a_device_that_cannot_be_is_refused(device: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        build(line(GOOD | device))


@pytest.mark.parametrize(
    ("options", "count", "problem"),
    [
        ({"baud": 1234}, 1, "baud must be one of"),
        ({"poll-ms": 5}, 1, "poll-ms must be 10..500"),
        ({"baud": 9600}, 5, "5 modules at 9600 baud, 1 to 4 fit"),
        ({"baud": 115200}, 9, "9 modules at 115200 baud, 1 to 8 fit"),
        ({}, 0, "0 modules"),
    ],
)
def test_a_line_that_cannot_be_is_refused(
    options: dict[str, object], count: int, problem: str
) -> None:
    devices = [GOOD | {"address": place + 1} for place in range(count)]
    with pytest.raises(ValueError, match=problem):
        build(line(*devices, **options))


def test_two_modules_do_not_share_an_address() -> None:
    with pytest.raises(ValueError, match="same address"):
        build(line(GOOD, GOOD))


def test_a_lock_may_hang_on_a_module_with_its_own_timer_alone() -> None:
    with_timer = msgspec.convert(GOOD, ModbusDevice)
    without = msgspec.convert(GOOD | {"flash": False}, ModbusDevice)
    assert family.timer(with_timer) == Timer(100, 3_276_700)
    assert family.timer(without) is None
