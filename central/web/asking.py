"""How the wall's pages ask central: for operators with a right, and what it does not do is said."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from starlette.responses import Response

from central.operator_words import OperatorRight
from central.wall_messages import AskWall, NotDone, WallAbout
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.web.daemon import DaemonAwayError
from edge.web.pages import Endpoint, Handler, Visit, signed_in

R = TypeVar("R", bound=Message)


class NotCarriedOutError(Exception):
    """Central has not done what was asked, and nothing has changed."""

    def __init__(self, said: NotDone) -> None:
        self.said = said
        super().__init__(said.reason)


async def ask(visit: Visit, request: Message, kind: type[R]) -> R:
    """The one reply. Raises NotCarriedOutError, and what `visit.daemon` does."""
    async for reply in visit.daemon.follow(request):
        if isinstance(reply, Heartbeat):
            continue
        if isinstance(reply, NotDone):
            raise NotCarriedOutError(reply)
        if isinstance(reply, kind):
            return reply
        break
    raise DaemonAwayError("central answers something else")


async def known_sites(visit: Visit) -> tuple[str, ...]:
    """The sites that a form can offer, where the operator may see them."""
    if OperatorRight.WATCH not in visit.session.rights:
        return ()
    return (await visit.daemon.ask(AskWall(), WallAbout)).sites


def operator(
    *rights: OperatorRight, locked: bool = False, background: bool = False
) -> Callable[[Handler], Endpoint]:
    """As `signed_in`; what central does not carry out is told with its reason and remedy."""

    def decorated(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def told(visit: Visit) -> Response:
            try:
                return await handler(visit)
            except NotCarriedOutError as error:
                return visit.refused(error.said.reason, error.said.remedy)

        return signed_in(*rights, locked=locked, background=background)(told)

    return decorated
