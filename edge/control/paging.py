"""Lists that are longer than a reply: asked for page by page, by whoever speaks and however."""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from edge.control.message import Message

R = TypeVar("R", bound=Message)
T = TypeVar("T")


def pages(
    request: Message, page: Callable[[R], tuple[Sequence[T], int]]
) -> Generator[Message, R, tuple[R, list[T]]]:
    """Requests from the first row on, each to be answered by its reply; ends with the last reply
    and all rows. `request` has a field `begin`; `page` gives the rows of a reply, and how many
    there are in all. What changes meanwhile may stand there twice.
    """
    found: list[T] = []
    while True:
        reply = yield replace(request, begin=len(found))
        rows, total = page(reply)
        found += rows
        if not rows or len(found) >= total:
            return reply, found
