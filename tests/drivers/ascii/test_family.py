"""What a site file may say of these readers, and what is told where it may not."""

from collections.abc import Sequence

import pytest

from drivers.ascii_serial.family import id12, rdm6300, scanner
from drivers.family import DeviceOptions, DeviceSpec, Family, LineSpec, SerialLine

FAMILIES = {"rdm6300": rdm6300, "id12": id12, "scanner": scanner}


def device(name: str = "r1", **options: object) -> DeviceSpec:
    return DeviceSpec(name=name, options=DeviceOptions(line="desk", **options))  # type: ignore[arg-type]


def line(driver: str, *devices: DeviceSpec, baud: int = 9600) -> LineSpec:
    options = SerialLine(driver=driver, port="/dev/serial/by-id/r1", baud=baud)
    return LineSpec(name="desk", options=options, devices=devices)


def problems(family: Family, spec: LineSpec) -> Sequence[str]:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- all of its messages are looked at
        family.build(spec)
    return caught.value.args


@pytest.mark.parametrize("driver", FAMILIES)
def test_one_reader_on_a_line_of_its_own(driver: str) -> None:
    family = FAMILIES[driver]
    assert family.build(line(driver, device())).devices == ("r1",)
    assert family.timer(device().options) is None, "no lock hangs on it"
    for devices in ((), (device("r1"), device("r2"))):
        [problem] = problems(family, line(driver, *devices))
        assert f"not {len(devices)}" in problem


@pytest.mark.parametrize("driver", FAMILIES)
def test_what_a_reader_has_not_is_told_at_the_device(driver: str) -> None:
    spec = line(driver, device(inputs=1, keypad=True))
    for problem in problems(FAMILIES[driver], spec):
        assert problem.startswith("device r1: a reader of the kind '")
    assert len(problems(FAMILIES[driver], spec)) == 2
    [problem] = problems(FAMILIES[driver], line(driver, device(outputs=1)))
    assert "no inputs and no outputs" in problem


def test_a_scanner_has_any_usual_speed_and_no_badge_format() -> None:
    for baud in (1200, 9600, 115200):
        scanner.build(line("scanner", device(), baud=baud))
    [problem] = problems(scanner, line("scanner", device(), baud=12345))
    assert problem.startswith("baud must be one of 1200, ")
    [problem] = problems(scanner, line("scanner", device(badge_format="h10301")))
    assert "codes" in problem
    rdm6300.build(line("rdm6300", device(badge_format="h10301")))
