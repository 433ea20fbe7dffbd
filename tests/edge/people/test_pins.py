"""PIN checks: right, wrong, and not known; never late, never too many, never shown."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import argon2
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.ids import AttemptId, HolderId, ReaderId
from controller.inputs import PinOutcome
from edge.duress import Occasion, Sealer, opened
from edge.people import (
    Checked,
    PinChecker,
    PinCost,
    PinHasher,
    PinHashError,
    PinRecord,
    hash_pins,
)
from edge.people.pins import DEADLINE_S, WAITING_MAX, WORKERS
from tests.edge.people.support import CHEAP

ANNA, BERT, NOBODY = HolderId("a" * 16), HolderId("b" * 16), HolderId("f" * 16)
CARL = HolderId("c" * 16)
NOON_US = 1_795_212_000_000_000
PIN, DURESS_PIN = "00429317", "00581317"


ON_FILE = {
    ANNA: PinRecord(holder=ANNA, hash=CHEAP.hash(PIN), duress_hash=CHEAP.hash(DURESS_PIN)),
    CARL: PinRecord(holder=CARL, hash=CHEAP.hash(PIN)),
}


class Held(PinHasher):
    """Ends no check before it is let. `begun`: how many hashes it was asked for."""

    def __init__(self) -> None:
        super().__init__(PinCost(time_cost=1, memory_kib=64))
        self.begun = 0
        self.let = threading.Event()

    def verify(self, stored: str, pin: str) -> bool:
        self.begun += 1
        assert self.let.wait(20)
        return super().verify(stored, pin)


@contextmanager
def held(**limits: float) -> Iterator[tuple[Held, PinChecker]]:
    """A checker of which no check ends while it is held."""
    hasher = Held()
    pins = checker(hasher, **limits)
    try:
        yield hasher, pins
    finally:
        hasher.let.set()
        pins.close()


class Counting(PinHasher):
    """Remembers what was verified."""

    def __init__(self) -> None:
        super().__init__(PinCost(time_cost=1, memory_kib=64))
        self.verified: list[str] = []

    def verify(self, stored: str, pin: str) -> bool:
        self.verified.append(stored)
        return super().verify(stored, pin)


WATCH_ROOM = X25519PrivateKey.generate()
SEALER = Sealer([WATCH_ROOM.public_key().public_bytes_raw()])


def checker(hasher: PinHasher = CHEAP, **limits: float) -> PinChecker:
    return PinChecker(ON_FILE.get, hasher, SEALER, **limits)  # type: ignore[arg-type]


def at(holder: HolderId) -> Occasion:
    return Occasion(
        "house", ReaderId("vault-in"), holder, AttemptId("e" * 16), 1_795_212_000_000_000
    )


async def outcome(pins: PinChecker, holder: HolderId, pin: str = PIN) -> PinOutcome:
    return (await pins.check(at(holder), pin)).outcome


def checked(pins: PinChecker, holder: HolderId, pin: str) -> Checked:
    try:
        return asyncio.run(pins.check(at(holder), pin))
    finally:
        pins.close()


def ask(pins: PinChecker, holder: HolderId, pin: str) -> PinOutcome:
    return checked(pins, holder, pin).outcome


def test_the_default_price_is_the_one_of_rfc_9106() -> None:
    parameters = argon2.extract_parameters(PinHasher().hash(PIN))
    assert parameters.type is argon2.Type.ID
    assert (parameters.time_cost, parameters.memory_cost) == (3, 65536)


def test_a_hash_verifies_with_argon2_itself_and_holds_a_fresh_salt() -> None:
    first, second = CHEAP.hash(PIN), CHEAP.hash(PIN)
    assert first != second
    assert PIN not in first
    assert argon2.PasswordHasher().verify(first, PIN)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(first, "00429318")


def test_the_right_pin_matches() -> None:
    assert ask(checker(), ANNA, PIN) is PinOutcome.MATCHED


def test_the_pin_typed_under_duress_matches_as_the_other_does() -> None:
    assert ask(checker(), ANNA, DURESS_PIN) is PinOutcome.MATCHED
    assert ask(checker(), CARL, DURESS_PIN) is PinOutcome.WRONG


@pytest.mark.parametrize("holder", [ANNA, CARL, NOBODY])
@pytest.mark.parametrize("typed", [PIN, DURESS_PIN, "0000"])
def test_every_check_is_two_hashes_of_one_price(holder: HolderId, typed: str) -> None:
    hasher = Counting()
    ask(checker(hasher), holder, typed)
    assert len(hasher.verified) == 2
    price = argon2.extract_parameters(CHEAP.decoy())
    assert [argon2.extract_parameters(one) for one in hasher.verified] == [price, price]


@pytest.mark.parametrize(
    ("holder", "typed", "told"),
    [
        (ANNA, PIN, False),
        (ANNA, DURESS_PIN, True),
        (ANNA, "0000", False),
        (CARL, PIN, False),
        (CARL, DURESS_PIN, False),
        (NOBODY, DURESS_PIN, False),
    ],
)
def test_the_note_beside_a_check_tells_of_duress_alone(
    holder: HolderId, typed: str, told: bool
) -> None:
    note = checked(checker(), holder, typed).note
    assert opened(note, WATCH_ROOM) == (at(holder) if told else None)


def test_a_check_that_was_not_made_has_its_note_too() -> None:
    closed = checker()
    closed.close()
    with held(deadline_s=0.05) as (_, slow):
        for pins in (closed, slow):
            found = checked(pins, ANNA, DURESS_PIN)
            assert found.outcome is PinOutcome.UNAVAILABLE
            assert opened(found.note, WATCH_ROOM) is None


@pytest.mark.parametrize("typed", ["", "0042931", "429317", "004293170", "00429318", "*#", "٠٠٤٢"])
def test_any_other_pin_is_wrong(typed: str) -> None:
    assert ask(checker(), ANNA, typed) is PinOutcome.WRONG


@pytest.mark.parametrize("holder", [BERT, NOBODY])
def test_who_has_no_pin_is_wrong_with_every_pin(holder: HolderId) -> None:
    assert ask(checker(), holder, PIN) is PinOutcome.WRONG


def test_who_has_no_pin_costs_the_same_work() -> None:
    parameters = argon2.extract_parameters(PinHasher().decoy())
    assert parameters == argon2.extract_parameters(PinHasher().hash(PIN))
    assert CHEAP.decoy() != CHEAP.decoy()


def test_a_check_past_its_deadline_is_unavailable_before_it_has_ended() -> None:
    with held(deadline_s=0.05) as (_, pins):
        assert asyncio.run(outcome(pins, ANNA)) is PinOutcome.UNAVAILABLE


def test_the_event_loop_goes_on_during_a_check() -> None:
    """A hash that kept the loop would leave it a turn before and a turn after."""
    pins = checker(PinHasher(PinCost(time_cost=4_000, memory_kib=64)), deadline_s=20)

    async def turns() -> int:
        # NOBODY: the decoys have the price of the hasher.
        checking = asyncio.create_task(outcome(pins, NOBODY))
        turned = 0
        while not checking.done():
            await asyncio.sleep(0.001)
            turned += 1
        return turned

    assert asyncio.run(turns()) > 10
    pins.close()


def test_more_than_may_wait_are_unavailable_at_once() -> None:
    with held(deadline_s=0.05, workers=1, waiting_max=2) as (hasher, pins):

        async def crowd() -> list[Checked]:
            asked = [pins.check(at(ANNA), PIN) for _ in range(5)]
            return [await ended for ended in asyncio.as_completed(asked)]

        found = asyncio.run(crowd())
        assert {one.outcome for one in found} == {PinOutcome.UNAVAILABLE}
        under_way = [one.late is not None for one in found]
        assert under_way == [False, False, True, True, True], "who may not wait is told first"
        assert hasher.begun == 1, "one worker"


def test_a_check_that_is_given_up_keeps_its_place_until_it_ends() -> None:
    with held(deadline_s=0.05, workers=1, waiting_max=0) as (hasher, pins):

        async def thrice() -> list[Checked]:
            first, second = [await pins.check(at(ANNA), PIN) for _ in range(2)]
            assert second.late is None, "it was not even begun"
            assert hasher.begun == 1
            hasher.let.set()
            assert first.late is not None
            return [await first.late, await pins.check(at(ANNA), PIN)]

        assert [one.outcome for one in asyncio.run(thrice())] == [PinOutcome.MATCHED] * 2


def test_whoever_waits_is_answered_within_the_deadline_on_a_slow_board() -> None:
    slow_board_s = 0.6
    assert (WORKERS + WAITING_MAX) * slow_board_s < DEADLINE_S


def test_what_ends_after_the_deadline_tells_of_duress_all_the_same() -> None:
    """One that was under way, one that waited for it, and what everybody else types."""
    hasher = Held()
    pins = checker(hasher, deadline_s=0.05, workers=1, waiting_max=2)

    async def late() -> list[Checked]:
        typed = (DURESS_PIN, DURESS_PIN, PIN)
        found = await asyncio.gather(*(pins.check(at(ANNA), one) for one in typed))
        assert [one.outcome for one in found] == [PinOutcome.UNAVAILABLE] * 3
        assert [opened(one.note, WATCH_ROOM) for one in found] == [None] * 3
        hasher.let.set()
        return [await one.late for one in found if one.late is not None]

    ended = asyncio.run(late())
    assert [opened(one.note, WATCH_ROOM) for one in ended] == [at(ANNA), at(ANNA), None]
    pins.close()


def test_a_check_that_fails_late_is_unavailable_and_no_error() -> None:
    hasher = Held()
    damaged = {ANNA: PinRecord(holder=ANNA, hash="$argon2id$")}
    pins = PinChecker(damaged.get, hasher, SEALER, deadline_s=0.05)

    async def late() -> Checked | None:
        found = await pins.check(at(ANNA), PIN)
        hasher.let.set()
        return None if found.late is None else await found.late

    ended = asyncio.run(late())
    assert ended is not None
    assert ended.outcome is PinOutcome.UNAVAILABLE
    pins.close()


def test_what_is_checked_in_time_is_told_once() -> None:
    assert checked(checker(), ANNA, DURESS_PIN).late is None


def test_places_come_back_when_checks_end() -> None:
    pins = checker(workers=1, waiting_max=0)

    async def many() -> set[PinOutcome]:
        outcomes = set()
        for _ in range(20):
            outcomes.add(await outcome(pins, ANNA))
            await asyncio.sleep(0.01)
        return outcomes

    assert asyncio.run(many()) == {PinOutcome.MATCHED}
    pins.close()


@pytest.mark.parametrize(
    "damaged",
    ["$argon2id$", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$", "$argon2id$v=19$m=64,t=0,p=1$AA$AA"],
)
def test_a_damaged_hash_is_unavailable_and_not_wrong(damaged: str) -> None:
    sound = CHEAP.hash(PIN)
    for stored in ({"hash": damaged}, {"hash": sound, "duress_hash": damaged}):
        pins = PinChecker({ANNA: PinRecord(holder=ANNA, **stored)}.get, CHEAP, SEALER)
        assert ask(pins, ANNA, PIN) is PinOutcome.UNAVAILABLE


def test_a_closed_checker_is_unavailable() -> None:
    pins = checker()
    pins.close()
    assert ask(pins, ANNA, PIN) is PinOutcome.UNAVAILABLE


def test_a_price_that_no_machine_pays_is_an_error_and_no_crash() -> None:
    with pytest.raises(PinHashError):
        PinHasher(PinCost(time_cost=0, memory_kib=64)).hash(PIN)


def test_hashes_come_in_the_order_of_the_pins_with_progress() -> None:
    pins = [f"{number:04}" for number in range(40)]
    seen: list[int] = []
    hashes = hash_pins(pins, CHEAP, workers=4, progress=seen.append)
    assert seen == list(range(1, 41))
    assert all(CHEAP.verify(stored, pin) for stored, pin in zip(hashes, pins, strict=True))


def test_ctrl_c_ends_the_hashing_of_many_pins() -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    medium = PinHasher(PinCost(time_cost=300, memory_kib=64))
    with pytest.raises(KeyboardInterrupt):
        hash_pins(["1234"] * 3000, medium, workers=1, progress=interrupt)
    assert time.monotonic() - began < 2


def test_no_log_and_no_repr_shows_a_pin(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    broken = PinRecord(holder=ANNA, hash="$argon2id$broken")
    pins = PinChecker({ANNA: broken, BERT: ON_FILE[CARL]}.get, CHEAP, SEALER)

    async def all_of_them() -> None:
        for holder in (ANNA, BERT, NOBODY):
            await outcome(pins, holder)

    asyncio.run(all_of_them())
    pins.close()
    asyncio.run(outcome(pins, ANNA))
    with held(deadline_s=0.01) as (_, slow):
        asyncio.run(outcome(slow, ANNA))
    assert caplog.records
    assert PIN not in caplog.text + repr(pins) + repr(CHEAP)
    assert "argon2id" not in caplog.text
