"""One engine, and drawn people before it, for all tests of faces."""

import pytest

from drivers.faces.engine import FastEngine
from drivers.faces.enrolment import enrol
from drivers.faces.recognition import Recognition, open_recognition
from simulators.people.views import views
from tests.drivers.faces.scenes import ADA, DRAWN_MOST, Question


@pytest.fixture(scope="session")
def recognition(tmp_path_factory: pytest.TempPathFactory) -> Recognition:
    """The network, converted and held against dlib."""
    return open_recognition(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="session")
def engine(recognition: Recognition) -> FastEngine:
    return FastEngine(recognition)


@pytest.fixture(scope="session")
def question(engine: FastEngine) -> Question:
    """Asks for Ada, who is enrolled."""
    enrolled = enrol(engine, list(views(ADA, 3, seed=1, strength=0.5)), jitter=0)
    assert enrolled.template is not None, enrolled.refusal
    return Question(enrolled.template, DRAWN_MOST)
