"""What a reader's display shows, and what is said of a reader that lacks what it is told to use."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from controller import events as ev
from controller.effects import Sign
from drivers.osdp import messages as osdp
from drivers.osdp.translate import TEXT_COLUMNS
from edge.reader_signs import _LIGHTS, _TEXTS
from simulators.osdp_reader import SimulatedReader
from tests.edge.checks import ready
from tests.edge.house import ADA, BOB, House, running, until

WITHIN_S = 30.0


def with_reader(house: House, name: str, *, lights: int, text_columns: int) -> SimulatedReader:
    former = house.readers[name]
    house.readers[name] = SimulatedReader(
        former.address,
        former.key,
        os.urandom,
        inputs=0,
        outputs=0,
        lights=lights,
        text_columns=text_columns,
    )
    return house.readers[name]


def shown(reader: SimulatedReader) -> list[str]:
    return [
        command.text.decode() for _, command in reader.executed if isinstance(command, osdp.Text)
    ]


def test_every_sign_has_its_word_and_it_has_room() -> None:
    assert set(_TEXTS) == set(_LIGHTS) == set(Sign)
    assert all(1 <= len(text) <= TEXT_COLUMNS and text.isascii() for text in _TEXTS.values())


def test_a_display_shows_the_verdict_and_never_why(tmp_path: Path) -> None:
    house = House(tmp_path)
    reader = with_reader(house, "front-in", lights=1, text_columns=16)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", BOB)
            await until(edge, ev.DecisionMade)
            async with asyncio.timeout(WITHIN_S):
                while not shown(reader):
                    await asyncio.sleep(0.01)
            house.badge("front-in", ADA)
            await until(edge, ev.DecisionMade, 2)
            async with asyncio.timeout(WITHIN_S):
                while len(shown(reader)) < 2:
                    await asyncio.sleep(0.01)

    asyncio.run(run())
    assert shown(reader) == ["Denied", "Go ahead"]


def test_a_reader_without_display_is_told_nothing_and_one_without_light_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path)
    reader = with_reader(house, "front-in", lights=0, text_columns=0)
    caplog.set_level(logging.WARNING)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            for count in (1, 2):
                house.badge("front-in", BOB)
                await until(edge, ev.DecisionMade, count)
                async with asyncio.timeout(WITHIN_S):
                    while len(reader.executed) < count:
                        await asyncio.sleep(0.01)

    asyncio.run(run())
    kinds = {type(command) for _, command in reader.executed}
    assert kinds == {osdp.Buzzer}
    said = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert said == [
        "light of front-in refused a command: the reader lists no light; it shows no verdict"
    ]
