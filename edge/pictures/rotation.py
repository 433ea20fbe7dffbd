"""The picture key, and how another takes its place.

A file keeps the key that it was sealed with; only that key's wrapping changes, for all of them in
one transaction: a power cut leaves every one under the former key, or every one under the new one,
and the next start begins again. What another key has wrapped is left as it is.
"""

import logging
from pathlib import Path

from edge.pictures.errors import PictureDamagedError, PictureKeyError
from edge.pictures.index import PictureIndex
from edge.pictures.key import PictureKey, picture_key
from edge.pictures.sealed import unwrapped, wrapped

log = logging.getLogger(__name__)


def key_in_use(
    index: PictureIndex, state: Path, named: Path | None, former: Path | None
) -> PictureKey:
    """The picture key as the site file names it, under which from here on lies as well whatever lay
    under the `former` one. Where that cannot be read it is told, and the present one serves.

    Raises PictureKeyError for the present one, PicturesError.
    """
    key = picture_key(state, named)
    if former is None:
        return key
    try:
        old = picture_key(state, former)
    except PictureKeyError as error:
        log.error("pictures under the former key stay shut: %s", error)
        return key
    moved = rewrapped(index, key, old)
    if moved:
        log.info("%d pictures lie under the new picture key: the former one opens nothing", moved)
    return key


def rewrapped(index: PictureIndex, key: PictureKey, former: PictureKey) -> int:
    """Wrap every key anew that lies under `former`; how many, and no byte of the old is left."""
    moved: list[tuple[str, bytes]] = []
    for row in index.under(former.id):
        try:
            moved.append((row.id, wrapped(key, row.id, unwrapped(former, row.id, row.wrapped))))
        except PictureDamagedError as error:
            log.error("%s", error)
    # Where nothing is left as well: a cut may have come before the file was written anew.
    index.rewrap(moved, key.id)
    return len(moved)
