"""Files for readers, in virtual time: piece by piece, between everything else, through faults."""

import random
from itertools import pairwise

import pytest

from drivers.api import (
    FILE_BYTES_MAX,
    CardRead,
    CommandEnded,
    DeviceOffline,
    Fact,
    FileProgress,
    Hold,
    Priority,
    ProtocolViolated,
    SendFile,
)
from drivers.osdp import messages as osdp
from drivers.osdp.frame import LENGTH_MAX
from drivers.osdp.messages import FileStatusDetail
from drivers.osdp.secure import plain_room
from drivers.osdp.transfer import RESTARTS_MAX
from simulators.osdp_files import FileReceiver
from simulators.osdp_line import flip_one_bit
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.test_bus import code_of
from tests.drivers.osdp.world import MS, World, key_of

FILETRANSFER, ABORT, POLL, OUT = 0x7C, 0xA2, 0x60, 0x68
SLOW_BYTE_NS = 10 * 1_000_000_000 // 9600


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def world_with(files: FileReceiver, *, outputs: int = 0, receive_size: int = 1440) -> World:
    world = World(1, outputs=outputs, inputs=0)
    world.readers[1] = SimulatedReader(
        1,
        key_of(1),
        random.Random(7).randbytes,
        outputs=outputs,
        receive_size=receive_size,
        files=files,
    )
    return world.online()


def send(world: World, content: bytes, kind: int = 1) -> str:
    return world.submit(SendFile(content, kind), priority=Priority.SIGNAL, within_ms=None)


def end_of(world: World, command: str) -> CommandEnded:
    return next(fact for fact in world.of(CommandEnded) if fact.command == command)


def sent(world: World, code: int) -> list[int]:
    return [at_ns for at_ns, data in world.sent if code_of(data) == code]


@pytest.mark.parametrize("size", [1, 1_411, 1_412, 1_413, 5_000, 200_000])
def test_a_file_arrives_as_it_is(size: int) -> None:
    files = FileReceiver()
    world = world_with(files)
    command = send(world, content_of(size), kind=0x85)
    world.run(20_000)
    assert world.outcome(command) == "confirmed"
    assert files.files == [(0x85, content_of(size))]
    progress = world.of(FileProgress)
    assert [fact.sent for fact in progress] == sorted({fact.sent for fact in progress})
    assert (progress[-1].sent, progress[-1].total) == (size, size)
    assert len(progress) <= 101
    assert sent(world, ABORT) == []


@pytest.mark.parametrize(
    ("receive_size", "size", "longest"), [(0, 0, 128), (256, 0, 256), (1440, 300, 300)]
)
def test_no_frame_is_longer_than_the_reader_takes(
    receive_size: int, size: int, longest: int
) -> None:
    files = FileReceiver(size=size)
    world = world_with(files, receive_size=receive_size)
    send(world, content_of(3_000))
    world.run(5_000)
    assert files.files
    lengths = [len(data) - 1 for _, data in world.sent if code_of(data) == FILETRANSFER]
    assert max(lengths[1:]) <= longest
    assert max(lengths[1:]) > longest - 32, "and uses what it has"


def test_room_of_an_encrypted_frame() -> None:
    for length in range(128, LENGTH_MAX + 1):
        blocks = (plain_room(length) + 1 + 15) // 16
        assert 14 + 16 * blocks <= length < 14 + 16 * (blocks + 1)


def test_a_piece_takes_a_slow_line_for_a_tenth_of_a_second() -> None:
    files = FileReceiver()
    world = world_with(files)
    world.bus._links[0].byte_ns = SLOW_BYTE_NS
    send(world, content_of(2_000))
    world.run(5_000)
    assert files.files
    assert files.longest * SLOW_BYTE_NS <= 100 * MS


