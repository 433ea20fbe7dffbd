"""A second PIN on file, for duress: what a file may say of it, and who is refused one."""

import pytest

from controller.ids import HolderId
from edge.people import EMPTY, PinRecord, Roll
from edge.people.records import changed, directory_of
from tests.edge.people.support import CHEAP, change, csv, plan

HEADER = "id,name,roles,pin,duress-pin"
ANNA = "1,Anna,staff,2580,2469"


def after(*rows: str, roll: Roll = EMPTY) -> Roll:
    return changed(roll, change(csv(*rows, header=HEADER), roll))


def said(row: str, roll: Roll = EMPTY, *, duress_is_told: bool = True) -> list[str]:
    planned = plan(csv(row, header=HEADER), roll, duress_is_told=duress_is_told)
    return [str(problem) for problem in planned.problems]


def on_file(roll: Roll) -> PinRecord:
    (record,) = roll.pins.values()
    return record


def test_both_pins_are_hashed_each_under_its_own_salt() -> None:
    record = on_file(after(ANNA))
    assert record.duress_hash is not None
    assert CHEAP.verify(record.hash, "2580")
    assert CHEAP.verify(record.duress_hash, "2469")
    assert not CHEAP.verify(record.hash, "2469")


def test_every_pin_is_hashed_for_whom_it_is() -> None:
    roll = after(ANNA, "2,Bert,staff,1111,", "3,Cora,staff,3333,4444")
    held = {
        roll.holders[holder].name: [
            pin
            for stored in (record.hash, record.duress_hash)
            if stored is not None
            for pin in ("2580", "2469", "1111", "3333", "4444")
            if CHEAP.verify(stored, pin)
        ]
        for holder, record in roll.pins.items()
    }
    assert held == {"Anna": ["2580", "2469"], "Bert": ["1111"], "Cora": ["3333", "4444"]}


def test_the_core_is_told_of_one_pin_or_none() -> None:
    """What it knows of somebody is the same with and without one for duress."""
    with_two, with_one = after(ANNA), after("1,Anna,staff,2580,")
    (two,), (one,) = (directory_of(roll).holders.values() for roll in (with_two, with_one))
    assert two.knows_pin
    assert one.knows_pin
    assert two.__struct_fields__ == one.__struct_fields__
    assert "duress" not in repr(directory_of(with_two))


@pytest.mark.parametrize(
    ("pin", "duress_pin", "mistake"),
    [
        ("2580", "2580", "the same as the PIN"),
        ("2580", "2581", "one digit off"),
        ("2580", "9580", "one digit off"),
        ("2580", "5280", "two neighbours swapped"),
        ("2580", "2508", "two neighbours swapped"),
        ("2580", "25801", "5 digits, the PIN has 4"),
        ("25801", "2580", "4 digits, the PIN has 5"),
    ],
)
def test_a_slip_of_the_fingers_never_calls_for_help(
    pin: str, duress_pin: str, mistake: str
) -> None:
    (only,) = said(f"1,Anna,staff,{pin},{duress_pin}")
    assert only.startswith("row 2, duress-pin: ")
    assert mistake in only
    assert pin not in only.removeprefix("row 2")


@pytest.mark.parametrize("duress_pin", ["2569", "8520", "0582", "5081", "0000"])
def test_two_digits_that_differ_are_enough(duress_pin: str) -> None:
    assert said(f"1,Anna,staff,2580,{duress_pin}") == []


@pytest.mark.parametrize("duress_pin", ["12", "123456789", "12a4"])
def test_a_duress_pin_is_a_pin(duress_pin: str) -> None:
    (only,) = said(f"1,Anna,staff,2580,{duress_pin}")
    assert only.startswith("row 2, duress-pin: ")


def test_a_duress_pin_needs_its_pin_beside_it() -> None:
    before = after("1,Anna,staff,2580,")
    for row in ("1,,,,2469", "1,,,none,2469"):
        (only,) = said(row, before)
        assert "no PIN beside it; give both in one row" in only


def test_a_pin_that_is_wrong_itself_is_one_mistake() -> None:
    (only,) = said("1,Anna,staff,25,2469")
    assert only.startswith("row 2, pin: ")


def test_another_pin_is_never_put_beside_a_duress_pin_it_was_not_compared_with() -> None:
    before = after(ANNA)
    (only,) = said("1,,,2468,", before)
    assert "give both in one row, or duress-pin none" in only
    assert said("1,,,2468,9753", before) == []
    assert on_file(after("1,,,2468,none", roll=before)).duress_hash is None


def test_where_nobody_would_be_told_nobody_gets_one() -> None:
    (only,) = said(ANNA, duress_is_told=False)
    assert "nobody would be told of duress" in only
    assert "sentrypost duress new" in only, "the remedy"
    assert said("1,Anna,staff,2580,", duress_is_told=False) == []
    assert said("1,,,,none", after(ANNA), duress_is_told=False) == [], "it can always be taken away"


def test_it_can_be_taken_away_alone_and_goes_with_the_pin() -> None:
    before = after(ANNA)
    alone = after("1,,,,none", roll=before)
    assert on_file(alone) == PinRecord(holder=on_file(before).holder, hash=on_file(before).hash)
    assert alone.holders[HolderId(on_file(alone).holder)].version == 2
    assert after("1,,,none,", roll=before).pins == EMPTY.pins
    assert after("1,,,none,none", roll=before).pins == EMPTY.pins


def test_what_is_not_named_stays() -> None:
    before = after(ANNA)
    assert not change(csv("1,,,,", header=HEADER), before)
    assert not change(csv("1,,,,none", header=HEADER), after("1,Anna,staff,2580,"))


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ("1,,,2468,9753", ("pin", "duress-pin")),
        ("1,,,,none", ("duress-pin",)),
        ("1,,,none,", ("pin", "duress-pin")),
        ("1,,,2468,none", ("pin", "duress-pin")),
    ],
)
def test_an_import_says_what_it_changes(row: str, columns: tuple[str, ...]) -> None:
    (update,) = plan(csv(row, header=HEADER), after(ANNA)).updated
    assert update.columns == columns


def test_no_repr_shows_a_pin() -> None:
    planned = plan(csv(ANNA, header=HEADER))
    shown = repr(planned) + repr(planned.new_pins) + repr(on_file(after(ANNA)))
    assert "2580" not in shown
    assert "2469" not in shown
