"""Which files an edge needs to stand again, and what they are called in a backup."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from drivers.family import files_named
from edge.backup.manifest import OUTSIDE, SITE, STATE
from edge.config import Config
from edge.cosigned_beside import FILE as COSIGNED
from edge.credentials import CredentialError, file_named
from edge.device_keys import next_file
from edge.pictures.index import FILE as PICTURES_FILE
from edge.pictures.key import KEY_FILE as PICTURE_KEY_FILE
from edge.signins.first import FILE as FIRST_CODE
from edge.views_file import VIEWS_FILE

PICTURES = "pictures"

_LEFT_FOLDERS = ("journal", "network")
"""The journal is copied row by row, the network is converted anew; of the first, earlier ones that
were set aside as evidence stay where they are evidence."""

_LEFT_FILES = frozenset({"ballast", "runs.json", COSIGNED, FIRST_CODE})
"""Space that is kept free, how the last runs of this machine ended, what the witness said of the
journal that is not restored but begun anew, and a code that counts until the next start."""

_OF_PICTURES = frozenset({PICTURES_FILE, PICTURE_KEY_FILE})
"""With these at hand a picture could be opened that was erased since."""

_LEFT_ENDINGS = (".lock", "-wal", "-shm", "-journal", ".new")


def named_files(config: Config) -> list[Path]:
    """What was read of the site, and every file that it names and that is there."""
    beside = config.file.parent
    found = {*config.sources, config.site_key}
    templates = config.template_keys
    pictures = (config.picture_key, config.former_picture_key)
    found |= {one for one in (templates.current, templates.former, *pictures) if one}
    for _, line in config.lines.values():
        for entry in (line.options, *(device.options for device in line.devices)):
            files = [_file(name, beside) for name in files_named(entry).values()]
            found |= {one for file in files if file for one in (file, next_file(file))}
    for _, camera in config.cameras.values():
        files = [_file(name, beside) for name in files_named(camera.options).values()]
        found |= {file for file in files if file}
    if config.broker is not None and config.broker.password_file is not None:
        password = _file(config.broker.password_file, beside)
        found |= {password} if password else set()
    if config.tls is not None:
        found |= {one for one in config.tls if one is not None}
    return sorted(file for file in found if file.is_file())


def _file(name: str, beside: Path) -> Path | None:
    """None for what a service manager hands over and has not handed to us."""
    try:
        return file_named(name, beside)
    except CredentialError:
        return None


def site_members(config: Config) -> Iterator[tuple[str, Path, str]]:
    """Name in the backup, file, and where it lay if that was neither folder. Files of the state
    folder come with that.
    """
    folder, state = config.file.parent.resolve(), config.state.resolve()
    outside = 0
    for file in named_files(config):
        path = file.absolute()
        if path.is_relative_to(state):
            continue
        if path.is_relative_to(folder):
            yield f"{SITE}/{path.relative_to(folder).as_posix()}", path, ""
            continue
        outside += 1
        yield f"{OUTSIDE}/{outside}-{path.name}", path, str(path)


def state_members(state: Path, *, pictures: bool) -> Iterator[tuple[str, Path]]:
    """Name in the backup and file, of all that the edge keeps but the journal."""
    for folder, names, files in os.walk(state):
        place = Path(folder)
        if place == state:
            names[:] = [name for name in names if _is_kept_folder(name, pictures=pictures)]
        names.sort()
        for name in sorted(files):
            path = place / name
            if _is_kept(name, pictures=pictures) and stat.S_ISREG(path.lstat().st_mode):
                yield f"{STATE}/{path.relative_to(state).as_posix()}", path


def _is_kept_folder(name: str, *, pictures: bool) -> bool:
    if name == PICTURES:
        return pictures
    return not name.startswith((".", *_LEFT_FOLDERS))


def _is_kept(name: str, *, pictures: bool) -> bool:
    if name.startswith((".", VIEWS_FILE)) or name in _LEFT_FILES or name.endswith(_LEFT_ENDINGS):
        return False
    return pictures or name not in _OF_PICTURES
