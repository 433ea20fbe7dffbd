"""An OSDP reader by another hand: libosdp's peripheral device in its own process on a pty.

    python -m simulators.libosdp_reader --link PATH --address N --key-file FILE

It keeps its key in that file; where there is none it is in install mode and takes the published key
until it was given one of its own.

Told what to do by lines on standard input: `card BITS HEX`, `keys 1234#`, `input NUMBER 0|1`,
`tamper 0|1`, `quit`. Says what happened by lines on standard output: `ready PATH`, `online 0|1`,
`output NUMBER CODE TIMER`, `keyset`, `comset ADDRESS BAUD`, `buzzer READER COUNT`, `led READER
NUMBER permanent|temporary COLOR TIMER`, `text READER SECONDS HEX`, and `file KIND LENGTH SHA256`
when one has arrived. It knows no answer to questions about inputs and outputs
and refuses them; it casts output timers to eight bits. Both are libosdp's own limits (3.2.9).
"""

import argparse
import ctypes
import hashlib
import os
import select
import sys
import tty
from pathlib import Path
from typing import Any

import osdp_sys

from drivers.osdp.config import parse_key
from simulators.osdp_line import point_link

_TICK_S = 0.005  # one step of libosdp's state machine per refresh: how late a reply may begin
_REFRESHES = 3  # receive, decide and reply are separate steps
_INPUTS_MAX = 8
_LINE_MAX = 4096


class _Channel:
    """What libosdp reads and writes through. Its methods must never raise: see its binding."""

    id = 1

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)

    def read(self, size: int) -> bytes:
        try:
            return os.read(self._fd, size)
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except OSError:
            return -1

    def flush(self) -> None:
        while self.read(_LINE_MAX):
            pass


class _File:
    """A file on its way in, as libosdp hands over its pieces."""

    def __init__(self) -> None:
        self._content = bytearray()

    def open(self, _kind: int, size: int) -> int:
        self._content = bytearray(size)
        return 0

    def read(self, _size: int, _offset: int) -> bytes:
        """Only the sending side reads."""
        return b""

    def write(self, data: bytes, offset: int) -> int:
        self._content[offset : offset + len(data)] = data
        return len(data)

    def close(self, kind: int) -> None:
        digest = hashlib.sha256(self._content).hexdigest()
        _say(f"file {kind} {len(self._content)} {digest}")


