"""The panel against simulated readers, in virtual time: life on the line and its faults."""

import random
from itertools import pairwise, product

import pytest

from drivers.api import (
    BadgeUnread,
    Beep,
    CardRead,
    Color,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    InputsReported,
    InputState,
    KeysPressed,
    Light,
    OutputsReported,
    Priority,
    ProtocolViolated,
    Pulse,
    TamperReported,
)
from drivers.osdp import link as link_module
from drivers.osdp import messages as osdp
from drivers.osdp.bus import Bus
from drivers.osdp.frame import Frame, encode
from drivers.osdp.rules import TRIES_IN_SESSION, Trouble
from drivers.osdp.states import TRANSITIONS, State, Step, mermaid
from drivers.telling import STORED
from drivers.upkeep import Accept
from tests.drivers.osdp.world import MS, World, key_of

BUSY = encode(Frame(address=1, is_reply=True, sequence=0, code=0x79))


def code_of(data: bytes) -> int:
    """The command code of a transmission; it is never encrypted."""
    return data[6 + data[6]] if data[5] & 8 else data[6]


def answer_inputs_with(world: World, *replies: osdp.Message) -> None:
    """What the reader says when it is asked for its inputs, one after the other, the last on."""
    reader = world.readers[1]
    obey, left = reader._obey, list(replies)

    def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        if not isinstance(command, osdp.InputStatusRequest):
            return obey(command, now_ns)
        return left.pop(0) if len(left) > 1 else left[0]

    reader._obey = instead  # type: ignore[method-assign]


def codes_sent(world: World) -> list[int]:
    return [code_of(data) for _, data in world.sent]


def test_online_comes_with_the_session_and_then_the_state() -> None:
    world = World(1).run(60)
    assert [type(fact) for fact in world.facts] == [
        DeviceOnline,
        TamperReported,
        InputsReported,
        OutputsReported,
    ]
    online = world.of(DeviceOnline)[0]
    assert online.secure
    assert "serial 1" in online.identity
    assert codes_sent(world)[:9] == [0x61, 0x62, 0x76, 0x77, 0x61, 0x62, 0x64, 0x65, 0x66]


def test_polls_keep_their_interval() -> None:
    world = World(1).online()
    world.run(1_000)
    assert 18 <= codes_sent(world).count(0x60) <= 20


def test_everything_after_the_handshake_carries_a_mac() -> None:
    world = World(1).online()
    world.readers[1].present_card(26, b"\x12\x34\x56\x40")
    world.submit(Pulse(0, 300))
    world.run(300)
    assert {data[7] for _, data in world.sent} == {0x15, 0x17}
    assert not any(b"\x12\x34\x56\x40" in heard for heard in world.heard)


@pytest.mark.parametrize(
    ("bits", "data"), [(26, "12345640"), (32, "deadbeef"), (48, "0123456789ab"), (1, "80")]
)
def test_card(bits: int, data: str) -> None:
    world = World(1).online()
    world.readers[1].present_card(bits, bytes.fromhex(data))
    at_ns = world.run(100).of(CardRead)[0].at_ns
    fact = world.of(CardRead)[0]
    assert (fact.reader, fact.bits, fact.data) == (0, bits, bytes.fromhex(data))
    assert world.now_ns - 100 * MS < at_ns <= world.now_ns


def test_several_events_come_without_waiting_for_polls() -> None:
    world = World(1).online()
    for number in range(10):
        world.readers[1].present_card(8, bytes([number]))
    world.run(90)
    assert [fact.data[0] for fact in world.of(CardRead)] == list(range(10))


def test_keys() -> None:
    world = World(1).online()
    world.readers[1].press_keys("0123456789*#")
    assert world.run(100).of(KeysPressed)[0].keys == "0123456789*#"


def test_inputs_tamper() -> None:
    world = World(1).online()
    world.readers[1].set_input(1, True)
    world.readers[1].set_local(tampered=True)
    world.run(150)
    assert world.of(InputsReported)[0].states == (InputState.INACTIVE, InputState.ACTIVE)
    assert world.of(TamperReported)[0].tampered
    world.readers[1].set_input(0, 2)
    world.readers[1].set_input(1, 3)
    world.run(100)
    assert world.of(InputsReported)[-1].states == (InputState.SHORTED, InputState.CUT)


