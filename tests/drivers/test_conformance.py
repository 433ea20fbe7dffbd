"""Every driver through every trial of the conformance kit."""

import tomllib
from pathlib import Path

import pytest

from simulators.broker_process import BrokerProcess
from tests.drivers import conformance
from tests.drivers.conformance import TRIALS, Subject, Trial, put
from tests.drivers.mqtt_devices.subject import subject as mqtt_at
from tests.drivers.subjects import SUBJECTS
from tests.tidy.repository import ROOT


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.__name__)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.family)
def test_it_survives(subject: Subject, trial: Trial, tmp_path: Path) -> None:
    put(subject, trial, tmp_path)


@pytest.mark.parametrize(
    "trial",
    [conformance.byte_by_byte, conformance.unplug_at_rest, conformance.stop],
    ids=lambda trial: trial.__name__,
)
def test_devices_at_a_broker_survive(
    trial: Trial, tmp_path: Path, embedded_broker: BrokerProcess
) -> None:
    """The others take their time: `make campaign conformance`."""
    put(mqtt_at(embedded_broker.port), trial, tmp_path)


def test_no_driver_is_left_out() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    there = {subject.family.partition(" ")[0] for subject in SUBJECTS} | {"mqtt"}
    assert set(project["entry-points"]["sentrypost.drivers"]) == there
