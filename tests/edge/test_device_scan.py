"""`sentrypost device scan` on real ports: readers of two speeds, and one of another hand."""

import asyncio
import json
import os
import secrets
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from click.testing import CliRunner, Result

from drivers.osdp.config import BAUDS
from drivers.osdp.messages import Identity, IdentityRequest
from drivers.osdp.scan import USUAL_FIRST, Question
from drivers.serial_port import SerialPort
from edge.commands.device import device
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.peers import Libosdp

SPEEDS = {termios.B9600: 9600, termios.B115200: 115200}
NOISE = b"\x53\xf0\x0f"


class TwoSpeeds(ReaderLine):
    """Every reader hears what is said at its own speed alone. At 9600 the line is noisy."""

    def __init__(self, link: Path, speed_of: dict[SimulatedReader, int]) -> None:
        super().__init__(link, list(speed_of))
        self._speed_of = speed_of

    def _readable(self) -> None:
        speed = SPEEDS.get(termios.tcgetattr(self._master)[5])
        for reader, own in self._speed_of.items():
            reader.silent = own != speed
        super()._readable()
        if speed == 9600:
            self._send(NOISE)


@contextmanager
def there(line: ReaderLine) -> Iterator[None]:
    """The line on a thread of its own."""
    up, down = Event(), Event()

    async def serve() -> None:
        async with line:
            up.set()
            await asyncio.to_thread(down.wait)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert up.wait(30)
    try:
        yield
    finally:
        down.set()
        thread.join()


def asked(port: Path, *arguments: str) -> Result:
    return CliRunner().invoke(device, ["scan", str(port), *arguments], catch_exceptions=False)


def test_readers_are_found_at_their_address_and_speed_with_what_they_can(tmp_path: Path) -> None:
    slow = SimulatedReader(3, secrets.token_bytes(16), os.urandom, inputs=2, outputs=1)
    open_ = SimulatedReader(0, None, os.urandom, lights=0, sounders=0, text_columns=16)
    port = tmp_path / "tty"
    with there(TwoSpeeds(port, {slow: 9600, open_: 115200})):
        options = ("--baud", "9600", "--baud", "115200")
        page = asked(port, *options, *(word for one in "034" for word in ("--address", one)))
        assert page.exit_code == 0, page.output
        first, noisy, second = page.stdout.splitlines()
        assert first.startswith("9600 baud, address 3: vendor ")
        assert first.endswith(", 2 inputs, 1 outputs, light, sounder, Secure Channel")
        assert noisy.startswith("at 9600 baud something is heard that is no reply")
        assert second.startswith("115200 baud, address 0: vendor ")
        assert second.endswith("display, NO SECURE CHANNEL: it cannot be used")
        found = json.loads(asked(port, "--baud", "9600", "--address", "3", "--json").stdout)
        assert (found["baud"], found["address"], found["secure"]) == (9600, 3, True)
    assert [list(reader.executed) for reader in (slow, open_)] == [[], []]


def test_only_the_answer_of_whoever_was_asked_counts() -> None:
    said = IdentityRequest()
    others = SimulatedReader(4, None, os.urandom).receive(Question(4, said).bytes_to_send, 0)
    own = SimulatedReader(3, None, os.urandom).receive(Question(3, said).bytes_to_send, 0)
    asked = Question(3, said)
    assert asked.receive(others) is None
    assert asked.heard
    assert asked.receive(own[:9]) is None
    assert isinstance(asked.receive(own[9:]), Identity)


def test_every_speed_and_address_is_asked_where_nothing_else_is_said() -> None:
    assert sorted(USUAL_FIRST) == sorted(BAUDS)
    assert USUAL_FIRST[:2] == (9600, 115200)


def test_a_reader_of_another_hand_is_found(tmp_path: Path) -> None:
    async def run() -> Result:
        key_file = tmp_path / "key"
        key_file.write_text(secrets.token_hex(16))
        reader = Libosdp(tmp_path / "tty", key_file)
        await reader.start()
        try:
            asking = ("--baud", "115200", "--address", "1", "--json")
            return await asyncio.to_thread(asked, tmp_path / "tty", *asking)
        finally:
            await reader.kill()

    found = json.loads(asyncio.run(run()).stdout)
    assert "serial 1 " in found["identity"]
    assert (found["light"], found["sounder"], found["outputs"]) == (True, True, 2)


def test_where_nobody_answers_it_says_what_to_look_at(tmp_path: Path) -> None:
    with there(ReaderLine(tmp_path / "tty", [])):
        asking = ("--baud", "115200", "--address", "1")
        page = asked(tmp_path / "tty", *asking)
        assert page.exit_code == 1
        assert "nobody answers" in page.output
        port = SerialPort(str(tmp_path / "tty"), 9600)
        try:
            page = asked(tmp_path / "tty", *asking)
        finally:
            port.close()
        assert page.exit_code == 1
        assert "in use: another program has the port open" in page.output