def test_pulse_is_timed_by_the_reader() -> None:
    world = World(1).online()
    changes: list[tuple[int, int, bool]] = []
    world.readers[1].on_output = lambda number, on: changes.append((world.now_ns, number, on))
    command = world.submit(Pulse(1, 3_000))
    world.run(100)
    assert world.outcome(command) == "confirmed"
    assert world.of(OutputsReported)[-1].states == (False, True)
    world.bus.stop(world.now_ns, "the panel is gone")
    world.run(5_000)
    assert [(number, on) for _, number, on in changes] == [(1, True), (1, False)]
    assert changes[1][0] - changes[0][0] == 3_000 * MS


def test_end_of_pulse_is_read_back() -> None:
    world = World(1).online()
    world.submit(Pulse(0, 500))
    world.run(800)
    assert codes_sent(world).count(0x66) == 1
    assert [fact.states for fact in world.of(OutputsReported)][-1] == (False, False)


def test_pulse_may_cut_current() -> None:
    world = World(1).online()
    world.submit(Hold(0, True), within_ms=None)
    world.submit(Pulse(0, 1_000, on=False))
    world.run(100)
    assert world.readers[1].outputs == (False, False)
    world.run(1_000)
    assert world.readers[1].outputs == (True, False)


def test_hold_ends_a_running_timer() -> None:
    world = World(1).online()
    world.submit(Pulse(0, 60_000))
    world.run(50)
    assert world.readers[1].outputs == (True, False)
    world.submit(Hold(0, False), priority=Priority.SECURE, within_ms=None)
    world.run(50)
    assert world.readers[1].outputs == (False, False)
    world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(120_000)
    assert world.readers[1].outputs == (True, False)


def test_light_and_beep() -> None:
    world = World(1).online()
    world.submit(Light(0, Color.RED, 0))
    world.submit(Light(0, Color.GREEN, 1_000, blink=True))
    world.submit(Beep(0, 3))
    world.run(200)
    assert world.readers[1].color(world.now_ns) == 2
    world.run(1_000)
    assert world.readers[1].color(world.now_ns) == 1
    assert osdp.Buzzer(0, 2, 2, 2, 3) in [done for _, done in world.readers[1].executed]


@pytest.mark.parametrize(
    ("action", "limit"),
    [
        (Pulse(0, 0), "100..6553500"),
        (Pulse(0, 6_553_600), "100..6553500"),
        (Pulse(0, 250), "steps of 100"),
        (Pulse(2, 300), "0..1"),
        (Hold(-1, True), "0..1"),
        (Light(0, Color.RED, 6_553_501), "0..6553500"),
        (Beep(0, 0), "1..255"),
        (Beep(300, 1), "0..255"),
    ],
)
def test_what_the_reader_cannot_do_is_refused_by_name(action: Pulse, limit: str) -> None:
    world = World(1).online()
    with pytest.raises(ValueError, match=limit):
        world.submit(action)
    assert world.run(200).of(CommandEnded) == []


def test_longest_pulse() -> None:
    world = World(1).online()
    world.submit(Pulse(0, 6_553_500))
    world.run(100)
    assert world.readers[1].executed[-1][1] == osdp.Output(0, 5, 0xFFFF)


def test_unknown_device_is_refused() -> None:
    world = World(1).online()
    with pytest.raises(ValueError, match="no reader 'r9'"):
        world.submit(Pulse(0, 300), address=9)


def test_nak_is_a_refusal_and_nothing_else() -> None:
    world = World(1, outputs=5).online()
    command = world.submit(Pulse(4, 300))
    world.run(500)
    assert world.outcome(command) == "refused"
    assert world.of(DeviceOffline) == []
    assert codes_sent(world).count(0x61) == 0


