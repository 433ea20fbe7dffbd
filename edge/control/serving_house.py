"""Answers what is asked of people, points and reports of the house at once."""

from edge.control.desk import Desk
from edge.control.message import Message
from edge.control.messages_muster import ChangeMuster, ReadMuster
from edge.control.messages_perimeter import ChangePerimeter, ReadPerimeter
from edge.control.messages_views import AskViews, ReadNames
from edge.control.seen import seen
from edge.gate_sight import Sight

HouseRequest = ReadMuster | ChangeMuster | ReadPerimeter | ChangePerimeter | AskViews | ReadNames


async def answer(desk: Desk, asked: HouseRequest, who: str, sight: Sight) -> Message:
    """The reply, as whoever asks may see it."""
    match asked:
        case ReadMuster(begin=begin):
            return seen(await desk.muster(begin), sight)
        case ChangeMuster(step=step):
            return await desk.change_muster(step, who, sight)
        case ReadPerimeter():
            return desk.perimeter()
        case ChangePerimeter(step=step):
            return await desk.change_perimeter(step, who)
        case AskViews(rebuild=rebuild):
            return desk.views(rebuild=rebuild)
        case ReadNames(holders=holders):
            return desk.names(holders)
