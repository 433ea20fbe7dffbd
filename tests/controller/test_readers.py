"""What a reader or board says of itself: recorded when it changes, and remembered."""

from controller import inputs
from controller.events import ReaderTampered
from controller.events_devices import ReaderPowerFailed
from controller.ids import InputId, ReaderId
from controller.site import Outcome
from tests.controller.support import Rig, calm

BOARD = ReaderId("board")


def power(rig: Rig, failing: bool) -> Outcome:
    return rig.feed(
        inputs.ReaderPowerHeard(id=InputId(rig.new_id()), reader=BOARD, failing=failing)
    )


def recorded(outcome: Outcome) -> list[object]:
    return [event.body for event in outcome.events]


def test_failing_power_is_recorded_once_and_so_is_its_end() -> None:
    rig = calm()
    assert recorded(power(rig, False)) == [], "good power is no news"
    assert recorded(power(rig, True)) == [ReaderPowerFailed(reader=BOARD, failing=True)]
    assert rig.site.state.readers[BOARD].power_failing
    assert recorded(power(rig, True)) == []
    assert recorded(power(rig, False)) == [ReaderPowerFailed(reader=BOARD, failing=False)]
    assert not rig.site.state.readers[BOARD].power_failing


def test_power_and_tamper_are_two_things() -> None:
    rig = calm()
    power(rig, True)
    opened = rig.feed(
        inputs.ReaderTamperHeard(id=InputId(rig.new_id()), reader=BOARD, tampered=True)
    )
    assert recorded(opened) == [ReaderTampered(reader=BOARD, tampered=True)]
    reader = rig.site.state.readers[BOARD]
    assert (reader.tampered, reader.power_failing) == (True, True)


def test_failing_power_shuts_nothing_and_opens_nothing() -> None:
    rig = calm()
    assert power(rig, True).effects == ()
