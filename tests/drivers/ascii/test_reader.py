"""One reader in virtual time: what counts as a reading, when it is online, what it can be told."""

import os
import random
from typing import TypeVar

import pytest

from drivers.api import (
    Action,
    BadgeUnread,
    Beep,
    CardRead,
    CodeRead,
    Color,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    Light,
    Outcome,
    Priority,
    Pulse,
    Show,
    Spoken,
)
from drivers.ascii_serial.family import ID12, RDM6300, SCANNER
from drivers.ascii_serial.frames import BROKEN, CHECKSUM, NO_END
from drivers.ascii_serial.presence import AWAY_NS, MS, PRESENT_MAX
from drivers.ascii_serial.reader import CROWDED, FRAME_GAP_NS, WAITING, Kind, Reader
from simulators.ascii_reader import (
    Scanner,
    TagModule,
    id12,
    id12_frame,
    rdm6300,
    rdm6300_frame,
)

F = TypeVar("F", bound=Fact)
A, B = bytes.fromhex("0C000621A5"), bytes.fromhex("05AAE062B4")
AWAY_MS = AWAY_NS // MS


class Line:
    """A device and the reader that listens to it, joined in memory."""

    def __init__(self, kind: Kind = RDM6300, device: TagModule | Scanner | None = None) -> None:
        self.now_ns = 1_000_000 * MS
        self.reader = Reader("r1", kind)
        self.device = device or rdm6300()
        self.device.say = self.say
        self.facts: list[Fact] = []
        self._lying: bytes | None = None
        self.start()

    def start(self) -> None:
        self.reader.start(self.now_ns, lambda command: True)

    def say(self, data: bytes) -> None:
        """Bytes come, and nobody looks at the time."""
        if self._lying is not None:
            self._lying += data
            return
        self.reader.receive(data, self.now_ns)
        self._hear()

    def run(self, ms: float) -> "Line":
        """Time passes, as for a driver that wakes whenever something is due."""
        end_ns = self.now_ns + int(ms * MS)
        self._hear()
        while True:
            due = (self.device.deadline(), self.reader.deadline())
            self.now_ns = min([end_ns, *(max(at, self.now_ns) for at in due if at is not None)])
            if self.now_ns == end_ns:
                return self
            self.device.handle_deadline(self.now_ns)
            self.reader.handle_deadline(self.now_ns)
            self._hear()

    def stall(self, ms: float) -> "Line":
        """The process stands still; what arrives meanwhile is read in one go behind it."""
        end_ns, self._lying = self.now_ns + int(ms * MS), b""
        while (due_ns := self.device.deadline()) is not None and due_ns < end_ns:
            self.device.handle_deadline(due_ns)
        self.now_ns = end_ns
        lying, self._lying = self._lying, None
        self.reader.receive(lying, self.now_ns)
        self.reader.handle_deadline(self.now_ns)
        self._hear()
        return self

    def online(self) -> "Line":
        self.run(AWAY_MS + 1)
        assert len(self.of(DeviceOnline)) == 1
        self.facts.clear()
        return self

    def hold(self, badge: bytes) -> None:
        assert isinstance(self.device, TagModule)
        self.device.hold(badge, self.now_ns)

    def remove(self, badge: bytes) -> None:
        assert isinstance(self.device, TagModule)
        self.device.remove(badge, self.now_ns)

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def cards(self) -> list[bytes]:
        assert all(card.bits == 40 for card in self.of(CardRead))
        return [card.data for card in self.of(CardRead)]

    @property
    def unread(self) -> list[str]:
        return [fact.reason for fact in self.of(BadgeUnread)]

    def end_of(self, action: Action, device: str = "r1") -> Outcome:
        command = Command(
            id="c1", device=device, action=action, priority=Priority.SIGNAL, not_after_ns=None
        )
        self.reader.submit(command, self.now_ns)
        self._hear()
        [end] = self.of(CommandEnded)
        self.facts.remove(end)
        return end.outcome

    def _hear(self) -> None:
        while (fact := self.reader.next_fact()) is not None:
            self.facts.append(fact)


# --- one badge, one reading --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RDM6300, ID12])
def test_a_badge_is_read_once_however_long_it_is_held(kind: Kind) -> None:
    line = Line(kind, rdm6300() if kind is RDM6300 else id12()).online()
    line.hold(A)
    line.run(60_000)
    assert line.cards == [A]
    line.remove(A)
    line.run(AWAY_MS + 1)
    line.hold(A)
    line.run(1_000)
    assert line.cards == [A, A], "it had left and came again"


def test_a_badge_that_trembles_at_the_edge_of_the_field_is_one_reading() -> None:
    line = Line().online()
    for _ in range(20):
        line.hold(A)
        line.run(70)
        line.remove(A)
        line.run(AWAY_MS - 100)
    assert line.cards == [A]


