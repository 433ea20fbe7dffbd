"""Every cell of the table of rules, on the wire: what goes out after whatever can go wrong."""

from collections.abc import Callable
from itertools import product

import msgspec
import pytest

from drivers.api import CardRead, DeviceOffline, Hold, OutputsReported, Priority, ProtocolViolated
from drivers.osdp import messages as osdp
from drivers.osdp.frame import Frame, encode
from drivers.osdp.link import Link
from drivers.osdp.rules import RULES, Rule, Trouble, refusal, tries_max
from drivers.osdp.states import State
from drivers.upkeep import Pair
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.test_bus import code_of
from tests.drivers.osdp.world import MS, World

NAKS = {
    Trouble.NAK_CHECK: 1,
    Trouble.NAK_LENGTH: 2,
    Trouble.NAK_COMMAND: 3,
    Trouble.NAK_SEQUENCE: 4,
    Trouble.NAK_BLOCK: 5,
    Trouble.NAK_SECURITY: 6,
    Trouble.NAK_BIO_TYPE: 7,
    Trouble.NAK_BIO_FORMAT: 8,
    Trouble.NAK_RECORD: 9,
    Trouble.NAK_OTHER: 0x80,
}
OUT = 0x68
HANDSHAKE = (State.IDENTIFYING, State.CAPABILITIES, State.CHALLENGED, State.AUTHENTICATING)

# What was decided, written down apart from the code: one letter for each cell, in the order of
# Trouble. D drop, W wait, R repeat, L later, N refused (no), G go on, A anew.
DECIDED = {
    State.OFFLINE: "DDDDDDDDDDDDDDD",
    State.IDENTIFYING: "RAAAAAAAAALWWRR",
    State.CAPABILITIES: "RGGGGGGGGGLWWRR",
    State.CHALLENGED: "RAAAAAAAAALWWRR",
    State.AUTHENTICATING: "RAAAAAAAAALWWRR",
    State.PAIRING: "AAAAAAAAAALWARR",
    State.ONLINE: "NNNAAANNNNLWWRR",
}
LETTERS = {
    Rule.DROP: "D",
    Rule.WAIT: "W",
    Rule.REPEAT: "R",
    Rule.LATER: "L",
    Rule.REFUSED: "N",
    Rule.GO_ON: "G",
    Rule.ANEW: "A",
}


class Scene:
    """A link in one state that gets a trouble, `times` times, in place of the answer it is owed.

    In a session it is a command's. The true answer comes `answer_ms` behind it, where that is set.
    """

    def __init__(
        self, state: State, trouble: Trouble, *, times: int, answer_ms: float | None = None
    ) -> None:
        self.state, self.trouble = state, trouble
        self.left, self._answer_ms = times, answer_ms
        self.asked = b""
        self.world = pairing_world() if state is State.PAIRING else World(1)
        self.reader = self.world.readers[1]
        self.world.to_panel = self._instead
        self.command = ""
        if state is State.ONLINE:
            self.world.run(150)
            self._obey, self.reader._obey = self.reader._obey, self._refuse  # type: ignore[method-assign]
            self.world.sent.clear()
            self.world.facts.clear()
            self.command = self.world.submit(
                Hold(0, True), priority=Priority.SECURE, within_ms=None
            )

    @property
    def link(self) -> Link:
        return self.world.bus._links[0]

    @property
    def repeats(self) -> list[int]:
        return [sent_ns for sent_ns, data in self.world.sent if data == self.asked]

    @property
    def next_code(self) -> int:
        """The command that followed what was asked, repetitions aside."""
        sent = [data for _, data in self.world.sent]
        after = sent[sent.index(self.asked) :]
        return next(code_of(data) for data in after if data != self.asked)

    def is_over(self) -> bool:
        """Whether the link has given up on what it asked."""
        over = {State.OFFLINE} if self.state in HANDSHAKE else {State.OFFLINE, State.IDENTIFYING}
        return self.link.state in over

    def _is_asked(self) -> bool:
        if self.state is not State.ONLINE:
            return self.link.state is self.state
        return code_of(self.world.sent[-1][1]) == OUT

    def _refuse(self, command: osdp.Message | None, now_ns: int) -> osdp.Message:
        """The reader's own refusal, with its MAC."""
        if isinstance(command, osdp.Output) and self.trouble in NAKS and self.left:
            return osdp.Nak(NAKS[self.trouble])
        return self._obey(command, now_ns)

    def _instead(self, reply: bytes) -> bytes:
        if not self.left or not self._is_asked():
            return reply
        asked = self.world.sent[-1][1]
        assert self.asked in (b"", asked), "the same bytes"
        self.asked = asked
        self.left -= 1
        if self._answer_ms is not None:
            self.world.inject(reply, self._answer_ms)
        return self._trouble(reply)

    def _trouble(self, reply: bytes) -> bytes:
        sequence = reply[5] & 3
        match self.trouble:
            case Trouble.SILENCE:
                return b""
            case Trouble.DAMAGED:
                return reply[:-1] + bytes([reply[-1] ^ 1])
            case Trouble.BUSY:
                return in_clear(0x79, 0)
            case Trouble.OTHER_SEQUENCE:
                return in_clear(0x40, (sequence + 2) % 4) + in_clear(0x40, (sequence + 1) % 4)
            case Trouble.NOT_THE_ANSWER:
                return in_clear(0x40, sequence)
            case _ if self.state is State.ONLINE:
                return reply
            case nak:
                return in_clear(0x41, sequence, bytes([NAKS[nak]]))


