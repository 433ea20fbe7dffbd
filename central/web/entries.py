"""What is stored, as it is stored: the wall's live stream, with filters."""

from collections.abc import Callable, Iterable

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from central.operator_words import OperatorRight
from central.wall_messages import KINDS_MAX, EntriesTold, FollowEntries
from central.web.asking import operator
from central.web.wall_words import entry_view
from controller.events import KINDS
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.web.live import BEAT, Told, stream
from edge.web.pages import Visit, zone_named
from edge.web.words import Words

NAME_MAX = 64

watch = operator(OperatorRight.WATCH)


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What of the stream is wanted; all of it has to hold."""

    site: str = ""
    edge: str = ""
    portal: str = ""
    kinds: str = ""
    alarms: bool = False

    @property
    def named_kinds(self) -> tuple[str, ...]:
        named = (one.strip()[:NAME_MAX] for one in self.kinds.split(","))
        return tuple(dict.fromkeys(one for one in named if one))[:KINDS_MAX]


def filters_of(request: Request) -> Filters:
    """As the address says them."""
    asked: QueryParams = request.query_params
    return Filters(
        site=asked.get("site", "")[:NAME_MAX],
        edge=asked.get("edge", "")[:NAME_MAX],
        portal=asked.get("portal", "")[:NAME_MAX],
        kinds=asked.get("kinds", "")[: KINDS_MAX * NAME_MAX],
        alarms=asked.get("alarms", "") == "1",
    )


@watch
async def live(visit: Visit) -> Response:
    filters = filters_of(visit.request)
    following = FollowEntries(
        site=filters.site,
        edge=filters.edge,
        kinds=filters.named_kinds,
        portal=filters.portal,
        alarms_only=filters.alarms,
    )
    return stream(visit.request, following, drawer(visit.words, visit.session.timezone))


def drawer(words: Words, timezone: str) -> Callable[[Message], Iterable[Told]]:
    """Draws one page's stream of entries. It begins anew with some of the latest each time, and a
    page that comes back draws it anew.
    """
    zone = zone_named(timezone)
    begun: list[bool] = []

    def draw(message: Message) -> Iterable[Told]:
        if not begun:
            begun.append(True)
            yield Told("begin", 0)
        if isinstance(message, EntriesTold):
            entries = [entry_view(one, words, zone) for one in message.entries]
            yield Told("entries", {"entries": entries, "left_out": message.left_out})
        if isinstance(message, EntriesTold | Heartbeat):
            yield BEAT

    return draw


def kinds() -> tuple[str, ...]:
    """Every kind of entry that this version knows, for whoever types one."""
    return tuple(sorted(KINDS))


ROUTES = (Route("/entries/live", live, methods=["GET"]),)