def test_another_badge_in_between_counts_at_once() -> None:
    line = Line().online()
    line.hold(A)
    line.run(200)
    line.remove(A)
    line.hold(B)
    line.run(100)
    assert line.cards == [A, B]
    line.remove(B)
    line.hold(A)
    line.run(100)
    assert line.cards == [A, B], "the first had been away for 100 ms only"


def test_a_badge_counts_when_its_last_byte_came() -> None:
    line = Line().online()
    frame = rdm6300_frame(A)
    line.say(frame[:-1])
    line.run(40)
    line.say(frame[-1:])
    assert line.of(CardRead)[0].at_ns == line.now_ns
    assert line.of(CardRead)[0].reader == 0


def test_a_process_that_stood_still_sees_one_badge_that_stayed() -> None:
    line = Line().online()
    line.hold(A)
    line.run(100)
    line.stall(5_000)
    line.run(100)
    assert line.cards == [A], "it never left"
    line.remove(A)
    line.stall(5_000)
    line.hold(A)
    line.run(100)
    assert line.cards == [A, A]


def test_a_process_that_stood_still_reads_a_frame_whose_end_waited() -> None:
    line = Line(ID12, id12()).online()
    frame = id12_frame(A)
    line.say(frame[:5])
    line.now_ns += 10 * FRAME_GAP_NS
    line.say(frame[5:])
    assert line.cards == [A]


def test_more_badges_than_people_can_show_are_guesses() -> None:
    """Whoever has the cable tries a few numbers in half a second, not seventy."""
    line = Line().online()
    seconds = 10
    for number in range(seconds * 60):
        line.say(rdm6300_frame(number.to_bytes(5, "big")))
        line.run(1_000 / 60)
    assert len(line.cards) <= PRESENT_MAX * (seconds * 1_000 / AWAY_MS + 1)
    assert line.unread == [CROWDED], "said once of a flood"
    line.run(AWAY_MS + 1)
    line.hold(A)
    line.run(100)
    assert line.cards[-1] == A


# --- what is not read --------------------------------------------------------------------------


def test_a_wrong_checksum_is_no_badge_and_told_once() -> None:
    line = Line().online()
    for _ in range(30):
        line.say(b"\x020D000621A58E\x03")
        line.run(65)
    assert line.cards == []
    assert line.unread == [CHECKSUM]
    line.run(AWAY_MS + 1)
    line.say(b"\x020D000621A58E\x03")
    assert line.unread == [CHECKSUM] * 2
    line.hold(A)
    line.run(1)
    assert line.cards == [A], "the next whole frame is read at once"


def test_half_a_frame_never_goes_on() -> None:
    line = Line().online()
    line.say(rdm6300_frame(A)[:9])
    line.run(FRAME_GAP_NS / MS - 1)
    assert line.unread == []
    line.run(2)
    assert line.unread == [BROKEN]
    line.say(rdm6300_frame(A)[9:])
    assert line.cards == []


def test_a_frame_that_comes_in_slow_pieces_is_read() -> None:
    line = Line().online()
    for byte in rdm6300_frame(A):
        line.say(bytes([byte]))
        line.run(FRAME_GAP_NS / MS - 10)
    assert line.cards == [A]


# --- a line that comes and goes ----------------------------------------------------------------


def test_online_is_told_when_it_was_listened_to_for_a_while_and_promises_nothing() -> None:
    line = Line().run(AWAY_MS - 1)
    assert line.facts == []
    line.run(2)
    [online] = line.of(DeviceOnline)
    assert not online.secure
    assert "not observable" in online.identity


def test_a_badge_that_was_there_before_opens_nothing() -> None:
    """A line that comes back again and again under a forgotten badge is not a person at a door."""
    line = Line()
    line.hold(A)
    for _ in range(5):
        line.run(3_000)
        line.reader.stop(line.now_ns, "unplugged")
        line.run(50)
        line.start()
    line.run(3_000)
    assert line.cards == []
    assert line.unread == [WAITING] * 6
    line.remove(A)
    line.run(AWAY_MS + 1)
    line.hold(A)
    line.run(1)
    assert line.cards == [A], "taken away and shown again"


def test_what_was_heard_before_a_line_went_again_is_not_told_of_the_next() -> None:
    line = Line()
    line.hold(A)
    line.run(AWAY_MS / 2)
    line.remove(A)
    line.reader.stop(line.now_ns, "unplugged")
    line.run(1)
    line.start()
    line.run(AWAY_MS + 1)
    assert line.unread == []


@pytest.mark.parametrize("cut", range(15))
def test_what_began_before_an_unplug_never_ends_behind_it(cut: int) -> None:
    line = Line().online()
    frame = rdm6300_frame(A)
    line.say(frame[:cut])
    line.reader.stop(line.now_ns, "unplugged")
    line.run(1)
    assert [fact.reason for fact in line.of(DeviceOffline)] == ["unplugged"]
    assert line.cards == ([A] if cut == 14 else [])
    line.facts.clear()
    line.start()
    line.say(frame[cut:])
    line.online()
    assert line.cards == []
    line.hold(A)
    line.run(1)
    assert line.cards == [A]


