"""Keeping a picture: sealed aside, given its key and name, recorded, and only then known to be.

The order makes every cut harmless. A draft, a file without a key, a key without an entry: all of
them are orphans that the next start removes. An entry is written when file and key are on disk.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from controller.events_pictures import HOLDERS_MAX, PictureId, PictureKept, PictureKind
from controller.ids import HolderId, PortalId
from edge.pictures.errors import PictureMissingError, PicturesError
from edge.pictures.frame import Frame
from edge.pictures.index import PictureIndex, row_of
from edge.pictures.key import PictureKey
from edge.pictures.sealed import Head, Opened, new_file_key, seal, unwrapped, wrapped

ID_BYTES = 16


class Wanted(NamedTuple):
    """What is to be kept: `about` these entries. `made_us`: now, by wall time. `behind`: the
    journal's incarnation and last entry.
    """

    what: PictureKind
    about: tuple[int, ...]
    portal: PortalId
    camera: str
    holders: tuple[HolderId, ...]
    made_us: int
    behind: tuple[str, int]


class PictureStore:
    """The pictures of one edge. Methods block on the disk, are for any thread, raise PicturesError.

    Whoever keeps one has to record it: `keep` gives what the entry says.
    """

    def __init__(self, index: PictureIndex, key: PictureKey, site: str, edge: str) -> None:
        self.index, self._key, self._site, self._edge = index, key, site, edge

    def keep(self, wanted: Wanted, frames: Sequence[Frame]) -> PictureKept:
        """Sealed and on disk, and not recorded yet. `frames`: at least one, in order."""
        picture, file_key = os.urandom(ID_BYTES).hex(), new_file_key()
        draft = self.index.draft_of(picture)
        head = Head(
            site=self._site,
            edge=self._edge,
            what=wanted.what,
            portal=wanted.portal,
            camera=wanted.camera,
            about=wanted.about,
        )
        try:
            sealed = seal(draft, picture, file_key, head, frames)
            kept = PictureKept(
                picture=picture,
                what=wanted.what,
                about=wanted.about,
                portal=wanted.portal,
                camera=wanted.camera,
                holders=wanted.holders[:HOLDERS_MAX],
                from_us=frames[0].utc_us,
                until_us=frames[-1].utc_us,
                count=len(frames),
                sealed_bytes=sealed.sealed_bytes,
                sha256=sealed.sha256,
            )
            closed = wrapped(self._key, picture, file_key)
            row = row_of(kept, closed, self._key.id, wanted.made_us, wanted.behind)
            self.index.stage(row, wanted.holders)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise PicturesError(f"{draft}: {error.strerror}; make room on the disk") from error
        return kept

    @contextmanager
    def opened(self, picture: PictureId) -> Iterator[Opened]:
        """Raises PictureMissingError, PictureDamagedError."""
        row = self.index.row(picture)
        path = self.index.path_of(picture)
        file_key = unwrapped(self._key, picture, row.wrapped)
        try:
            file = path.open("rb")
        except OSError as error:
            raise PictureMissingError(
                f"{path}: {error.strerror}; put the file back from a backup"
            ) from error
        with file:
            yield Opened(file, picture, file_key)
