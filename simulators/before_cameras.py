"""Who stands before the simulated cameras of a site: each camera is played in a process of its own.

Nothing here needs OpenCV before there is such a camera.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from drivers.osdp import messages as osdp
from edge.config import Config
from policies.facts import Direction
from simulators.gate.family import SimulatedCamera
from simulators.osdp_reader import SimulatedReader
from simulators.scenario import Face

if TYPE_CHECKING:
    from simulators.gate.played import PlayedCamera

CLIPS = "clips"
"""Beside the site file: what is drawn of people, once."""

TEXT_COLUMNS = 16
"""Of the display beside a camera: it says which way to turn."""

PATIENCE_S = 80.0
"""Somebody before a camera waits through the turns of the head (20 s at most), and for a guard, who
has a minute (`controller/attempt.py`)."""

SETTLES_S = 0.5
"""From the last step to the badge."""

Way = tuple[str, Direction]
"""A portal, and the way through it that a camera looks at."""


class Stay(NamedTuple):
    """One person at one portal. `patience_s`: for so long he waits, None: as at any other.
    `obey`: he does what the display has asked since he was asked last.
    """

    patience_s: float | None
    obey: Callable[[], Awaitable[None]]


class Cameras:
    """The simulated cameras of a site file. Entered, they run; other kinds are nobody's here."""

    def __init__(self, config: Config) -> None:
        self._folder = config.file.parent / CLIPS
        self._ports: dict[Way, int] = {}
        for _, spec in config.cameras.values():
            options = spec.options
            if isinstance(options, SimulatedCamera):
                way = (options.portal, options.side)
                self._ports.setdefault(way, urlsplit(options.url).port or 0)
        self._played: dict[Way, PlayedCamera] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Cameras":
        if self._ports:
            from simulators.gate.played import played_camera

            for seed, (way, port) in enumerate(self._ports.items(), 1):
                camera = played_camera(seed, self._folder, port=port)
                self._played[way] = await self._stack.enter_async_context(camera)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def look_at(self, portal: str, direction: Direction) -> bool:
        """Whether one of them sees who wants to go through there."""
        return (portal, direction) in self._ports

    @asynccontextmanager
    async def stay(
        self, way: Way, face: Face | None, reader: SimulatedReader | None
    ) -> AsyncIterator[Stay]:
        """Somebody comes up to a portal and, in the end, goes. What he may do is drawn first,
        which takes seconds where nobody has drawn it before.
        """
        camera = self._played.get(way)
        if camera is None or face is None or reader is None:
            yield Stay(None, _obeys_nobody)
            return
        from simulators.gate.played import Come, Go, TurnTo, scene_of, turns_of
        from simulators.people.moves import WALK_S

        await camera.tell(Come(scene_of(face)))
        await asyncio.sleep(WALK_S + SETTLES_S)
        seen = _last_ns(reader)

        async def obey() -> None:
            nonlocal seen
            new = [(at_ns, one) for at_ns, one in tuple(reader.executed) if at_ns > seen]
            seen = _last_ns(reader)
            for turn in turns_of(one.text for _, one in new if isinstance(one, osdp.Text)):
                await camera.tell(TurnTo(turn))

        try:
            yield Stay(PATIENCE_S, obey)
        finally:
            await camera.tell(Go())


def _last_ns(reader: SimulatedReader) -> int:
    return reader.executed[-1][0] if reader.executed else 0


async def _obeys_nobody() -> None:
    """Whoever is not before a camera is told nothing."""