def test_a_port_that_stays_away_is_told_once() -> None:
    line = Line().online()
    for _ in range(3):
        line.reader.stop(line.now_ns, "no such port")
        line.run(1)
    assert len(line.of(DeviceOffline)) == 1
    line.start()
    line.reader.stop(line.now_ns, "no such port")
    line.run(1)
    assert len(line.of(DeviceOffline)) == 2, "each line that was opened says how it ended"


def test_nothing_of_a_badge_is_kept_when_it_has_gone() -> None:
    line = Line().online()
    line.say(rdm6300_frame(A) + rdm6300_frame(B)[:8])
    line.run(AWAY_MS + FRAME_GAP_NS / MS + 1)
    assert line.reader._presence._heard_ns == {}
    assert not line.reader._decoder.is_open
    assert line.reader.deadline() is None, "and nothing is waited for"


@pytest.mark.parametrize("seed", [1, int(os.environ["SENTRYPOST_SEED"])])
def test_a_day_of_badges_noise_stalls_and_unplugs(seed: int) -> None:
    """Whatever happens: no badge that was not held, and none more often than it came."""
    source = random.Random(seed)
    line = Line()
    line.run(AWAY_MS + 1)
    shown: dict[bytes, int] = {}
    for _ in range(300):
        badge = bytes([0, 0, 0, source.randrange(3), source.randrange(256)])
        shown[badge] = shown.get(badge, 0) + 1
        line.hold(badge)
        line.run(source.uniform(0, 2_000))
        happens = source.randrange(5)
        if happens == 0:
            line.stall(source.uniform(0, 3_000))
        elif happens == 1:
            frame = rdm6300_frame(source.randbytes(5))
            line.say(frame[: source.randrange(13)])
        elif happens == 2:
            line.say(bytes(source.choices(range(256), k=source.randrange(40))))
        elif happens == 3:
            line.reader.stop(line.now_ns, "unplugged")
            line.run(source.uniform(0, 500))
            line.start()
            line.run(source.uniform(0, 1_000))
        line.remove(badge)
        line.run(source.uniform(0, 2_000))
    assert len(line.cards) > 100
    for badge in set(line.cards):
        assert line.cards.count(badge) <= shown[badge]


# --- scanners ----------------------------------------------------------------------------------


def test_a_code_is_read_once_while_it_is_held_before_the_scanner() -> None:
    scanner = Scanner()
    line = Line(SCANNER, scanner).online()
    for _ in range(10):
        scanner.scan("VISIT-1")
        line.run(300)
    scanner.scan("VISIT-2")
    line.run(300)
    assert [code.text for code in line.of(CodeRead)] == ["VISIT-1", "VISIT-2"]
    assert line.of(CodeRead)[0].reader == 0
    line.run(AWAY_MS + 1)
    scanner.scan("VISIT-1")
    line.run(1)
    assert [code.text for code in line.of(CodeRead)][2:] == ["VISIT-1"]
    assert "VISIT" not in repr(line.facts)


def test_a_scanner_that_was_not_set_up_says_so() -> None:
    scanner = Scanner(end=b"")
    line = Line(SCANNER, scanner).online()
    scanner.scan("VISIT-1")
    line.run(FRAME_GAP_NS / MS + 1)
    assert line.unread == [NO_END]
    assert line.of(CodeRead) == []


# --- what it can be told -----------------------------------------------------------------------


def test_signs_are_refused_and_outputs_are_a_mistake() -> None:
    line = Line()
    signs: list[Action] = [Light(0, Color.GREEN, 1_500), Beep(0, 1), Show(0, "no", 1_000)]
    for sign in signs:
        assert line.end_of(sign) is Outcome.LOST, "not yet online"
    line.online()
    for sign in signs:
        assert line.end_of(sign) is Outcome.REFUSED
    for action in (Pulse(0, 1_000), Hold(0, on=True)):
        with pytest.raises(ValueError, match="no outputs"):
            line.end_of(action)
    with pytest.raises(ValueError, match="no reader 'r2'"):
        line.end_of(Beep(0, 1), device="r2")
    line.reader.stop(line.now_ns, "unplugged")
    assert line.end_of(Beep(0, 1)) is Outcome.LOST


# --- who watches -------------------------------------------------------------------------------


def test_whoever_watches_sees_messages_and_no_badge() -> None:
    seen: list[Spoken] = []
    line = Line().online()
    line.reader.tap = seen.append
    line.say(b"\xff" + rdm6300_frame(A) + b"\x020D000621A58E\x03")
    line.run(65)
    line.say(rdm6300_frame(A))
    line.reader.tap = None
    line.say(rdm6300_frame(A))
    assert [spoken.text for spoken in seen] == [
        "badge, 14 bytes",
        f"badge not read, 14 bytes: {CHECKSUM}",
        "1 bytes of noise",
        "badge, 14 bytes",
    ], "those that are still there as well"
    assert seen[0].frame == b"\x02************\x03"
    assert not any(spoken.outgoing for spoken in seen)
    assert seen[0].device == "r1"
