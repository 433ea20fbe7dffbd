"""Every driver through every trial of the conformance kit."""

from pathlib import Path

import pytest

from tests.drivers.ascii.subject import SUBJECTS as ASCII
from tests.drivers.conformance import TRIALS, Subject, Trial, put
from tests.drivers.lcus.subject import SUBJECTS as LCUS
from tests.drivers.modbus.subject import SUBJECT as MODBUS
from tests.drivers.osdp.subject import SUBJECT as OSDP

SUBJECTS = (OSDP, MODBUS, *LCUS, *ASCII)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.__name__)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.family)
def test_it_survives(subject: Subject, trial: Trial, tmp_path: Path) -> None:
    put(subject, trial, tmp_path)