def test_urgent_commands_go_before_polls_and_others() -> None:
    world = World(1, 2, 3).online()
    world.run(33)
    signal = world.submit(Beep(0, 1), priority=Priority.SIGNAL, within_ms=None)
    passage = world.submit(Pulse(0, 300), priority=Priority.PASSAGE, within_ms=None)
    secure = world.submit(Hold(0, False), address=2, priority=Priority.SECURE, within_ms=None)
    life = world.submit(Hold(1, True), address=3, priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(100)
    order = [fact.command for fact in world.of(CommandEnded)]
    assert order == [life, secure, passage, signal]


def test_silence_is_offline_within_three_seconds_and_return_is_quick() -> None:
    world = World(1).online()
    world.run(500)
    world.readers[1].silent = True
    silent_ns = world.now_ns
    world.run(3_000)
    offline = world.of(DeviceOffline)
    assert len(offline) == 1
    assert offline[0].at_ns - silent_ns <= 3_000 * MS
    world.run(20_000)
    assert len(world.of(DeviceOffline)) == 1
    world.readers[1].silent = False
    back_ns = world.now_ns
    world.run(3_000)
    assert world.of(DeviceOnline)[0].at_ns - back_ns <= 3_000 * MS


def test_a_reader_that_never_answers_is_reported_once() -> None:
    world = World(1)
    world.readers[1].silent = True
    world.run(10_000)
    assert [type(fact) for fact in world.facts] == [DeviceOffline]
    assert 5 <= len(world.sent) <= 11  # one frame each time it is tried


def test_dead_neighbours_do_not_starve_the_living() -> None:
    world = World(1, 2, 3, 4)
    for dead in (2, 3, 4):
        world.readers[dead].silent = True
    world.run(5_000)
    world.facts.clear()
    waits = []
    for _ in range(50):
        pressed_ns = world.now_ns
        world.readers[1].present_card(8, b"\x01")
        world.run(397)
        waits.append((world.of(CardRead)[-1].at_ns - pressed_ns) // MS)
    assert max(waits) <= 300
    assert sorted(waits)[25] <= 150


def test_returning_reader_does_not_execute_what_was_queued() -> None:
    world = World(1).online()
    world.readers[1].silent = True
    commands = [world.submit(Pulse(0, 300), within_ms=60_000) for _ in range(3)]
    world.run(3_000)
    assert [world.outcome(command) for command in commands] == ["lost"] * 3
    late = world.submit(Pulse(0, 300), within_ms=60_000)
    world.run(1)
    assert world.outcome(late) == "lost"
    world.readers[1].silent = False
    world.run(10_000)
    assert world.of(DeviceOnline)
    assert not world.readers[1].executed
    assert world.readers[1].outputs == (False, False)


def test_what_a_silent_reader_had_kept_is_dropped_when_it_is_back() -> None:
    """Whoever presented it has gone; the door must not open for who stands there now."""
    world = World(1).online()
    reader = world.readers[1]
    reader.silent = True
    world.run(4_000)
    assert reader.present_card(26, b"\x2e\xc0\xc8\x40")
    assert reader.press_keys("4711#")
    reader.silent = False
    world.run(4_000)
    assert len(world.of(DeviceOnline)) == 1
    assert world.of(CardRead) + world.of(KeysPressed) == []
    assert [fact.reason for fact in world.of(BadgeUnread)] == [STORED]
    assert reader.present_card(26, b"\x11\x22\x33\x40")
    world.run(200)
    assert [fact.data for fact in world.of(CardRead)] == [b"\x11\x22\x33\x40"]


@pytest.mark.parametrize("absent", [1, 2, 4])
def test_absent_readers_get_no_more_of_the_line_than_their_share(absent: int) -> None:
    world = World(*range(1, 9)).online()
    for address in range(1, absent + 1):
        world.readers[address].silent = True
    world.run(5_000)
    world.sent.clear()
    world.run(20_000)
    waited_ns = sum(
        after_ns - at_ns
        for (at_ns, data), (after_ns, _) in pairwise(world.sent)
        if data[2] <= absent
    )
    assert 0.02 < waited_ns / (20_000 * MS) <= absent / 8


@pytest.mark.parametrize("readers", [1, 8])
@pytest.mark.parametrize("silent", [True, False])
def test_the_bus_comes_round_every_two_seconds_whoever_answers(readers: int, silent: bool) -> None:
    world = World(*range(1, readers + 1))
    for reader in world.readers.values():
        reader.silent = silent
    for _ in range(200):
        world.run(97)
        deadline_ns = world.bus.deadline()
        assert deadline_ns is not None
        assert deadline_ns - world.now_ns <= 2_000 * MS, "what `Driver.turns` promises"


def test_many_commands_do_not_keep_a_card_waiting() -> None:
    world = World(1).online()
    world.latency_ms = 10
    for _ in range(60):
        world.submit(Beep(0, 1), priority=Priority.SIGNAL, within_ms=None)
    pressed_ns = world.now_ns
    world.readers[1].present_card(8, b"\x01")
    world.run(1_000)
    assert world.of(CardRead)[0].at_ns - pressed_ns <= 300 * MS


def test_slow_reply_is_waited_for_while_it_comes() -> None:
    world = World(1).online()
    world.readers[1].present_card(8, b"\x01")

    def dribble(data: bytes) -> bytes:
        for place, byte in enumerate(data):
            world.inject(bytes([byte]), 190 + 2 * place)
        return b""

    world.to_panel = dribble
    world.run(400)
    assert world.of(CardRead)
    assert len({data for _, data in world.sent}) == len(world.sent), "nothing was repeated"


def test_timed_commands_of_several_readers_do_not_hold_each_other_up() -> None:
    """On a slow line a reader's sign of life is stale by the time another one was asked."""
    world = World(1, 2, 3).online()
    world.latency_ms = 30
    commands = [world.submit(Pulse(0, 300), address=address) for address in (1, 2, 3)]
    world.run(600)
    assert [world.outcome(command) for command in commands] == ["confirmed"] * 3


def test_lights_of_two_readers_do_not_wait_for_each_other_for_ever() -> None:
    """Each answer takes longer than a sign of life stays fresh."""
    world = World(1, 2, 3)
    world.latency_ms = 5.5
    world.run(400)
    lights = [
        world.submit(Light(0, Color.GREEN, 1_500), address=address, priority=Priority.SIGNAL)
        for address in (1, 2)
        for _ in range(3)
    ]
    world.run(400)
    assert {world.outcome(light) for light in lights} == {"confirmed"}


def test_silent_reader_with_a_waiting_command_does_not_keep_its_neighbours() -> None:
    world = World(1, 2, 3).online()
    world.run(60)
    world.readers[2].silent = True
    for _ in range(5):
        world.submit(Pulse(0, 300), address=2, within_ms=60_000)
    world.run(2_500)
    for address in (1, 3):
        own = [sent_ns for sent_ns, data in world.sent if data[2] == address]
        assert max(after - before for before, after in pairwise(own)) < 300 * MS


def test_bytes_between_frames_do_not_delay_the_next() -> None:
    world = World(1).online()
    for _ in range(20):
        world.run(49)
        world.inject(b"\x53\x81\x80\x00\x04", 0)
    times = [sent_ns for sent_ns, _ in world.sent]
    assert max(after - before for before, after in pairwise(times)) < 100 * MS


def test_timed_command_follows_a_sign_of_life() -> None:
    """A sleeping reader must find no order to open among the bytes it wakes up to."""
    world = World(1).online()
    world.run(33)
    missed: list[bytes] = []
    world.to_reader = lambda data: missed.append(data) or b""  # type: ignore[func-returns-value]
    command = world.submit(Pulse(0, 300), within_ms=60_000)
    world.run(5_000)
    assert world.outcome(command) == "lost"
    assert 0x68 not in [code_of(data) for data in missed]


def test_one_bad_reply_costs_less_than_half_a_second() -> None:
    world = World(1).online()
    world.readers[1].present_card(26, b"\x12\x34\x56\x40")
    damaged: list[int] = []

    def damage_one(data: bytes) -> bytes:
        if damaged:
            return data
        damaged.append(world.now_ns)
        return data[:-1] + bytes([data[-1] ^ 1])

    world.to_panel = damage_one
    world.run(500)
    assert damaged
    assert world.of(CardRead), "the reader repeats its reply: nothing is lost"
    assert world.of(CardRead)[0].at_ns - damaged[0] < 100 * MS
    assert world.of(DeviceOffline) == []
    assert codes_sent(world).count(0x61) == 0, "the session went on"


def test_bad_replies_without_repetition_cost_a_new_session_only() -> None:
    world = World(1, outputs=0).run(400).online()
    bad = [TRIES_IN_SESSION[Trouble.DAMAGED] + 1]

    def damage(data: bytes) -> bytes:
        bad[0] -= 1
        return data if bad[0] < 0 else data[:-1] + bytes([data[-1] ^ 1])

    world.to_panel = damage
    world.run(1_000)
    assert world.of(DeviceOffline) == []
    assert 0x77 in codes_sent(world)
    world.facts.clear()
    world.readers[1].present_card(8, b"\x01")
    assert world.run(100).of(CardRead)


def test_two_replies_lost_in_a_row_cost_no_session() -> None:
    world = World(1).run(400).online()
    swallow = [b"", b""]
    world.to_panel = lambda data: swallow.pop() if swallow else data
    command = world.submit(Hold(0, True), priority=Priority.SECURE, within_ms=None)
    world.run(1_000)
    assert world.outcome(command) == "confirmed"
    assert len(world.readers[1].executed) == 1
    assert link_facts(world) == []


def test_one_bad_reply_of_a_reader_that_repeats_nothing() -> None:
    """libosdp takes a repeated sequence number for a new message and leaves the session."""
    world = World(1).run(400).online()
    bad: list[int] = []

    def damage_one(data: bytes) -> bytes:
        world.readers[1]._last = None
        if bad:
            return data
        bad.append(world.now_ns)
        return data[:-1] + bytes([data[-1] ^ 1])

    world.to_panel = damage_one
    world.run(500)
    assert codes_sent(world).count(0x77) == 1
    assert [type(fact) for fact in link_facts(world)] == [DeviceOffline, DeviceOnline]
    polls = [sent_ns for sent_ns, data in world.sent if code_of(data) == 0x77]
    assert polls[0] - bad[0] < 300 * MS


def test_noise_before_a_reply_is_searched_through() -> None:
    world = World(1).online()
    world.to_panel = lambda data: b"\x53\x81\x80\x00\x04" + data
    world.readers[1].present_card(8, b"\x01")
    world.run(3_000)
    assert world.of(CardRead)
    assert world.of(DeviceOffline) == []


@pytest.mark.parametrize("seed", range(5))
def test_lossy_line_never_doubles_and_never_stays_away(seed: int) -> None:
    source = random.Random(seed)
    world = World(1, 2, seed=seed).online()
    world.to_panel = lambda data: b"" if source.random() < 0.1 else data
    world.to_reader = lambda data: b"" if source.random() < 0.05 else data
    commands = []
    for _ in range(40):
        commands.append(world.submit(Pulse(0, 100), within_ms=500))
        world.readers[1].present_card(8, bytes([len(commands)]))
        world.run(700)
    world.to_panel = world.to_reader = lambda data: data
    world.run(4_000)
    outcomes = [world.outcome(command) for command in commands]
    executed = len([done for _, done in world.readers[1].executed])
    confirmed = outcomes.count("confirmed")
    unknown = outcomes.count("lost")
    assert confirmed >= 25
    assert confirmed <= executed <= confirmed + unknown
    cards = [fact.data[0] for fact in world.of(CardRead)]
    assert cards == sorted(set(cards)), "no card twice, none out of order"
    assert world.bus.deadline() is not None
    world.facts.clear()
    world.readers[1].present_card(8, b"\x63")
    assert world.run(100).of(CardRead)


def test_busy_is_patience_and_no_answer() -> None:
    world = World(1).online()
    busy = [4]

    def answer_busy(data: bytes) -> bytes:
        busy[0] -= 1
        return BUSY if busy[0] >= 0 else data

    world.to_panel = answer_busy
    world.readers[1].present_card(8, b"\x01")
    world.run(600)
    assert world.of(CardRead)
    assert codes_sent(world).count(0x61) == 0


def test_too_many_commands_end_the_least_urgent() -> None:
    world = World(1).online()
    world.readers[1].silent = True
    world.run(60)
    signals = [world.submit(Beep(0, 1), priority=Priority.SIGNAL) for _ in range(64)]
    life = world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(0)
    assert [fact.command for fact in world.of(CommandEnded)] == [signals[-1]]
    world.readers[1].silent = False
    world.run(900)
    assert world.outcome(life) == "confirmed"


def test_stop_ends_everything_and_reports_offline() -> None:
    world = World(1, 2).online()
    world.readers[1].silent = True
    command = world.submit(Hold(0, True), priority=Priority.SECURE, within_ms=None)
    world.run(20)
    world.bus.stop(world.now_ns, "unplugged")
    world.run(100)
    assert world.outcome(command) == "lost"
    assert sorted(fact.device for fact in world.of(DeviceOffline)) == ["r1", "r2"]
    assert world.bus.bytes_to_send(world.now_ns) == b""
    assert world.bus.deadline() is None


def test_start_again_tells_again() -> None:
    world = World(1).online()
    world.bus.stop(world.now_ns, "unplugged")
    world.bus.start(world.now_ns, lambda command: True)
    world.run(500)
    assert len(world.of(DeviceOnline)) == 1


def link_facts(world: World) -> list[DeviceOnline | DeviceOffline]:
    return [fact for fact in world.facts if isinstance(fact, DeviceOnline | DeviceOffline)]


def told(world: World) -> list[type[Fact]]:
    """Kinds of facts; a reader without session refuses in clear first, which nobody believes."""
    return [type(fact) for fact in world.facts if not isinstance(fact, ProtocolViolated)]


def test_a_reader_that_reboots_is_back_without_being_reported_gone() -> None:
    world = World(1, outputs=0, inputs=2).online()
    world.readers[1].reboot()
    world.run(2_000)
    assert link_facts(world) == []
    assert world.of(InputsReported), "its inputs are read again"


def test_a_board_that_reboots_is_told_anew() -> None:
    """Its outputs are at rest: whoever holds them must hear of it and say what they shall be."""
    world = World(1).online()
    world.readers[1].reboot()
    world.run(2_000)
    assert told(world)[:5] == [
        DeviceOffline,
        DeviceOnline,
        TamperReported,
        InputsReported,
        OutputsReported,
    ]
    assert len(link_facts(world)) == 2, "and only once"
    assert world.of(DeviceOffline)[0].reason == "its session had to be renewed"


def test_what_a_board_was_to_do_before_its_reboot_is_lost_before_it_is_told_offline() -> None:
    world = World(1).online()
    world.readers[1].reboot()
    commands = [world.submit(Hold(place, True), within_ms=None) for place in (0, 1)]
    world.run(2_000)
    assert [world.outcome(command) for command in commands] == ["lost", "lost"]
    assert told(world)[:4] == [
        CommandEnded,
        CommandEnded,
        DeviceOffline,
        DeviceOnline,
    ]
    assert not world.readers[1].executed


def test_what_is_wished_because_a_board_is_back_is_sent() -> None:
    world = World(1).online()
    world.submit(Hold(0, True), within_ms=None)
    world.run(50)
    assert world.readers[1].outputs == (True, False)
    wished: list[str] = []

    def secure_again(fact: Fact) -> None:
        if isinstance(fact, DeviceOnline):
            hold = Hold(0, True)
            wished.append(world.submit(hold, priority=Priority.SECURE, within_ms=None))

    world.on_fact = secure_again
    world.readers[1].reboot()
    old = world.submit(Hold(0, False), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(1_000)
    assert world.outcome(old) == "lost"
    assert [world.outcome(command) for command in wished] == ["confirmed"]
    assert world.readers[1].outputs == (True, False)
    assert [done for _, done in world.readers[1].executed] == [osdp.Output(0, 2, 0)] * 2


def test_sessions_that_break_at_once_do_not_flood() -> None:
    world = World(1).online()
    obey = world.readers[1]._obey

    def leave(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        return osdp.Nak(6) if isinstance(command, osdp.Poll) else obey(command, now_ns)

    world.readers[1]._obey = leave  # type: ignore[method-assign]
    world.run(10_000)
    assert 10 <= len(world.of(DeviceOnline)) <= 35


@pytest.mark.parametrize("outputs", [0, 2])
def test_a_device_that_answers_nothing_inside_its_sessions_goes_offline(outputs: int) -> None:
    """It proves its key again and again, and yet it does nothing that it is told."""
    world = World(1, outputs=outputs).online()
    world.to_reader = lambda data: b"" if data[5] & 8 and data[7] in (0x15, 0x17) else data
    world.run(6_000)
    assert 0x77 in codes_sent(world)
    assert [type(fact) for fact in link_facts(world)] == [DeviceOffline]


def test_inputs_that_cannot_be_asked_for_are_told_unknown_with_a_renewed_session() -> None:
    """What such a device said before may have changed meanwhile, and it would never say so."""
    world = World(1, outputs=0, inputs=2)
    answer_inputs_with(world, osdp.Nak(3))
    world.online()
    world.readers[1].reboot()
    world.run(2_000)
    assert [type(fact) for fact in link_facts(world)] == [DeviceOffline, DeviceOnline]


@pytest.mark.parametrize("states", [b"", b"\x00", b"\x00\x01"])
def test_inputs_that_are_missing_from_a_report_are_missing_from_the_fact(states: bytes) -> None:
    """Whoever needs one of them takes it for cut; an older value must not stay."""
    world = World(1, inputs=3)
    world.readers[1]._inputs = [0, 0, 0]
    world.online()
    world.readers[1]._events.append(osdp.InputStatus(states))
    world.run(200)
    known = (InputState.INACTIVE, InputState.ACTIVE)[: len(states)]
    assert [fact.states for fact in world.of(InputsReported)] == [known]
    assert "inputs or outputs" in world.of(ProtocolViolated)[0].reason


def test_fewer_inputs_than_configured_when_asked() -> None:
    world = World(1, inputs=3).run(100)
    assert world.of(InputsReported)[0].states == (InputState.INACTIVE, InputState.INACTIVE)
    assert "inputs or outputs" in world.of(ProtocolViolated)[0].reason


def test_more_inputs_than_any_reader_has_are_cut_off() -> None:
    world = World(1).online()
    world.readers[1]._events.append(osdp.InputStatus(b"\x01" * 65))
    world.run(200)
    assert world.of(InputsReported)[0].states == (InputState.ACTIVE,) * 64
    assert "inputs or outputs" in world.of(ProtocolViolated)[0].reason


@pytest.mark.parametrize("outputs", [0, 2])
@pytest.mark.parametrize(
    "instead", [osdp.Nak(3), osdp.Nak(6), osdp.Ack(), osdp.Busy(), osdp.LocalStatus(0, 0)]
)
def test_inputs_that_can_no_longer_be_asked_for_are_gone(
    outputs: int, instead: osdp.Message
) -> None:
    world = World(1, outputs=outputs)
    answer_inputs_with(world, osdp.InputStatus(b"\x00\x01"), instead)
    world.run(100)
    assert [len(fact.states) for fact in world.of(InputsReported)] == [2]
    world.facts.clear()
    world.readers[1].reboot()
    world.run(1_000)
    assert {fact.states for fact in world.of(InputsReported)} == {()}
    assert any("inputs or outputs" in fact.reason for fact in world.of(ProtocolViolated))


def test_inputs_that_could_never_be_asked_for_are_unknown_until_one_changes() -> None:
    """libosdp's reader refuses the question and reports changes only."""
    world = World(1)
    answer_inputs_with(world, osdp.Nak(3))
    world.run(100)
    world.readers[1].reboot()
    world.run(1_000)
    assert world.of(InputsReported) == []
    world.readers[1].set_input(1, True)
    world.run(100)
    assert world.of(InputsReported)[0].states == (InputState.INACTIVE, InputState.ACTIVE)


def test_another_device_need_not_answer_what_the_one_before_did() -> None:
    world = World(1)
    answer_inputs_with(world, osdp.InputStatus(b"\x00\x01"), osdp.Nak(3))
    world.online()
    world.readers[1]._identity = osdp.Identity(b"\x00\x51\x7e", 1, 1, 99, b"\x01\x00\x00")
    world.readers[1].reboot()
    world.run(5_000).upkeep(Accept(device="r1")).run(1_000)
    assert [type(fact) for fact in link_facts(world)] == [DeviceOffline, DeviceOnline]
    assert world.of(InputsReported) == []


def test_two_buses_do_not_know_each_other() -> None:
    one, other = World(1).online(), World(1, seed=2).online()
    one.readers[1].silent = True
    one.run(4_000)
    other.run(4_000)
    assert one.of(DeviceOffline)
    assert not other.of(DeviceOffline)


def test_table_is_complete_and_drawn() -> None:
    assert set(TRANSITIONS) == set(product(State, Step))
    assert "offline --> identifying: time to try" in mermaid()
    reachable = {target for target in TRANSITIONS.values() if target is not None}
    assert reachable == set(State)
    into_online = [pair for pair, target in TRANSITIONS.items() if target is State.ONLINE]
    assert into_online == [(State.AUTHENTICATING, Step.SESSION_PROVEN)]


def test_an_impossible_step_crashes() -> None:
    world = World(1).online()
    with pytest.raises(link_module.BrokenAssumptionError, match="PROBE"):
        world.bus._links[0]._step(Step.PROBE)


def test_bus_is_silent_before_start() -> None:
    world = World(1)
    bus = Bus(world.config, world.entropy)
    assert bus.bytes_to_send(0) == b""
    assert key_of(1).hex() not in repr(world.config)