def pairing_world() -> World:
    """A reader without a key, and a panel that is to give it one."""
    world = World(1, key_file=None)
    world.readers[1] = SimulatedReader(1, None, world.entropy, installing=True)
    until_ns = world.now_ns + 60_000 * MS
    return world.upkeep(Pair(device="r1", key=bytes(range(16)), until_ns=until_ns))


def in_clear(code: int, sequence: int, data: bytes = b"") -> bytes:
    return encode(Frame(address=1, is_reply=True, sequence=sequence, code=code, data=data))


def run_until(world: World, done: Callable[[], bool]) -> None:
    """Millisecond by millisecond, for at most five seconds."""
    for _ in range(5_000):
        if done():
            return
        world.run(1)
    raise AssertionError("it never came to that")


def cells(*rules: Rule) -> list[tuple[State, Trouble]]:
    return [
        (state, trouble)
        for state, trouble in product(State, Trouble)
        if DECIDED[state][list(Trouble).index(trouble)] in {LETTERS[rule] for rule in rules}
    ]


def test_the_table_is_what_was_decided() -> None:
    table = {
        state: "".join(LETTERS[RULES[state, trouble]] for trouble in Trouble) for state in State
    }
    assert table == DECIDED


def test_every_number_of_a_refusal_has_its_row() -> None:
    assert [refusal(number) for number in range(11)] == [
        Trouble.NAK_OTHER,
        *list(Trouble)[:9],
        Trouble.NAK_OTHER,
    ]


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.WAIT))
def test_what_is_not_believed_leaves_room_for_the_answer(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1, answer_ms=10)
    scene.world.run(500)
    assert len(scene.repeats) == 1
    assert scene.link.state is State.ONLINE
    assert scene.world.of(DeviceOffline) == []


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.WAIT, Rule.REPEAT, Rule.LATER))
def test_without_the_answer_the_same_bytes_go_out_again(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1)
    scene.world.run(600)
    once = state is State.IDENTIFYING and trouble is not Trouble.BUSY
    assert len(scene.repeats) == (1 if once else 2)
    if once:
        assert scene.link.state is State.OFFLINE
        scene.world.run(2_000)
    assert scene.link.state is State.ONLINE
    if state is State.ONLINE:
        assert scene.world.outcome(scene.command) == "confirmed"
        assert len(scene.reader.executed) == 1, "the reader obeyed once"


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.LATER))
def test_who_is_busy_gets_a_moment(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1)
    scene.world.run(600)
    assert scene.repeats[1] - scene.repeats[0] >= 50 * MS


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.WAIT, Rule.REPEAT, Rule.LATER))
def test_nothing_is_repeated_for_ever(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1_000)
    scene.world.run(1)
    run_until(scene.world, scene.is_over)
    # A reader that is busy all the time is treated as a silent one in the end.
    silence = tries_max(state, Trouble.SILENCE) if trouble is Trouble.BUSY else 0
    most = tries_max(state, trouble) + silence - (trouble is Trouble.BUSY)
    assert len(scene.repeats) == most
    if state is State.ONLINE:
        assert scene.world.run(500).outcome(scene.command) == "lost"
        assert scene.next_code == 0x61


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.GO_ON))
def test_what_is_not_needed_is_gone_without(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1)
    scene.world.run(300)
    assert len(scene.repeats) == 1
    assert scene.next_code == 0x76
    assert scene.link.state is State.ONLINE


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.ANEW))
def test_what_ends_the_way_begins_it_anew(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1)
    scene.world.run(2_500)
    # The first frame of all is the same whenever it goes out.
    assert len(scene.repeats) == (2 if state is State.IDENTIFYING else 1)
    if state is not State.IDENTIFYING:
        assert scene.next_code == 0x61
    assert scene.link.state is State.ONLINE, "and it comes to a session again"
    if state is State.ONLINE:
        assert scene.world.outcome(scene.command) == "refused"


