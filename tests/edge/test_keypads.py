"""Keys in any grouping, the time between two of them, and that nobody sees a digit."""

import asyncio
import logging
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import events as ev
from controller.effects import AskPin
from controller.ids import AttemptId, EffectId, HolderId, QuestionId, ReaderId
from edge.keypads import BETWEEN_KEYS_NS, DIGITS_MAX, Keypads, Typed
from tests.edge.house import ADA, House, running, until

READER = ReaderId("vault-in")
SECOND_NS = 1_000_000_000
MISTYPED = "9081726354"


def listening() -> Keypads:
    keypads = Keypads()
    keypads.ask(
        AskPin(
            id=EffectId("1.0"),
            cause=1,
            drill=False,
            not_after_us=None,
            question=QuestionId("q"),
            attempt=AttemptId("a"),
            reader=READER,
            holder=HolderId("h"),
        )
    )
    return keypads


def typed(keypads: Keypads, *presses: tuple[str, float]) -> str | None:
    """What comes of keys pressed at these seconds: the first PIN, if any."""
    for keys, at_s in presses:
        found = keypads.press(READER, keys, int(at_s * SECOND_NS))
        if found is not None:
            return found.pin
    return None


@given(st.text("0123456789", min_size=1, max_size=DIGITS_MAX), st.randoms(use_true_random=False))
def test_any_grouping_means_the_same_pin(pin: str, source: random.Random) -> None:
    keypads, keys, at_s = listening(), pin + "#", 0.0
    found = None
    while keys:
        size = source.randint(1, len(keys))
        at_s += source.uniform(0, 5)
        found = keypads.press(READER, keys[:size], int(at_s * SECOND_NS))
        keys = keys[size:]
    assert found is not None
    assert found.pin == pin


def test_the_limit_between_two_keys() -> None:
    assert BETWEEN_KEYS_NS == 5 * SECOND_NS
    assert typed(listening(), ("12", 1), ("34#", 6)) == "1234"
    assert typed(listening(), ("12", 1), ("34#", 6.001)) == "34"
    assert typed(listening(), ("1", 1), ("2", 5), ("3", 9), ("4", 13), ("#", 17)) == "1234"


def test_what_ran_out_of_time_is_no_wrong_pin() -> None:
    keypads = listening()
    assert typed(keypads, ("1234", 1), ("#", 7)) is None
    assert typed(keypads, ("1234#", 8)) == "1234", "the question is still open"


def test_star_begins_anew() -> None:
    assert typed(listening(), ("99*12", 1), ("34#", 2)) == "1234"
    assert typed(listening(), ("1234*#", 1)) is None


def test_too_many_digits_are_a_wrong_pin_and_no_memory() -> None:
    found = typed(listening(), ("1" * 500 + "#", 1))
    assert found == "1" * (DIGITS_MAX + 1)


def test_keys_that_nobody_asked_for_are_dropped() -> None:
    keypads = Keypads()
    assert typed(keypads, ("1234#", 1)) is None
    keypads = listening()
    keypads.forget(READER)
    assert typed(keypads, ("1234#", 1)) is None
    keypads = listening()
    assert keypads.press(ReaderId("front-in"), "1234#", 1) is None


def test_no_digit_shows_in_what_people_may_print() -> None:
    keypads = listening()
    keypads.press(READER, "4711", 1)
    found = keypads.press(READER, "#", 2)
    assert isinstance(found, Typed)
    for shown in (repr(found), str(found), repr(listening()._open), repr(vars(keypads))):
        assert "4711" not in shown


def test_digits_are_nowhere_afterwards(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in a log, nor in the journal or any other file of the edge, also after errors."""
    house = House(tmp_path)
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        async with house.line() as line, running(house) as edge:
            await until(edge, ev.EdgeReady)
            heard = []
            line_name = next(iter(edge.daemon.drivers))
            edge.daemon.drivers[line_name].watch(heard.append)
            house.readers["vault-in"].press_keys(MISTYPED + "#")  # nobody asked
            house.badge("vault-in", ADA)
            await until(edge, ev.FactorAsked)
            house.readers["vault-in"].press_keys(MISTYPED + "#")
            await until(edge, ev.DecisionMade)
            house.badge("vault-in", ADA)
            await until(edge, ev.FactorAsked, 2)
            line.damage_next = 2
            house.readers["vault-in"].press_keys(MISTYPED)
            async with asyncio.timeout(30):
                while sum("KEYPAD" in one.text for one in heard) < 3:
                    await asyncio.sleep(0.01)
            line.unplug()
            await until(edge, ev.AttemptAbandoned)
            assert len(heard) > 10
            assert not [one for one in heard if MISTYPED in one.text]
            assert not [one for one in heard if MISTYPED.encode() in one.frame]

    asyncio.run(run())
    assert MISTYPED not in caplog.text
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(kept) > 3
    for path in kept:
        assert MISTYPED.encode() not in path.read_bytes(), path
