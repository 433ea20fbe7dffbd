"""Every driver through every trial of the conformance kit, with other noise; arguments: [ROUNDS].

Devices at a broker take part as well, at both kinds of brokers and in real time: once in all.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.campaigns import Result
from tests.drivers.conformance import TRIALS, Subject, Trial, put
from tests.drivers.mqtt_devices.subject import subject as mqtt_at
from tests.drivers.subjects import SUBJECTS
from tests.servers import make_broker

ROUNDS = 20
BROKERS = ("mosquitto", "embedded")


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says; each round has a seed of its own."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    wrong, count = 0, 0
    for name, found in _results(seed, rounds):
        count += 1
        if found:
            wrong += 1
            sys.stdout.write(f"{name}: {found}\n")
    drivers = len(SUBJECTS) + len(BROKERS)
    return Result(not wrong, f"{count} trials of {drivers} drivers and peers, {wrong} failed")


def _results(seed: int, rounds: int) -> Iterator[tuple[str, str]]:
    for number in range(rounds):
        for subject in SUBJECTS:
            for trial in TRIALS:
                yield _put(msgspec.structs.replace(subject, seed=seed + number), trial)
    for kind in BROKERS:
        for trial in TRIALS:
            with make_broker(kind) as broker:
                yield _put(msgspec.structs.replace(mqtt_at(broker.port), seed=seed), trial)


def _put(subject: Subject, trial: Trial) -> tuple[str, str]:
    name = f"{subject.family}, {trial.__name__}, seed {subject.seed}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            put(subject, trial, Path(folder))
        except (AssertionError, TimeoutError) as error:
            return name, repr(error)
    return name, ""
