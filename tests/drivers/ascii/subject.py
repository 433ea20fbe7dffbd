"""Readers that only ever speak in the conformance kit: nothing can be told them, and a silent one
is not noticed.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from drivers.api import CardRead, CodeRead, Fact
from drivers.ascii_serial.family import ID12, RDM6300, SCANNER
from drivers.ascii_serial.reader import Kind, Reader
from drivers.serial_driver import SerialDriver
from simulators.ascii_reader import Scanner, TagModule, id12, id12_frame, rdm6300, rdm6300_frame
from simulators.serial_line import SerialLine
from tests.drivers.conformance import Bench, Subject, Watch
from tests.drivers.hasty import clock_ns

SAMPLE = bytes.fromhex("0C000621A5")
CODE = "VISIT-0"


class _Bench:
    """See `conformance.Bench`."""

    def __init__(self, line: SerialLine, kind: Kind) -> None:
        self.line = line
        self.device = "r1"
        self.driver = SerialDriver(Reader("r1", kind), str(line.link), 9600, clock_ns)

    def acts(self) -> int:
        return 0


class ModuleBench(_Bench):
    """A badge is held to a module until it was read, and taken away."""

    def __init__(self, line: SerialLine, module: TagModule, kind: Kind, sample: bytes) -> None:
        super().__init__(line, kind)
        self._module = module
        self._module.say = line.say
        self._shown = [SAMPLE]
        self._sample = sample

    async def exchange(self, watch: Watch) -> None:
        await watch.until(lambda: watch.online)
        badge = len(self._shown).to_bytes(5, "big")
        self._shown.append(badge)
        self._hold(badge)
        await watch.again(
            lambda: (self._remove(badge), self._hold(badge)),
            lambda: any(fact.data == badge and fact.bits == 40 for fact in watch.of(CardRead)),
        )
        self._remove(badge)

    def _hold(self, badge: bytes) -> None:
        self._module.hold(badge, clock_ns())
        self.line.set_timer()

    def _remove(self, badge: bytes) -> None:
        self._module.remove(badge, clock_ns())
        self.line.set_timer()

    def is_true(self, fact: Fact) -> bool:
        return isinstance(fact, CardRead) and fact.data in self._shown

    def sample(self) -> bytes:
        return self._sample


class ScannerBench(_Bench):
    """A code is held before a scanner. A changed character of it is for its signature to notice."""

    def __init__(self, line: SerialLine, scanner: Scanner) -> None:
        super().__init__(line, SCANNER)
        self._scanner = scanner
        self._scanner.say = line.say
        self._codes = 0

    async def exchange(self, watch: Watch) -> None:
        await watch.until(lambda: watch.online)
        self._codes += 1
        code = f"VISIT-{self._codes}"
        await watch.again(
            lambda: self._scanner.scan(code),
            lambda: any(fact.text == code for fact in watch.of(CodeRead)),
        )

    def is_true(self, fact: Fact) -> bool:
        return False

    def sample(self) -> bytes:
        return CODE.encode() + b"\r\n"


def _module(
    family: str, kind: Kind, make: Callable[[], TagModule], frame: Callable[[bytes], bytes]
) -> Subject:
    @asynccontextmanager
    async def bench(folder: Path) -> AsyncIterator[Bench]:
        module = make()
        async with SerialLine(folder / "port", module, clock_ns=clock_ns) as line:
            yield ModuleBench(line, module, kind, frame(SAMPLE))

    return _subject(family, bench)


@asynccontextmanager
async def _scanner(folder: Path) -> AsyncIterator[Bench]:
    scanner = Scanner()
    async with SerialLine(folder / "port", scanner, clock_ns=clock_ns) as line:
        yield ScannerBench(line, scanner)


def _subject(family: str, bench: Callable[[Path], AbstractAsyncContextManager[Bench]]) -> Subject:
    return Subject(family=family, bench=bench, notices_silence=False, slow_s=0.2)


SUBJECTS = (
    _module("rdm6300", RDM6300, rdm6300, rdm6300_frame),
    _module("id12", ID12, id12, id12_frame),
    _subject("scanner", _scanner),
)