def test_cards_and_commands_go_between_the_pieces() -> None:
    files = FileReceiver()
    world = world_with(files, outputs=2)
    send(world, content_of(FILE_BYTES_MAX // 4))
    shown = []
    for number in range(10):
        world.run(77)
        shown.append(world.now_ns)
        world.readers[1].present_card(8, bytes([number]))
        freed = world.submit(Hold(0, bool(number % 2)), priority=Priority.LIFE_SAFETY)
        world.run(5)
        assert world.outcome(freed) == "confirmed", "it waits for one piece at most"
    world.run(100)
    assert not files.files, "the file is still on its way"
    cards = [fact.at_ns for fact in world.of(CardRead)]
    assert len(cards) == 10
    assert max(heard - at for heard, at in zip(cards, shown, strict=True)) < 60 * MS
    polls = sent(world, POLL)
    assert max(after - before for before, after in pairwise(polls)) < 60 * MS
    assert len(sent(world, FILETRANSFER)) > 100


def test_a_reader_that_wants_nothing_in_between_gets_commands_only() -> None:
    files = FileReceiver(interleave=False)
    world = world_with(files, outputs=2)
    send(world, content_of(200_000))
    world.run(30)
    world.sent.clear()
    freed = world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY)
    granted = world.submit(Hold(1, True), priority=Priority.PASSAGE)
    world.run(100)
    assert {world.outcome(freed), world.outcome(granted)} == {"confirmed"}
    assert not files.files
    assert sent(world, POLL) == []
    world.run(2_000)
    assert files.files
    assert sent(world, POLL), "and it is polled again behind the file"


def test_its_pauses_are_kept_to_and_it_stays_online() -> None:
    files = FileReceiver(delay_ms=3_000, interleave=False)
    world = world_with(files)
    command = send(world, content_of(3_000))
    world.run(20_000)
    assert world.outcome(command) == "confirmed"
    pieces = sent(world, FILETRANSFER)
    assert min(after - before for before, after in pairwise(pieces)) >= 3_000 * MS
    assert world.of(DeviceOffline) == []


def test_a_reader_with_something_to_tell_is_polled_first() -> None:
    files = FileReceiver(talkative=True)
    world = world_with(files)
    send(world, content_of(20_000))
    world.run(2_000)
    assert files.files
    codes = [code_of(data) for _, data in world.sent]
    pieces = [at for at, code in enumerate(codes) if code == FILETRANSFER]
    assert all(codes[at + 1] == POLL for at in pieces)


@pytest.mark.parametrize("ending", [FileStatusDetail.PROCESSED, FileStatusDetail.REBOOTING])
def test_a_reader_may_take_its_time_over_the_whole_file(ending: int) -> None:
    files = FileReceiver(finishing=20, ending=ending)
    world = world_with(files)
    command = send(world, content_of(3_000))
    world.run(3_000)
    assert not files.files
    world.run(3_000)
    assert world.outcome(command) == "confirmed"
    assert len(files.files) == 1


def test_a_reader_that_never_comes_to_an_end_is_given_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drivers.osdp.transfer.FINISH_WITHIN_NS", 20_000 * MS)
    world = world_with(FileReceiver(finishing=1_000_000))
    command = send(world, content_of(100))
    world.run(19_000)
    assert world.of(CommandEnded) == []
    world.run(3_000)
    assert "never said what became of it" in end_of(world, command).reason
    assert len(sent(world, ABORT)) == 1


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (FileStatusDetail.ABORTED, "ended the transfer"),
        (FileStatusDetail.UNRECOGNISED, "does not know what to do"),
        (FileStatusDetail.UNACCEPTABLE, "damaged or not for it"),
        (-4, "refused the file"),
        (-32768, "refused the file"),
        (FileStatusDetail.PROCESSED, "says that it has the whole file and has not"),
        (FileStatusDetail.REBOOTING, "says that it has the whole file and has not"),
    ],
)
def test_a_reader_that_does_not_want_it(ending: int, reason: str) -> None:
    files = FileReceiver(ending=ending, refuse_at=1)
    world = world_with(files)
    command = send(world, content_of(5_000))
    world.run(1_000)
    assert world.outcome(command) == "refused"
    assert reason in end_of(world, command).reason
    assert (len(sent(world, FILETRANSFER)), len(sent(world, ABORT))) == (2, 1)
    files.refuse_at, files.ending = None, FileStatusDetail.PROCESSED
    again = send(world, content_of(100))
    world.run(500)
    assert world.outcome(again) == "confirmed", "another file may be tried"


def test_the_next_file_waits_until_the_reader_was_told_to_forget_the_last() -> None:
    files = FileReceiver(ending=FileStatusDetail.UNACCEPTABLE, refuse_at=1)
    world = world_with(files, outputs=1)
    again: list[str] = []

    def urgent(reply: bytes) -> bytes:
        if len(sent(world, FILETRANSFER)) == 2 and not sent(world, OUT):
            world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY)  # goes before the abort
        return reply

    world.to_panel = urgent

    def next_one(fact: Fact) -> None:
        if isinstance(fact, CommandEnded) and not again:
            files.refuse_at, files.ending = None, FileStatusDetail.PROCESSED
            again.append(send(world, content_of(100)))

    world.on_fact = next_one
    send(world, content_of(5_000))
    world.run(1_000)
    assert world.outcome(again[0]) == "confirmed"
    codes = [code_of(data) for _, data in world.sent]
    rest = [OUT, ABORT, FILETRANSFER]
    assert [code for code in codes if code not in {POLL, 0x66}] == [FILETRANSFER] * 2 + rest


def test_a_reader_that_knows_no_files_says_no() -> None:
    world = World(1, outputs=0).online()
    command = send(world, content_of(5_000))
    world.run(500)
    assert world.outcome(command) == "refused"
    assert "osdp_NAK 9" in end_of(world, command).reason
    assert len(sent(world, FILETRANSFER)) == 1


def test_an_answer_of_another_kind_ends_it() -> None:
    world = world_with(FileReceiver())
    obey = world.readers[1]._obey

    def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        is_piece = isinstance(command, osdp.FileTransfer)
        return osdp.RawCard(0, 0, 8, b"\x01") if is_piece else obey(command, now_ns)

    world.readers[1]._obey = instead  # type: ignore[method-assign]
    command = send(world, content_of(5_000))
    world.run(500)
    assert world.outcome(command) == "refused"
    assert world.of(CardRead) == []


