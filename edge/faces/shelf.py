"""The file of templates as a daemon or a command has it: opened when something is on it, with its
keys when something has to be opened. Any thread; one at a time is let in.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from controller.ids import HolderId
from drivers.faces.api import Template
from edge.faces.file import FacesMissingError
from edge.faces.sealing import KEY_BYTES, TemplateKey, TemplateKeyError, load_template_key
from edge.faces.store import FACES_FILE, OnFile, Settled, TemplateFile
from edge.faces.templates import Alike, Keys, Templates, TemplateUnsoundError
from edge.secret_file import write_new_secret

KEY_FILE = "template.key"
"""In the state folder, where the site file names no other."""


class Place(NamedTuple):
    """Where an edge has its templates. `key`, `former`: as the site file names them, if it does."""

    state: Path
    site: str
    edge: str
    key: Path | None = None
    former: Path | None = None

    @property
    def file(self) -> Path:
        return self.state / FACES_FILE


class Staged(NamedTuple):
    """A template that waits for its entry. `version` 0: nothing was staged, for `alike` has to be
    looked at first.
    """

    version: int
    alike: Alike


class Shelf:
    """One edge's. Each method may raise FacesError; those that open templates TemplateKeyError, and
    TemplateUnsoundError for one that does not open.
    """

    def __init__(self, place: Place, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._place = place
        self._entropy = entropy
        self._file: TemplateFile | None = None
        self._keys: Keys | None = None
        self._one = threading.Lock()

    def close(self) -> None:
        with self._one:
            if self._file is not None:
                self._file.close()
                self._file = None

    def settle(self, faces: dict[HolderId, int], highest: int) -> Settled:
        """As `TemplateFile.settle`. Needs no key: what has to go goes without it."""
        with self._one:
            file = self._opened()
            if file is None:
                return Settled(0, 0, tuple(sorted(faces)))
            return file.settle(faces, highest)

    def all(self) -> tuple[OnFile, ...]:
        """Needs no key."""
        with self._one:
            file = self._opened()
            return () if file is None else file.all()

    def template(self, holder: HolderId, version: int) -> Template:
        """As `Templates.template`."""
        with self._one:
            return self._templates().template(holder, version)

    def portrait(self, holder: HolderId, version: int) -> bytes | None:
        """As `Templates.portrait`."""
        with self._one:
            return self._templates().portrait(holder, version)

    def opens(self, row: OnFile) -> str:
        """Empty where the template can be used; otherwise why not."""
        with self._one:
            try:
                self._templates().template(row.holder, row.version)
            except TemplateUnsoundError as error:
                return str(error)
        return ""

    def stage(
        self,
        holder: HolderId,
        made: Template,
        views: int,
        now_s: int,
        highest: int,
        *,
        alike_within: float,
        despite_alike: bool,
        portrait: bytes | None = None,
    ) -> Staged:
        """Hold it against all others and put it on disk under a new version, whatever `made` says;
        it is in force when `settle` finds its entry. Nothing is staged where somebody is alike and
        that is not accepted.
        """
        with self._one:
            templates = self._templates(create=True)
            alike = templates.alike(made, holder, alike_within)
            if alike.holders and not despite_alike:
                return Staged(0, alike)
            version = templates.next_version(highest)
            new = Template(model=made.model, version=version, mean=made.mean)
            templates.stage(holder, new, views, now_s, portrait)
            return Staged(version, alike)

    @property
    def key(self) -> str:
        """The id of the key under which everything new is sealed."""
        with self._one:
            return self._key().current.id

    def former(self) -> tuple[str, int]:
        """The id of the former key, and how many templates lie under it; empty without one."""
        with self._one:
            if self._place.former is None or self._opened() is None:
                return "", 0
            former = self._key().former
            return "" if former is None else former.id, self._templates().to_reseal()

    def reseal(self) -> int:
        """As `Templates.reseal`, to its end; how many."""
        with self._one:
            return len(list(self._templates().reseal()))

    def _opened(self, *, create: bool = False) -> TemplateFile | None:
        if self._file is None and (create or self.there):
            place = self._place
            self._file = TemplateFile.open(place.file, place.site, place.edge, create=create)
        return self._file

    @property
    def there(self) -> bool:
        """Whether there is a file at all."""
        return self._place.file.exists()

    def _templates(self, *, create: bool = False) -> Templates:
        keys = self._key(create=create)
        file = self._opened(create=create)
        if file is None:
            raise FacesMissingError(
                f"{self._place.file}: there is none; put it back, or enrol people anew"
            )
        return Templates(file, keys, self._place.site, self._place.edge, self._entropy)

    def _key(self, *, create: bool = False) -> Keys:
        """Read once: who changes a key file starts the edge anew."""
        if self._keys is None:
            place = self._place
            former = None if place.former is None else load_template_key(place.former)
            self._keys = Keys(self._current(create=create), former)
        return self._keys

    def _current(self, *, create: bool) -> TemplateKey:
        named, own = self._place.key, self._place.state / KEY_FILE
        if named is not None:
            return load_template_key(named)
        # A key that is made anew beside templates would look as if it could open them.
        if create and not own.exists() and not self._place.file.exists():
            try:
                write_new_secret(own, self._entropy(KEY_BYTES), like=self._place.state)
            except OSError as error:
                raise TemplateKeyError(
                    f"{own}: cannot be written ({error.strerror}); make the state folder writable "
                    "for the account that the edge runs as"
                ) from error
        return load_template_key(own)