class LibosdpReader:
    """The reader, its pty, and its conversation with whoever started it."""

    def __init__(self, link: Path, address: int, key_file: Path) -> None:
        self._key_file = key_file
        key = parse_key(key_file.read_bytes()) if key_file.exists() else None
        # It refuses to enforce what it has no key for yet.
        flags = osdp_sys.FLAG_INSTALL_MODE if key is None else osdp_sys.FLAG_ENFORCE_SECURE
        # libosdp draws its nonces from rand() and never seeds it.
        ctypes.CDLL(None).srand(ctypes.c_uint(int.from_bytes(os.urandom(4), "little")))
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        self._master, slave = os.openpty()
        tty.setraw(slave)  # stays open: a pty without any open end reports hang-ups for ever
        self._inputs = bytearray(_INPUTS_MAX)
        self._was_online = False
        self._device: Any = osdp_sys.PeripheralDevice(
            {
                "name": "reader",
                "address": address,
                "flags": flags,
                "scbk": key,
                "channel": _Channel(self._master),
                "version": 1,
                "model": 1,
                "vendor_code": 0x7E5100,
                "serial_number": address,
                "firmware_version": 0x010000,
            },
            capabilities=[
                # 256 bytes, in two numbers: what libosdp's own buffer takes.
                {
                    "function_code": osdp_sys.CAP_RECEIVE_BUFFERSIZE,
                    "compliance_level": 0,
                    "num_items": 1,
                },
                *(
                    {"function_code": code, "compliance_level": 1, "num_items": items}
                    for code, items in (
                        (osdp_sys.CAP_READER_LED_CONTROL, 1),
                        (osdp_sys.CAP_READER_AUDIBLE_OUTPUT, 1),
                        (osdp_sys.CAP_OUTPUT_CONTROL, 2),
                        (osdp_sys.CAP_CONTACT_STATUS_MONITORING, _INPUTS_MAX),
                        (osdp_sys.CAP_READER_TEXT_OUTPUT, 1),
                    )
                ),
            ],
        )
        self._device.set_command_callback(self._obey)
        self._file = _File()
        self._device.register_file_ops(
            0,
            {
                "open": self._file.open,
                "read": self._file.read,
                "write": self._file.write,
                "close": self._file.close,
            },
        )
        point_link(link, os.ttyname(slave))
        _say(f"ready {link}")

    def serve(self) -> None:
        """Until `quit` or the end of standard input."""
        text = b""
        while True:
            readable, _, _ = select.select([self._master, 0], [], [], _TICK_S)
            for _ in range(_REFRESHES):
                self._device.refresh()
            self._tell_online()
            if 0 not in readable:
                continue
            received = os.read(0, _LINE_MAX)
            *lines, text = (text + received).split(b"\n")
            if not received or not all(self._do(line.decode().split()) for line in lines):
                return

    def _do(self, words: list[str]) -> bool:
        """One line of standard input. False: it was `quit`."""
        match words:
            case ["card", bits, digits]:
                self._device.submit_event(
                    {
                        "event": osdp_sys.EVENT_CARDREAD,
                        "reader_no": 0,
                        "direction": 0,
                        "format": osdp_sys.CARD_FMT_RAW_UNSPECIFIED,
                        "length": int(bits),
                        "data": bytes.fromhex(digits),
                    }
                )
            case ["keys", keys]:
                codes = keys.replace("*", "\x7f").replace("#", "\r").encode("ascii")
                self._device.submit_event(
                    {"event": osdp_sys.EVENT_KEYPRESS, "reader_no": 0, "data": codes}
                )
            case ["input", number, state]:
                self._inputs[int(number)] = int(state)
                self._report(osdp_sys.STATUS_REPORT_INPUT, bytes(self._inputs))
            case ["tamper", state]:
                self._report(osdp_sys.STATUS_REPORT_LOCAL, bytes([int(state), 0]))
            case ["quit"]:
                return False
            case _:
                _say("error unknown line")
        return True

    def _report(self, kind: int, report: bytes) -> None:
        event = {"event": osdp_sys.EVENT_STATUS, "type": kind, "report": report}
        self._device.submit_event(event)

    def _tell_online(self) -> None:
        online = bool(self._device.is_sc_active())
        if online != self._was_online:
            self._was_online = online
            _say(f"online {int(online)}")

    def _obey(self, command: dict[str, Any]) -> tuple[int, int]:
        """libosdp's command callback.

        The second value must not be None: the binding would steal a reference to it, and the
        process would die after some thousand commands.
        """
        match command["command"]:
            case osdp_sys.CMD_OUTPUT:
                _say(
                    f"output {command['output_no']} {command['control_code']} "
                    f"{command['timer_count']}"
                )
            case osdp_sys.CMD_LED:
                kind = "temporary" if command["temporary"] else "permanent"
                _say(
                    f"led {command['reader']} {command['led_number']} {kind} "
                    f"{command['on_color']} {command.get('timer_count', 0)}"
                )
            case osdp_sys.CMD_BUZZER:
                _say(f"buzzer {command['reader']} {command['rep_count']}")
            case osdp_sys.CMD_TEXT:
                text = command["data"].encode().hex()
                _say(f"text {command['reader']} {command['temp_time']} {text}")
            case osdp_sys.CMD_FILE_TX:
                pass
            case osdp_sys.CMD_KEYSET:
                self._key_file.write_text(bytes(command["data"]).hex())
                _say("keyset")
            case osdp_sys.CMD_COMSET:
                _say(f"comset {command['address']} {command['baud_rate']}")
            case osdp_sys.CMD_COMSET_DONE:
                pass  # it has told its answer; the speed of a pty is nobody's
            case _:
                return -1, 0
        return 0, 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", type=Path, required=True, help="the port's stable name")
    parser.add_argument("--address", type=int, required=True)
    parser.add_argument("--key-file", type=Path, required=True, help="32 hexadecimal digits")
    arguments = parser.parse_args()
    LibosdpReader(arguments.link, arguments.address, arguments.key_file).serve()


if __name__ == "__main__":
    main()
