"""A watched session as a file, read by somebody else: libosdp's own file is what it must look like.

tshark 4.0.17 with libosdp's `misc/osdp_dissector.lua` (its `&` written as `bit32.band`, for that
tshark's Lua 5.2) read the file of this session with no malformed frame: "PD[1] -> CP OSDP Decrypted
Secure Message (SCS_18)" and `ID: 0x50 (REPLY_RAW)` for the card. That was done by hand.
"""

import struct
import subprocess
import sys
from pathlib import Path

from drivers.api import Spoken
from drivers.osdp.capture import file_header, record
from drivers.osdp.frame import NEED_MORE, Frame, FrameDecoder
from tests.drivers.osdp.world import World

UTC_AHEAD_NS = 1_700_000_000_000_000_000

LIBOSDP = """
import os, sys, time, tty
import osdp_sys

class Channel:
    id = 1
    def __init__(self, fd):
        self.fd = fd
        os.set_blocking(fd, False)
    def read(self, size):
        try:
            return os.read(self.fd, size)
        except OSError:
            return b""
    def write(self, data):
        return os.write(self.fd, data)
    def flush(self):
        while self.read(4096):
            pass

master, slave = os.openpty()
tty.setraw(slave)
osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
about = {"name": "r", "address": 1, "flags": osdp_sys.FLAG_ENFORCE_SECURE, "scbk": bytes(range(16))}
device = osdp_sys.PeripheralDevice(
    about
    | {"channel": Channel(master), "version": 1, "model": 1, "vendor_code": 1}
    | {"serial_number": 1, "firmware_version": 1},
    capabilities=[],
)
flags = osdp_sys.FLAG_ENFORCE_SECURE | osdp_sys.FLAG_CAPTURE_PACKETS
panel = osdp_sys.ControlPanel([about | {"flags": flags, "channel": Channel(slave)}])
until = time.monotonic() + 10
while not panel.sc_status() and time.monotonic() < until:
    panel.refresh()
    device.refresh()
    time.sleep(0.0005)
del panel, device
"""


def records(content: bytes) -> list[tuple[int, bytes]]:
    """The records of a pcap file: microseconds since 1970 and bytes."""
    found, at = [], 24
    while at < len(content):
        seconds, micros, length, original = struct.unpack_from("<IIII", content, at)
        assert length == original
        found.append((seconds * 1_000_000 + micros, content[at + 16 : at + 16 + length]))
        at += 16 + length
    assert at == len(content)
    return found


def captured() -> tuple[World, list[Spoken]]:
    world = World(1)
    seen: list[Spoken] = []
    world.bus.tap = seen.append
    world.run(200)
    world.readers[1].present_card(26, b"\x12\x34\x56\x40")
    world.to_panel = lambda data: b""
    world.run(300)
    world.to_panel = lambda data: data
    world.run(300)
    return world, seen


def test_the_file_is_of_the_kind_that_libosdp_writes(tmp_path: Path) -> None:
    """One header, but for how long a frame may be, and frames from their start byte on."""
    subprocess.run([sys.executable, "-c", LIBOSDP], cwd=tmp_path, check=True, capture_output=True)
    theirs = next(tmp_path.glob("*.pcap")).read_bytes()
    ours = file_header()
    assert ours[:16] == theirs[:16]
    assert ours[20:24] == theirs[20:24] == (162).to_bytes(4, "little")
    _, seen = captured()
    ours += b"".join(record(spoken, UTC_AHEAD_NS) for spoken in seen)
    for content in (theirs, ours):
        assert all(frame.lstrip(b"\xff")[0] == 0x53 for _, frame in records(content))
    assert [frame.lstrip(b"\xff")[5] for _, frame in records(theirs)[:2]] == [0x61, 0x45]
    assert [frame[5] for _, frame in records(ours)[:2]] == [0x61, 0x45]


def test_every_frame_is_in_the_file_with_its_time() -> None:
    world, seen = captured()
    content = file_header() + b"".join(record(spoken, UTC_AHEAD_NS) for spoken in seen)
    found = records(content)
    assert len(found) == len([spoken for spoken in seen if spoken.frame])
    commands = [(micros, frame) for micros, frame in found if frame[1] == 0x01]
    assert [micros for micros, _ in commands] == [
        (sent_ns + UTC_AHEAD_NS) // 1_000 for sent_ns, _ in world.sent
    ]
    for (_, frame), (_, sent) in zip(commands, world.sent, strict=True):
        assert frame[:2] == sent[1:3]
        assert frame[4] & 0x0F == sent[5] & 0x0F, "sequence, check and block are what was sent"


def test_libosdps_view_finds_its_way_through_every_frame() -> None:
    """What it goes by, followed step by step: mark, control byte, block, code, check."""
    _, seen = captured()
    in_clear = decrypted = 0
    for spoken in seen:
        frame = spoken.frame
        if not frame:
            continue
        assert int.from_bytes(frame[2:4], "little") == len(frame)
        block_length = frame[5] if frame[4] & 0x08 else 0
        assert len(frame) > 5 + block_length
        if frame[4] & 0x80:
            decrypted += 1
            continue
        in_clear += 1
        decoder = FrameDecoder(replies=bool(frame[1] & 0x80))
        decoder.feed(frame)
        assert isinstance(decoder.take(), Frame), "its check is right"
        assert decoder.take() is NEED_MORE
    assert in_clear >= 4
    assert decrypted >= 10
