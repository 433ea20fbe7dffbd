"""What every step of a story is, wherever it is played: on a stage in virtual time, or at doors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.events import Entry
from controller.ids import HolderId, OrderId
from controller.state import SiteState
from edge.config import Config
from edge.control.messages import ResetFireReply
from edge.control.messages_orders import OrderReply
from simulators.story import (
    Burn,
    Cut,
    Expect,
    Flee,
    Give,
    Kill,
    Line,
    Reset,
    Story,
    Turn,
    Walk,
)
from simulators.story_looks import Looks, looked_at
from simulators.story_paper import Desk, because

OBEYS_S = 5.0
"""From a turned key to the order that it gives."""


class GoneError(Exception):
    """The edge's program does not run, where it has to."""


class Stage(Protocol):
    """An edge with its hardware, and people at its doors, who are known by the story's names.

    Raises GoneError where the edge is asked and does not run. `where`: in which zone each is.
    `on_file`: the id that the file of people has for somebody; `named`: who has a random id.
    """

    config: Config
    recipient: X25519PrivateKey

    @property
    def where(self) -> Mapping[str, str]: ...
    @property
    def utc_us(self) -> int: ...
    def state(self) -> SiteState: ...
    def entries(self) -> Sequence[Entry]: ...
    def on_file(self, name: str) -> str: ...
    def named(self, holder: HolderId) -> str: ...

    async def walk(self, who: str, zone: str, *, forced: bool) -> None: ...
    async def give(self, envelope: bytes, by: str) -> OrderReply: ...
    async def reset_fire(self, fire: str) -> ResetFireReply: ...
    def turn(self, source: str, on: bool) -> None: ...
    def burn(self, fire: str, burns: bool) -> None: ...
    def cut(self, device: str, away: bool) -> None: ...
    async def kill(self) -> None: ...
    async def until(self, holds: Callable[[], bool], within_s: float) -> bool: ...


class Player:
    """Takes the steps of one story; `now_s` and `rest` are the stage's time."""

    def __init__(self, story: Story, stage: Stage) -> None:
        self._story, self._stage = story, stage
        self._ids: dict[str, OrderId] = {}
        policy = stage.config.policy
        self._looks = Looks(policy, self._ids, stage.named, stage.recipient)
        self._paper = Desk(stage.config.site, story.title, stage.on_file)

    async def lines(
        self, now_s: Callable[[], float], rest_s: Callable[[float, float], float]
    ) -> AsyncIterator[Line]:
        """What came of each step. `rest_s(at, last)`: how long to wait for a step that is due `at`
        seconds after the beginning, behind one that was due at `last`.
        """
        last_s = 0.0
        began_s = now_s()
        for number, step in enumerate(self._story.step, 1):
            await asyncio.sleep(max(0.0, rest_s(step.at_s, last_s)))
            last_s = step.at_s
            try:
                said, wrong = await self._take(step)
            except GoneError:
                said, wrong = f"step {number}", "no edge runs"
            yield Line(now_s() - began_s, step.tells or said, wrong)

    async def _take(self, step: object) -> tuple[str, str]:
        """What came of it, and what of that is not as it has to be."""
        match step:
            case Walk():
                return await self._walk(step)
            case Flee():
                return await self._flee(step)
            case Give():
                return await self._give(step)
            case Turn(source=source):
                await self._turn(source)
                return f"{source} is worked", ""
            case Burn(fire=fire, burns=burns):
                self._stage.burn(fire, burns)
                return f"{fire}: {'fire' if burns else 'quiet'}", ""
            case Reset():
                return await self._reset(step)
            case Cut(device=device, mended=mended):
                self._stage.cut(device, not mended)
                return f"{device} is {'mended' if mended else 'cut off'}", ""
            case Kill():
                await self._stage.kill()
                return "the edge is killed and starts again", ""
            case Expect():
                return await self._expect(step)
            case _:
                raise AssertionError(step)

    async def _walk(self, step: Walk) -> tuple[str, str]:
        await self._stage.walk(step.who, step.to, forced=step.forced)
        where = self._stage.where[step.who]
        arrived = where == step.to
        said = f"{step.who} goes to the {step.to} and is in the {where}"
        return said, "" if arrived is step.arrives else f"arrives: {arrived}"

    async def _flee(self, step: Flee) -> tuple[str, str]:
        """Everybody at once, each by the way that he came."""
        where = self._stage.where
        inside = sorted(who for who, zone in where.items() if zone != "street")
        going = [
            asyncio.create_task(self._stage.walk(who, "street", forced=False)) for who in inside
        ]
        if going:
            _, late = await asyncio.wait(going, timeout=step.within_s)
            for task in late:
                task.cancel()
        stuck = [who for who in inside if self._stage.where[who] != "street"]
        said = f"{', '.join(inside) or 'nobody'}: out"
        return said, f"not out: {', '.join(stuck)}" if stuck else ""

    async def _give(self, step: Give) -> tuple[str, str]:
        envelope = self._paper.signed(step, self._ids, self._stage.utc_us)
        reply = await self._stage.give(envelope, step.by[0])
        self._ids[step.called] = reply.order
        by = " and ".join(step.by)
        said = f"{by} order {'an exercise of ' if step.drill else ''}{step.kind}: {reply.reason}"
        return said, because(step, accepted=reply.accepted, reason=reply.reason)

    async def _turn(self, source: str) -> None:
        before = set(self._stage.state().orders.in_force)
        self._stage.turn(source, True)
        await self._stage.until(lambda: bool(self._given_since(before)), OBEYS_S)
        self._stage.turn(source, False)
        self._ids[source] = next(iter(self._given_since(before)), "")

    def _given_since(self, before: set[OrderId]) -> set[OrderId]:
        return set(self._stage.state().orders.in_force) - before

    async def _reset(self, step: Reset) -> tuple[str, str]:
        reply = await self._stage.reset_fire(step.fire)
        said = f"{step.fire} is {'' if reply.accepted else 'not '}reset"
        return said, "" if reply.accepted is step.done else f"done: {reply.accepted}"

    async def _expect(self, step: Expect) -> tuple[str, str]:
        await self._stage.until(lambda: not any(self._differences(step)), step.within_s)
        return looked_at(step), "; ".join(self._differences(step))

    def _differences(self, step: Expect) -> Iterator[str]:
        return self._looks.differences(step, self._stage.state(), self._stage.entries())
