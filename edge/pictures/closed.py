"""Pictures of an edge that does not run."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from controller.events_pictures import PictureEnd
from controller.ids import HolderId, InputId
from controller.inputs_pictures import PicturesEnding
from edge.pictures.errors import PicturesError
from edge.pictures.index import PictureIndex
from edge.still_there import StillThereError

CAUSE = InputId("person-erase")

Record = Callable[[PicturesEnding], Awaitable[None]]
"""Put it on record, durably."""


async def take_away(state: Path, holders: Iterable[HolderId], record: Record) -> None:
    """Everything in which these people may be goes, on record first. Raises StillThereError, and
    what `record` does.
    """
    if not PictureIndex.exists(state):
        return
    try:
        with PictureIndex.open(state) as index:
            for holder in holders:
                pictures = index.of_holder(holder)
                if pictures:
                    why = PictureEnd.PERSON_ERASED
                    await record(
                        PicturesEnding(id=CAUSE, pictures=pictures, why=why, holder=holder)
                    )
                    index.erase(pictures, anew=True)
    except PicturesError as error:
        raise StillThereError(str(error)) from error