@pytest.mark.parametrize(("state", "trouble"), cells(Rule.REFUSED))
def test_a_refusal_inside_the_session_settles_one_command(state: State, trouble: Trouble) -> None:
    scene = Scene(state, trouble, times=1)
    scene.world.run(300)
    assert len(scene.repeats) == 1
    assert scene.world.outcome(scene.command) == "refused"
    assert scene.next_code in {0x60, 0x66}, "the session goes on"
    again = scene.world.submit(Hold(0, True), priority=Priority.SECURE, within_ms=None)
    assert scene.world.run(100).outcome(again) == "confirmed"


@pytest.mark.parametrize("trouble", list(Trouble))
def test_what_nobody_asked_for_is_dropped(trouble: Trouble) -> None:
    """While nobody is there, and between two questions of a session."""
    world = World(1).online()
    heard = in_clear(0x41, 1, bytes([NAKS[trouble]])) if trouble in NAKS else in_clear(0x79, 0)
    link = world.bus._links[0]
    for state in (State.ONLINE, State.OFFLINE):
        world.readers[1].silent = state is State.OFFLINE
        run_until(world, lambda state=state: link.state is state and link._pending is None)  # type: ignore[misc]
        world.run(5)
        world.facts.clear()
        sent = len(world.sent)
        world.inject(heard, 0)
        world.run(5)
        assert link.state is state
        assert len(world.sent) == sent
        assert world.facts == []


@pytest.mark.parametrize("number", range(256))
def test_a_refusal_without_its_mac_settles_nothing(number: int) -> None:
    """Inside a session anybody could have sent it."""
    world = World(1).online()
    world.to_panel = lambda reply: in_clear(0x41, reply[5] & 3, bytes([number])) + reply
    command = world.submit(Hold(0, True), priority=Priority.SECURE, within_ms=None)
    world.run(100)
    assert world.outcome(command) == "confirmed"
    assert len(world.of(ProtocolViolated)) == 1
    assert world.of(OutputsReported)


def test_a_marking_byte_before_and_behind_a_reply_is_no_part_of_it() -> None:
    world = World(1)
    world.to_panel = lambda reply: b"\xff\xff" + reply + b"\xff"
    world.run(500)
    assert world.bus._links[0].state is State.ONLINE
    assert world.of(ProtocolViolated) == []


def test_a_reader_that_knows_checksums_only_is_told_by_its_silence() -> None:
    """It takes our CRC for damage: it never comes to a session, and nothing is lowered for it."""
    world = World(1)
    world.to_reader = lambda data: b""
    world.run(5_000)
    assert world.of(DeviceOffline)
    assert {data[5] & 4 for _, data in world.sent} == {4}, "every frame of ours has a CRC"


def test_a_reply_with_a_checksum_is_as_good_as_its_mac() -> None:
    """The check guards against noise; what is believed is decided by the Secure Channel."""
    world = World(1)
    reader = world.readers[1]
    head = reader._head

    def with_checksum(frame: Frame, code: int, data: bytes) -> Frame:
        return msgspec.structs.replace(head(frame, code, data), uses_crc=False)

    reader._head = with_checksum  # type: ignore[method-assign]
    world.online()
    assert {reply[5] & 4 for reply in world.heard} == {0}
    reader.present_card(8, b"\x01")
    assert world.run(100).of(CardRead)
