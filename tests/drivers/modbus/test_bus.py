"""The panel's end of a Modbus line, in virtual time, with simulated modules at the other."""

import random

import pytest

from drivers.api import (
    Beep,
    Color,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    InputsReported,
    InputState,
    Light,
    OutputsReported,
    Priority,
    Pulse,
    Spoken,
)
from drivers.modbus.module import RESTARTED, SIGNLESS, SILENT, UNMOVED
from tests.drivers.modbus.world import MS, World

OPEN = Pulse(0, 500)


def offline(world: World) -> list[str]:
    return [fact.device for fact in world.of(DeviceOffline)]


def test_a_module_comes_online_with_all_its_points() -> None:
    world = World(1)
    world.modules[1].inputs[7] = True
    world.run(200)
    kinds = [type(fact) for fact in world.facts]
    assert kinds == [DeviceOnline, InputsReported, OutputsReported]
    (online,) = world.of(DeviceOnline)
    assert (online.secure, online.identity) == (False, "Modbus module at address 1")
    assert world.of(InputsReported)[0].states == (InputState.INACTIVE,) * 7 + (InputState.ACTIVE,)


def test_a_change_is_told_once_and_soon() -> None:
    world = World(1, 2, 3, 4).run(1_000)
    world.facts.clear()
    world.modules[3].inputs[0] = True
    world.run(250)
    assert [(fact.device, fact.states[0]) for fact in world.of(InputsReported)] == [
        ("m3", InputState.ACTIVE)
    ]
    world.run(1_000)
    assert len(world.of(InputsReported)) == 1


def test_a_pulse_is_confirmed_when_its_output_is_seen_on_and_ends_in_the_module() -> None:
    world = World(1).run(300)
    world.facts.clear()
    command = world.submit(OPEN)
    world.run(150)
    assert world.outcome(command) == "confirmed"
    assert world.modules[1].outputs[0] is True
    world.bus.stop(world.now_ns, "the edge is dead")
    world.modules[1].handle_deadline(world.now_ns + 500 * MS)
    assert world.modules[1].outputs[0] is False


def test_the_end_of_a_pulse_is_told() -> None:
    world = World(1).run(300)
    world.submit(OPEN)
    world.run(900)
    assert [fact.states[0] for fact in world.of(OutputsReported)] == [False, True, False]


def test_current_is_cut_for_a_time() -> None:
    world = World(1).run(300)
    world.submit(Hold(2, on=True))
    world.run(300)
    command = world.submit(Pulse(2, 300, on=False))
    world.run(100)
    assert (world.outcome(command), world.modules[1].outputs[2]) == ("confirmed", False)
    world.run(400)
    assert world.modules[1].outputs[2] is True


@pytest.mark.parametrize("action", [OPEN, Hold(0, on=True)])
def test_a_relay_that_does_not_move_is_no_confirmation(action: Pulse | Hold) -> None:
    world = World(1).run(300)
    world.modules[1].stuck.add(0)
    world.submit(action)
    world.run(300)
    (ended,) = world.of(CommandEnded)
    assert (ended.outcome, ended.reason) == ("refused", UNMOVED)


def test_a_module_without_timed_commands_refuses_them() -> None:
    world = World(1, flash=False).run(300)
    world.submit(OPEN)
    world.run(300)
    (ended,) = world.of(CommandEnded)
    assert ended.outcome == "refused"
    assert "not so many points" in ended.reason


