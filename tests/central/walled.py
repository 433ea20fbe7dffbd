"""An operator before the wall's socket, as the wall's process speaks there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from central.control_client import CentralClient, NoCentralError
from central.operator_words import OperatorRight
from central.wall_messages import WALL_SOCKET, decode_reply
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.control.messages_pages import SessionShown, SignedIn, SignInByLink
from edge.web.daemon import Conversation, conversing

PATIENCE_S = 60.0
T = TypeVar("T")
R = TypeVar("R", bound=Message)

EVERYTHING = tuple(OperatorRight)


async def asked(state: Path, ask: Callable[[CentralClient], T]) -> T:
    """At the control socket, as central's own account; central may be about to start."""

    def run() -> T:
        with CentralClient(state) as client:
            return ask(client)

    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await asyncio.to_thread(run)
            except NoCentralError:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def wall(state: Path, token: str = "") -> AsyncIterator[Conversation]:
    """A conversation at the wall's socket, of this session."""
    path = state / WALL_SOCKET
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists():
            await asyncio.sleep(0.02)
    async with conversing(path, decode_reply) as conversation:
        if token:
            await conversation.sign(token)
        yield conversation


async def operator(
    state: Path, name: str, *rights: OperatorRight, shown: str = "Olga Ortiz"
) -> str:
    """A new operator; a link for her."""
    done = await asked(state, lambda c: c.put_operator(name, shown, rights, new=True))
    assert done.done, done.reason
    return (await asked(state, lambda c: c.link_operator(name))).code


async def by_link(state: Path, code: str) -> SignedIn:
    async with wall(state) as page:
        return await page.ask(SignInByLink(code=code), SignedIn)


async def signed_in(state: Path, name: str, *rights: OperatorRight) -> tuple[str, SessionShown]:
    """A new operator's session."""
    done = await by_link(state, await operator(state, name, *rights))
    assert done.session is not None, done.reason
    return done.token, done.session


async def told(stream: AsyncIterator[Message], kind: type[R], holds: Callable[[R], bool]) -> R:
    """The first of that kind for which it holds."""
    async with asyncio.timeout(PATIENCE_S):
        async for message in stream:
            if isinstance(message, kind) and holds(message):
                return message
    raise AssertionError(f"no {kind.__name__} for which it holds")


def news(message: Message) -> bool:
    return not isinstance(message, Heartbeat)