def test_one_file_at_a_time() -> None:
    files = FileReceiver()
    world = world_with(files)
    first, second = send(world, content_of(5_000)), send(world, content_of(6_000))
    world.run(1_000)
    assert world.outcome(first) == "confirmed"
    assert "another file" in end_of(world, second).reason
    assert [len(content) for _, content in files.files] == [5_000]


def test_a_file_that_is_not_wanted_any_more_is_taken_back() -> None:
    files = FileReceiver()
    world = world_with(files)
    command = send(world, content_of(200_000))
    world.run(100)
    world.stands = False
    pieces = len(sent(world, FILETRANSFER))
    world.run(1_000)
    assert world.outcome(command) == "withdrawn"
    assert len(sent(world, FILETRANSFER)) <= pieces + 1
    assert files.aborts == 1
    assert files.files == []


def test_a_file_that_was_never_wanted_sends_nothing() -> None:
    files = FileReceiver()
    world = world_with(files)
    world.stands = False
    command = send(world, content_of(5_000))
    world.run(500)
    assert world.outcome(command) == "withdrawn"
    assert sent(world, FILETRANSFER) + sent(world, ABORT) == []


@pytest.mark.parametrize("outputs", [0, 2])
def test_a_session_that_breaks_begins_the_file_anew(outputs: int) -> None:
    files = FileReceiver()
    world = world_with(files, outputs=outputs)
    command = send(world, content_of(200_000))
    world.run(60)
    world.readers[1].reboot()
    world.run(5_000)
    assert world.outcome(command) == "confirmed"
    assert files.aborts == 1
    assert files.files == [(1, content_of(200_000))]


def test_sessions_that_break_again_and_again_end_it() -> None:
    files = FileReceiver()
    world = world_with(files)
    obey = world.readers[1]._obey

    def leave(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        is_second = isinstance(command, osdp.FileTransfer) and command.offset > 0
        return osdp.Nak(6) if is_second else obey(command, now_ns)

    world.readers[1]._obey = leave  # type: ignore[method-assign]
    command = send(world, content_of(5_000))
    world.run(20_000)
    assert world.outcome(command) == "lost"
    assert "broke too often" in end_of(world, command).reason
    assert len(sent(world, FILETRANSFER)) == 2 * (RESTARTS_MAX + 1)
    assert files.aborts == RESTARTS_MAX
    assert files.files == []


def test_a_reader_that_goes_away_loses_it() -> None:
    world = world_with(FileReceiver())
    command = send(world, content_of(200_000))
    world.run(100)
    world.readers[1].silent = True
    world.run(4_000)
    assert world.outcome(command) == "lost"
    world.readers[1].silent = False
    world.sent.clear()
    world.run(4_000)
    assert sent(world, FILETRANSFER) + sent(world, ABORT) == []


def test_another_reader_in_its_place_does_not_get_it() -> None:
    files = FileReceiver()
    world = world_with(files)
    command = send(world, content_of(200_000))
    world.run(100)
    world.readers[1]._identity = osdp.Identity(b"\x00\x51\x7e", 1, 1, 99, b"\x01\x00\x00")
    world.readers[1].reboot()
    world.run(3_000)
    assert world.outcome(command) == "lost"
    assert files.files == []


@pytest.mark.parametrize("fixed", [1, None])
def test_a_file_arrives_through_noise(fixed: int | None, seed: int) -> None:
    """Every fiftieth frame of either side is spoilt: the reader repeats, no session is lost."""
    seed = seed if fixed is None else fixed
    source = random.Random(seed)

    def noisy(data: bytes) -> bytes:
        return flip_one_bit(data, source) if source.random() < 0.02 else data

    files = FileReceiver()
    world = world_with(files)
    world.to_panel = world.to_reader = noisy
    command = send(world, content_of(200_000))
    world.run(30_000)
    assert world.outcome(command) == "confirmed", f"seed {seed}"
    assert files.files == [(1, content_of(200_000))], f"seed {seed}"
    assert world.of(ProtocolViolated) == [], f"seed {seed}"


@pytest.mark.parametrize(
    ("file", "limit"),
    [
        (SendFile(b""), "1..4194304"),
        (SendFile(bytes(FILE_BYTES_MAX + 1)), "1..4194304"),
        (SendFile(b"x", 0), "1..255"),
        (SendFile(b"x", 256), "1..255"),
    ],
)
def test_what_is_no_file_for_a_reader_is_refused_when_it_is_said(
    file: SendFile, limit: str
) -> None:
    world = world_with(FileReceiver())
    with pytest.raises(ValueError, match=limit):
        world.submit(file)


def test_a_file_does_not_show() -> None:
    assert "4711" not in repr(SendFile(b"key=4711"))
    assert "4711" not in repr(osdp.FileTransfer(1, 8, 0, 8, b"key=4711"))