@pytest.mark.parametrize("survives", [False, True])
def test_a_way_out_that_was_freed_stays_free_when_an_old_timer_ends(survives: bool) -> None:
    """A magnet let go for a passage, then for a fire: the first timer must not lock it again."""
    world = World(1, timer_survives=survives).run(300)
    module = world.modules[1]
    world.submit(Hold(0, on=True))
    world.run(200)
    world.submit(Pulse(0, 3_000, on=False))
    world.run(200)
    freed = world.submit(Hold(0, on=False), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(200)
    assert (world.outcome(freed), module.outputs[0]) == ("confirmed", False)
    shut_ms = 0
    for _ in range(500):
        world.run(10)
        shut_ms += 10 * module.outputs[0]
    assert module.outputs[0] is False
    assert shut_ms <= (250 if survives else 0)


def test_a_later_wish_ends_what_an_earlier_one_kept() -> None:
    world = World(1, timer_survives=True).run(300)
    world.submit(Pulse(0, 2_000))
    world.run(100)
    world.submit(Hold(0, on=True))
    world.run(100)
    world.submit(Hold(0, on=False))
    world.run(100)
    world.submit(Hold(0, on=False))
    world.run(5_000)
    assert world.modules[1].outputs[0] is False


def test_a_withdrawn_passage_leaves_a_way_out_free() -> None:
    world = World(1, timer_survives=True).run(300)
    world.submit(Hold(0, on=True))
    world.run(200)
    world.submit(Pulse(0, 3_000, on=False))
    world.run(200)
    world.submit(Hold(0, on=False), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(200)
    world.stands = False
    withdrawn = world.submit(Pulse(0, 1_000, on=False))
    world.run(5_000)
    assert world.outcome(withdrawn) == "withdrawn"
    assert world.modules[1].outputs[0] is False


@pytest.mark.parametrize("on", [False, True])
def test_a_passage_through_a_free_way_does_not_shut_it(on: bool) -> None:
    """A module's timer would end in the contrary of what it began with."""
    world = World(1).run(300)
    world.submit(Hold(0, on=on), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(200)
    command = world.submit(Pulse(0, 1_000, on=on))
    world.run(3_000)
    assert (world.outcome(command), world.modules[1].outputs[0]) == ("confirmed", on)
    assert offline(world) == []


def test_a_module_that_was_without_power_for_a_moment_is_told_anew() -> None:
    """A magnet that it held is let go, and nobody would say so."""
    world = World(1).run(300)
    world.submit(Hold(0, on=True))
    world.submit(Pulse(1, 500))
    world.run(3_000)
    world.facts.clear()
    world.modules[1].restart()
    world.run(1_200)
    told = [type(fact) for fact in world.facts if isinstance(fact, DeviceOnline | DeviceOffline)]
    assert told == [DeviceOffline, DeviceOnline]
    assert [fact.reason for fact in world.of(DeviceOffline)] == [RESTARTED]
    world.run(10_000)
    assert len(offline(world)) == 1


def test_timers_that_are_slow_or_early_are_no_restart() -> None:
    world = World(1).run(300)
    world.submit(Hold(0, on=True))
    world.run(200)
    for _ in range(5):
        world.submit(Pulse(0, 5_000, on=False))
        world.run(200)
        world.modules[1]._outputs[0].back_ns += 400 * MS
        world.run(7_000)
    assert offline(world) == []


def test_a_passage_behind_a_kept_output_is_not_set_back() -> None:
    world = World(1, timer_survives=True).run(300)
    world.submit(Pulse(0, 3_000))
    world.run(200)
    world.submit(Hold(0, on=False))
    world.run(200)
    again = world.submit(Pulse(0, 1_000))
    world.run(800)
    assert (world.outcome(again), world.modules[1].outputs[0]) == ("confirmed", True)


def test_a_module_that_will_not_be_set_back_is_still_read() -> None:
    world = World(1, 2, timer_survives=True).run(300)
    world.submit(Pulse(0, 300, on=False))
    world.run(100)
    world.submit(Hold(0, on=False))
    world.run(100)
    world.modules[1].stuck.add(0)
    world.modules[1]._outputs[0].on = True
    world.run(2_000)
    for address in (1, 2):
        world.modules[address].inputs[3] = True
    world.run(300)
    assert {fact.device for fact in world.of(InputsReported) if "active" in fact.states} == {
        "m1",
        "m2",
    }


def test_what_is_not_wanted_any_more_does_not_leave() -> None:
    world = World(1).run(300)
    withdrawn, late = world.submit(OPEN), world.submit(OPEN, within_ms=-1)
    world.stands = False
    sent = len(world.modules[1].asked)
    world.run(300)
    assert (world.outcome(withdrawn), world.outcome(late)) == ("withdrawn", "expired")
    assert all(frame[1] != 5 for _, frame in list(world.modules[1].asked)[sent:])


def test_a_command_without_answer_is_asked_for_again_before_it_is_repeated() -> None:
    """The lockdown came in between: what may have been understood is not said again."""
    world = World(1).run(300)
    world.to_panel = lambda data: b"" if data[1:2] == b"\x05" else data
    command = world.submit(OPEN)
    world.run(100)
    world.stands = False
    world.run(1_000)
    writes = [frame for _, frame in world.sent if frame[1] == 5]
    assert len(writes) == 1
    assert world.outcome(command) == "lost", "nobody knows whether it was done"


def test_a_command_whose_answer_was_damaged_is_repeated() -> None:
    world = World(1).run(300)
    damage = iter([True])
    world.to_panel = lambda data: (
        b"\xff" + data[1:] if data[1:2] == b"\x05" and next(damage, False) else data
    )
    command = world.submit(OPEN)
    world.run(500)
    assert world.outcome(command) == "confirmed"
    assert len([frame for _, frame in world.sent if frame[1] == 5]) == 2


def test_life_safety_goes_first_then_what_secures() -> None:
    """On the whole line, and not on each module alone."""
    world = World(1, 2, 3).run(300)
    for address, priority in enumerate(
        (Priority.PASSAGE, Priority.SECURE, Priority.LIFE_SAFETY), start=1
    ):
        for output in range(2):
            world.submit(Hold(output, on=True), address=address, priority=priority)
    world.submit(Hold(7, on=True), address=1, priority=Priority.LIFE_SAFETY)
    world.run(1_000)
    order = [(frame[0], frame[3]) for _, frame in world.sent if frame[1] == 5]
    assert order == [(1, 7), (3, 0), (3, 1), (2, 0), (2, 1), (1, 0), (1, 1)]


def test_a_flood_of_passages_does_not_keep_contacts_from_being_read() -> None:
    world = World(1, 2).run(300)
    for number in range(60):
        world.submit(Pulse(number % 8, 100), within_ms=60_000)
    world.modules[2].inputs[0] = True
    world.run(400)
    assert any(fact.device == "m2" for fact in world.of(InputsReported)[2:])


@pytest.mark.parametrize(("addresses", "baud"), [((1, 2, 3, 4), 9600), (range(1, 9), 19200)])
def test_a_dead_line_is_told_within_three_seconds(addresses: tuple[int, ...], baud: int) -> None:
    world = World(*addresses, baud=baud).run(2_000)
    world.to_panel = lambda data: b""
    world.facts.clear()
    world.run(3_000)
    assert sorted(offline(world)) == sorted(f"m{address}" for address in addresses)
    assert {fact.reason for fact in world.of(DeviceOffline)} == {SILENT}


@pytest.mark.parametrize(("addresses", "baud"), [((1, 2, 3, 4), 9600), (range(1, 9), 19200)])
def test_half_a_line_dead_costs_the_others_little(addresses: tuple[int, ...], baud: int) -> None:
    world = World(*addresses, baud=baud).run(2_000)
    dead = list(addresses)[: len(addresses) // 2]
    for address in dead:
        world.modules[address].silent = True
    world.run(1_000)
    living = max(addresses)
    for _ in range(20):  # a contact that is open for 400 ms, at any moment of the rota
        world.facts.clear()
        world.modules[living].inputs[0] = True
        world.run(400)
        world.modules[living].inputs[0] = False
        world.run(417)
        told = [fact.states[0] for fact in world.of(InputsReported) if fact.device == f"m{living}"]
        assert told == [InputState.ACTIVE, InputState.INACTIVE]
    world.facts.clear()
    for address in dead:
        world.modules[address].silent = False
    world.run(3_000)
    assert {fact.device for fact in world.of(DeviceOnline)} == {f"m{address}" for address in dead}


@pytest.mark.parametrize("dies_at", [5, 1], ids=["told", "looked at"])
def test_an_urgent_command_to_a_dead_module_does_not_keep_the_others(dies_at: int) -> None:
    """It dies when it is told, or when it has said that it did and is looked at."""
    world = World(1, 2).run(1_000)
    world.facts.clear()
    dead = False

    def dying(data: bytes) -> bytes:
        nonlocal dead
        dead = dead or data[:2] == bytes([1, dies_at])
        return b"" if dead and data[0] == 1 else data

    world.to_module = dying
    command = world.submit(Hold(0, on=True), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(50)
    world.modules[2].inputs[0] = True
    world.run(1_000)
    assert [fact.device for fact in world.of(InputsReported)] == ["m2"]
    assert world.outcome(command) == "lost"


def test_commands_of_a_module_that_goes_away_are_lost_and_not_done_later() -> None:
    world = World(1).run(300)
    world.modules[1].silent = True
    command = world.submit(Hold(0, on=True), within_ms=None)
    world.run(4_000)
    assert (world.outcome(command), offline(world)) == ("lost", ["m1"])
    away = world.submit(Hold(0, on=True), within_ms=None)
    assert world.bus.next_fact() is not None, "it ends at once"
    world.modules[1].silent = False
    world.run(2_000)
    assert world.modules[1].outputs[0] is False, f"{away} is not remembered"


def test_a_module_that_has_not_what_is_wired_is_not_believed() -> None:
    world = World(1)
    world.modules[1].inputs = [True] * 4
    world.run(2_000)
    (told,) = world.of(DeviceOffline)
    assert told.reason == "it has not so many points (Modbus exception 2)"
    assert world.of(InputsReported) == []
    world.modules[1].inputs = [True] * 8
    world.run(2_000)
    assert len(world.of(DeviceOnline)) == 1


def test_a_line_that_never_ceases_to_talk_is_spoken_on() -> None:
    world = World(1).run(300)
    source = random.Random(5)
    asked = len(world.sent)
    for _ in range(1_000):
        world.bus.receive(source.randbytes(4), world.now_ns)
        world.run(1)
    assert len(world.sent) - asked >= 5
    world.run(300)
    assert offline(world) == []


def test_signs_are_refused_and_outputs_checked() -> None:
    world = World(1).run(300)
    for action in (Light(0, Color.RED, 0), Beep(0, 1)):
        world.submit(action)
    world.run(10)
    assert [(ended.outcome, ended.reason) for ended in world.of(CommandEnded)] == [
        ("refused", SIGNLESS)
    ] * 2
    for action in (Pulse(8, 500), Pulse(0, 150), Pulse(0, 0), Pulse(0, 3_276_800)):
        with pytest.raises(ValueError, match=r"this module has|steps of"):
            world.submit(action)
    with pytest.raises(ValueError, match="no module"):
        world.submit(OPEN, address=2)


def test_a_watcher_sees_all_that_is_said() -> None:
    world = World(1)
    heard: list[Spoken] = []
    world.bus.tap = heard.append
    world.run(300)
    world.submit(OPEN)
    world.run(100)
    world.modules[1].silent = True
    world.run(1_000)
    texts = [(spoken.outgoing, spoken.text) for spoken in heard]
    assert texts[:2] == [(True, "read 8 inputs"), (False, "on: none")]
    assert (True, "output 0 on for 0.5 s") in texts
    assert (False, "done") in texts
    assert (False, "no answer") in texts


def test_noise_is_not_believed() -> None:
    source = random.Random(11)
    world = World(1).run(300)

    def noisy(data: bytes) -> bytes:
        damaged = bytearray(source.randbytes(source.randrange(4)) + data)
        if damaged and source.random() < 0.5:
            damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
        return bytes(damaged)

    world.to_panel = noisy
    false: list[Fact] = []
    world.on_fact = lambda fact: (
        false.append(fact) if isinstance(fact, InputsReported) and "active" in fact.states else None
    )
    world.run(60_000)
    assert false == []
