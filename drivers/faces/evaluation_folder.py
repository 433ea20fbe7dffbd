"""A folder of pictures that an integrator supplies: one folder in it for each person. Heavy.

Names are somebody else's: they are looked at one level deep, never followed out of the folder, and
shown only after `shown` has taken from them what a terminal or a file could stumble over.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from drivers.faces.evaluation import Sample, sampled
from drivers.faces.interfaces import FaceEngine
from drivers.faces.picture_file import PictureFileError, read_picture

PICTURES_MOST = 3_000
"""Every picture is compared with every other: 9 million distances, some 300 MB of memory."""


class FolderError(Exception):
    """Why a folder cannot be evaluated. The remedy stands after the semicolon."""


class Supplied(NamedTuple):
    """A picture: whose folder it lies in, and where. `why`: it is not looked at."""

    person: str
    path: Path
    why: str = ""

    @property
    def name(self) -> str:
        """Folder and file, as they may be shown."""
        return f"{shown(self.path.parent.name)}/{shown(self.path.name)}"


def shown(name: str) -> str:
    """A file's name as text that can be printed and stored."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def supplied(folder: Path) -> tuple[Supplied, ...]:
    """Every file in every person's folder, in order of names; hidden ones are left out, links and
    folders within are named and not followed. Raises FolderError.
    """
    found: list[Supplied] = []
    try:
        for person in _entries(folder):
            if person.is_dir(follow_symlinks=False):
                found += _of(person)
            if len(found) > PICTURES_MOST:
                raise FolderError(
                    f"more than {PICTURES_MOST} pictures; evaluate a part of them at a time"
                )
    except OSError as error:
        raise FolderError(
            f"{shown(str(folder))} cannot be read: {error.strerror}; "
            "name a folder that has a folder for each person"
        ) from error
    if not found:
        raise FolderError(
            f"{shown(str(folder))} has no pictures in folders of people; "
            "put each person's pictures in a folder of their own"
        )
    return tuple(found)


def _of(person: os.DirEntry[str]) -> Iterator[Supplied]:
    for entry in _entries(Path(person.path)):
        path = Path(entry.path)
        if entry.is_symlink():
            yield Supplied(person.name, path, "a link, not followed")
        elif entry.is_dir(follow_symlinks=False):
            yield Supplied(person.name, path, "a folder in a person's folder")
        else:
            yield Supplied(person.name, path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        seen = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(seen, key=lambda entry: entry.name)


def sample_of(engine: FaceEngine, picture: Supplied) -> Sample:
    """What the engine makes of it, or why it cannot be read. Raises nothing."""
    if picture.why:
        return Sample(picture.person, picture.name, None, picture.why)
    try:
        image = read_picture(picture.path, follow_links=False)
    except PictureFileError as error:
        return Sample(picture.person, picture.name, None, str(error))
    return sampled(engine, picture.person, picture.name, image)
