"""What every test may ask for."""

import gc
import os
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
from hypothesis import settings

from simulators.broker_process import BrokerProcess, reserved_port
from tests.postgres import PostgresServer
from tests.servers import make_broker, require
from tests.shares import Shares, turn

# How long one example takes is the machine's affair; where a time matters a test measures it.
settings.register_profile("sentrypost", deadline=None)
settings.load_profile("sentrypost")

# One seed for the run: `SENTRYPOST_SEED=7 make test` repeats a run that failed. It stays in the
# environment, where pytest's workers find it: they collect the same tests and draw the same seeds.
SEED = int(os.environ.get("SENTRYPOST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["SENTRYPOST_SEED"] = str(SEED)

# Hundreds of programs are started from here, and every worker reads every test: each would compile
# all of its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_report_header() -> str:
    """The seed stands at the top of every run."""
    return f"SENTRYPOST_SEED={SEED}"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Of a run of everything each worker compiles its share of the tests first, and finds those of
    the others compiled: to write them out for `assert` is most of what collecting takes.
    """
    worker, workers = (os.environ.get(f"PYTEST_XDIST_WORKER{of}") for of in ("", "_COUNT"))
    root = session.config.rootpath
    if not worker or not workers or session.config.args != session.config.getini("testpaths"):
        return
    files = sorted((root / "tests").rglob("test_*.py"))
    for file in files[int(worker.removeprefix("gw")) :: int(workers)]:
        # What cannot be imported is told where it is collected.
        with suppress(Exception):
            import_module(".".join(file.relative_to(root).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By turns; and of a folder of pages first those that need no browser: while one is there, its
    thread has an event loop, and no other test's.
    """
    items.sort(key=lambda item: (turn(item.nodeid), "browser" in getattr(item, "fixturenames", ())))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares | None:
    """For `make test`; whoever asks for another way to share tests gets it."""
    return Shares(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """What was collected stays until the end: looking for garbage in it again and again would take
    a quarter of the time of a virtual day.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The run's seed, and another one for each test; printed when the test fails."""
    own = random.Random(f"{SEED}/{request.node.nodeid}").randrange(2**32)
    print(f"seed {own} (SENTRYPOST_SEED={SEED})")  # noqa: T201  # shown with a failure
    return own


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which nobody listens unless the test does."""
    with reserved_port() as held:
        yield held.getsockname()[1]


@pytest.fixture
def mosquitto() -> Iterator[BrokerProcess]:
    """A Mosquitto of its own for this test."""
    require("mosquitto")
    with make_broker("mosquitto") as broker:
        yield broker


@pytest.fixture
def embedded_broker() -> Iterator[BrokerProcess]:
    """An embedded broker of its own for this test."""
    with make_broker("embedded") as broker:
        yield broker


@pytest.fixture(params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest) -> Iterator[BrokerProcess]:
    """Each kind of broker in turn: what holds on one must hold on the other."""
    with make_broker(request.param) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests of this process that do not stop it."""
    with PostgresServer() as server:
        yield server
