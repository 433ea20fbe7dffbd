"""Commentary that nobody reads holds up nobody."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from drivers.mqtt_connection import InboundDropped, LinkUp
from edge.logs import Commentary
from edge.reports import EVERY_S, Reports
from edge.uplink_reports import AckIgnored

ROOM = 100


@contextmanager
def told(room: int = ROOM) -> Iterator[tuple[logging.Logger, Commentary, int]]:
    """A logger of its own whose lines go into a pipe."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    commentary = Commentary(writing, room)
    commentary.start()
    logger = logging.Logger("told", logging.INFO)
    logger.addHandler(commentary.handler)
    try:
        yield logger, commentary, reading
    finally:
        os.close(reading)  # whoever still writes is told that nobody reads
        commentary.finish()
        os.close(writing)


def lines(reading: int, until: str, within_s: float = 30.0) -> list[dict[str, Any]]:
    """What can be read until a line has these words."""
    data, end = b"", time.monotonic() + within_s
    while until.encode() not in data or not data.endswith(b"\n"):
        assert time.monotonic() < end, data[-500:]
        try:
            data += os.read(reading, 1 << 16)
        except BlockingIOError:
            time.sleep(0.01)
    return [json.loads(line) for line in data.splitlines()]


def test_lines_come_in_order_with_their_trace() -> None:
    with told() as (logger, commentary, reading):
        logger.info("a %s", "grüß")
        try:
            raise ZeroDivisionError("planted")
        except ZeroDivisionError:
            logger.exception("b")
        assert commentary.finish()
        first, second = lines(reading, "planted")
        assert (first["level"], first["from"], first["message"]) == ("info", "told", "a grüß")
        assert second["message"] == "b"
        assert "Traceback" in second["trace"]


@pytest.mark.parametrize("blocking", [True, False])
def test_when_nobody_reads_nobody_waits_and_what_was_dropped_is_counted(blocking: bool) -> None:
    with told() as (logger, commentary, reading):
        os.set_blocking(commentary.handlers[0]._descriptor, blocking)
        began = time.monotonic()
        for number in range(5_000):
            logger.warning("%d %s", number, "x" * 2_000)
        assert time.monotonic() - began < 2
        said, counts = 0, 0
        while said + counts < 5_000:
            for line in lines(reading, "\n"):
                count, *rest = line["message"].split(" ", 1)
                counts, said = (
                    (counts + int(count), said)
                    if rest[0].startswith("lines were dropped here")
                    else (counts, said + 1)
                )
        assert counts > 5_000 / 2
        assert said + counts == 5_000
        logger.info("again")
        assert lines(reading, "again")[-1]["message"] == "again"


def test_the_end_waits_for_no_reader_longer_than_its_limit() -> None:
    with told() as (logger, commentary, _):
        for _ in range(5_000):
            logger.warning("x" * 2_000)
        began = time.monotonic()
        assert not commentary.finish(0.2)
        assert time.monotonic() - began < 1


def test_of_a_flood_of_reports_one_in_ten_seconds_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = 0.0
    reports = Reports(lambda: now_s)
    caplog.set_level(logging.INFO)
    for _ in range(500):
        reports.tell(AckIgnored(reason="junk"))
        reports.tell(InboundDropped(dropped=7))
    assert len(caplog.records) == 2
    now_s = EVERY_S
    reports.tell(AckIgnored(reason="junk"))
    assert "(499 more since the last line)" in caplog.records[-1].getMessage()


def test_good_news_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Reports(lambda: 0.0).tell(LinkUp(broker="here", number=1))
    assert caplog.records[-1].levelno == logging.INFO
