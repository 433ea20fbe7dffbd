"""What the programs of a virtual site say to their logs would bury what a test says."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_commentary() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
