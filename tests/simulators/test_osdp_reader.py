"""The simulated reader as a device: what a panel, or a test of one, may rely on."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from drivers.osdp import messages as osdp
from drivers.osdp.frame import NEED_MORE, Frame, FrameDecoder, encode
from drivers.osdp.translate import TICK_MS
from simulators.osdp_line import ReaderLine, flip_one_bit
from simulators.osdp_reader import EVENTS_MAX, FRAME_GAP_NS, SimulatedReader

MS = 1_000_000


def asked(message: osdp.Message, sequence: int, address: int = 1) -> bytes:
    code, data = osdp.encode(message)
    frame = Frame(address=address, is_reply=False, sequence=sequence, code=code, data=data)
    return encode(frame)


def answered(raw: bytes) -> osdp.Message | None:
    decoder = FrameDecoder(replies=True)
    decoder.feed(raw)
    frame = decoder.take()
    assert isinstance(frame, Frame)
    assert decoder.take() is NEED_MORE
    return osdp.decode_reply(frame.code, frame.data)


def open_reader(**changes: int) -> SimulatedReader:
    """A reader without Secure Channel, so that a test can talk to it in clear."""
    return SimulatedReader(1, None, random.Random(1).randbytes, **changes)


def test_it_answers_to_its_address_only_and_never_unasked() -> None:
    reader = open_reader()
    reader.present_card(8, b"\x01")
    assert reader.receive(b"", 0) == b""
    assert reader.receive(asked(osdp.Poll(), 1, address=2), 0) == b""
    assert answered(reader.receive(asked(osdp.Poll(), 1), 0)) == osdp.RawCard(0, 0, 8, b"\x01")


def test_bytes_may_come_one_by_one_with_garbage() -> None:
    reader = open_reader()
    replies = [reader.receive(bytes([byte]), 0) for byte in b"\xff\x00" + asked(osdp.Poll(), 1)]
    assert [bool(reply) for reply in replies[:-1]] == [False] * (len(replies) - 1)
    assert answered(replies[-1]) == osdp.Ack()


def test_a_frame_that_went_no_further_keeps_nothing_of_the_next_one() -> None:
    reader = open_reader()
    begun = asked(osdp.Poll(), 1)
    damaged = begun[:2] + b"\xff\x04" + begun[4:]  # noise made it a frame of more than 1,000 bytes
    assert reader.receive(damaged, 0) == b""
    assert answered(reader.receive(begun, FRAME_GAP_NS + 1)) == osdp.Ack()


def test_repeated_command_gets_the_same_reply_and_is_obeyed_once() -> None:
    reader = open_reader()
    command = asked(osdp.Output(0, 5, 10), 1)
    first = reader.receive(command, 0)
    assert reader.receive(command, 5 * MS) == first
    assert len(reader.executed) == 1


def test_skipped_sequence_number_is_refused() -> None:
    reader = open_reader()
    reader.receive(asked(osdp.Poll(), 1), 0)
    reply = reader.receive(asked(osdp.Output(0, 5, 10), 3), 0)
    assert answered(reply) == osdp.Nak(4)
    assert not reader.executed


def test_secure_reader_says_nothing_in_clear() -> None:
    reader = SimulatedReader(1, bytes(range(16)), random.Random(1).randbytes)
    reader.present_card(8, b"\x01")
    assert answered(reader.receive(asked(osdp.Poll(), 1), 0)) == osdp.Nak(6)
    assert answered(reader.receive(asked(osdp.Output(0, 2, 0), 2), 0)) == osdp.Nak(6)
    assert reader.outputs == (False, False)
    identity = answered(reader.receive(asked(osdp.IdentityRequest(), 0), 0))
    assert isinstance(identity, osdp.Identity)


@pytest.mark.parametrize(
    ("control", "during", "after"),
    [(1, False, False), (2, True, True), (5, True, False), (6, False, False)],
)
def test_outputs(control: int, during: bool, after: bool) -> None:
    reader = open_reader()
    changes: list[tuple[int, bool]] = []
    reader.on_output = lambda number, on: changes.append((number, on))
    reader.receive(asked(osdp.Output(1, control, 20), 1), 0)
    assert reader.outputs == (False, during)
    reader.handle_deadline(20 * TICK_MS * MS - 1)
    assert reader.outputs == (False, during)
    reader.handle_deadline(20 * TICK_MS * MS)
    assert reader.outputs == (False, after)
    assert changes == [(1, True)] * during + [(1, False)] * (during and not after)


def test_longer_timer_replaces_a_running_one() -> None:
    reader = open_reader()
    reader.receive(asked(osdp.Output(0, 5, 10), 1), 0)
    reader.receive(asked(osdp.Output(0, 5, 10), 2), 900 * MS)
    reader.handle_deadline(1_500 * MS)
    assert reader.outputs[0]
    assert reader.deadline() == 1_900 * MS


def test_unknown_output_is_refused() -> None:
    reader = open_reader(outputs=1)
    assert answered(reader.receive(asked(osdp.Output(1, 2, 0), 1), 0)) == osdp.Nak(9)


def test_events_are_bounded() -> None:
    reader = open_reader()
    taken = [reader.present_card(8, bytes([number])) for number in range(EVENTS_MAX + 5)]
    assert taken.count(True) == EVENTS_MAX
    assert not reader.press_keys("1")


def test_changes_of_inputs_are_told_once() -> None:
    reader = open_reader()
    reader.set_input(1, True)
    reader.set_input(0, True)
    reader.set_input(0, False)
    assert answered(reader.receive(asked(osdp.Poll(), 1), 0)) == osdp.InputStatus(b"\x00\x01")
    assert answered(reader.receive(asked(osdp.Poll(), 2), 0)) == osdp.Ack()


def test_reboot_puts_outputs_to_rest() -> None:
    reader = open_reader()
    reader.receive(asked(osdp.Output(0, 2, 0), 1), 0)
    reader.reboot()
    assert reader.outputs == (False, False)


def test_noise_is_the_same_for_the_same_seed() -> None:
    once = [flip_one_bit(bytes(20), random.Random(3)) for _ in range(3)]
    assert once == [flip_one_bit(bytes(20), random.Random(3)) for _ in range(3)]
    assert all(sum(data).bit_count() == 1 for data in once)


def test_line_name_survives_replugging(tmp_path: Path) -> None:
    async def scenario() -> None:
        reader = open_reader()
        async with ReaderLine(tmp_path / "tty", [reader]) as line:
            for _ in range(3):
                fd = os.open(line.link, os.O_RDWR | os.O_NOCTTY)
                os.write(fd, asked(osdp.Poll(), 0))
                await asyncio.sleep(0.01)
                assert answered(await asyncio.to_thread(os.read, fd, 100)) == osdp.Ack()
                line.silent = True
                os.write(fd, asked(osdp.Poll(), 0))
                await asyncio.sleep(0.01)
                line.silent = False
                line.unplug()
                assert os.read(fd, 100) == b"", "hung up, and nothing was said"
                os.close(fd)
                line.replug()
        assert not (tmp_path / "tty").is_symlink()

    asyncio.run(scenario())


def test_timers_end_on_a_quiet_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        reader = open_reader()
        ended = asyncio.Event()
        async with ReaderLine(tmp_path / "tty", [reader]) as line:
            reader.on_output = lambda number, on: None if on else ended.set()
            fd = os.open(line.link, os.O_RDWR | os.O_NOCTTY)
            os.write(fd, asked(osdp.Output(0, 5, 1), 0))
            await asyncio.wait_for(ended.wait(), 5)
            os.close(fd)

    asyncio.run(scenario())
