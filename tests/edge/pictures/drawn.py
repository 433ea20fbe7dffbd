"""Drawn pictures: bytes in a JPEG's form, each telling which one it is, and a camera of them."""

import asyncio
import struct
from collections.abc import Callable

from controller.events_pictures import PictureKind
from controller.ids import HolderId, PortalId
from drivers.cameras.api import CameraOptions, CameraReported, Picture
from edge.pictures.frame import Frame
from edge.pictures.store import Wanted
from policies.facts import Direction

START, END = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\xff\xd9"
EVERY_NS = 250_000_000
PIXELS = b"a face, in pixels that are told again wherever they lie "


def jpeg(number: int, kilobytes: int = 4) -> bytes:
    """Begins and ends as a JPEG does; what is in between says its number all the way."""
    line = PIXELS + struct.pack(">Q", number)
    return START + line * (kilobytes * 1024 // len(line)) + END


def frames(count: int, from_us: int = 1_795_212_000_000_000) -> list[Frame]:
    return [
        Frame(utc_us=from_us + n * 250_000, width=640, height=360, jpeg=jpeg(n))
        for n in range(count)
    ]


def wanted(**changed: object) -> Wanted:
    one = Wanted(
        what=PictureKind.PICTURE,
        about=(7,),
        portal=PortalId("front"),
        camera="front-outside",
        holders=(HolderId("h1"),),
        made_us=1_795_212_000_000_000,
        behind=("ab" * 8, 7),
    )
    return one._replace(**changed)  # type: ignore[arg-type]


class DrawnCamera:
    """A camera whose frames are drawn: four a second, for as far back and ahead as anybody asks.

    `held`: while it is set no answer comes, as from a process that hangs. `blind`: it has no frame.
    `dead_from_ns`: who asks for a moment from then on gets nothing, of before either.
    """

    def __init__(self, name: str, portal: str, side: Direction = Direction.ENTRY) -> None:
        self.name = name
        self.options = CameraOptions(driver="drawn", portal=portal, side=side)
        self.memory = -1
        self.blind = False
        self.dead_from_ns: int | None = None
        self.asked = 0
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    async def run(self, report: Callable[[CameraReported], None]) -> None:
        await asyncio.get_running_loop().create_future()

    async def picture(self, at_ns: int, within_s: float) -> Picture | None:
        self.asked += 1
        await self._free.wait()
        return None if self.blind else self._picture(at_ns)

    async def clip(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        self.asked += 1
        await self._free.wait()
        if self.blind or (self.dead_from_ns is not None and to_ns >= self.dead_from_ns):
            return ()
        first_ns = -(-from_ns // EVERY_NS) * EVERY_NS
        return tuple(self._picture(at_ns) for at_ns in range(first_ns, to_ns + 1, EVERY_NS))

    def _picture(self, at_ns: int) -> Picture:
        return Picture(camera=self.name, at_ns=at_ns, jpeg=jpeg(at_ns), width=640, height=360)
