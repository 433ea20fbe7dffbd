"""Templates as they are used: sealed for their owner, opened for one question, held against others
at an enrolment. For one thread at a time; none of it belongs on the event loop.
"""

import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from msgspec.structs import replace

from controller.ids import HolderId
from drivers.faces.api import DIMENSIONS, Template
from edge.faces.sealing import Belongs, SealError, TemplateKey
from edge.faces.store import OnFile, Sealed, Settled, TemplateFile

TEMPLATE, PORTRAIT = "template", "portrait"

_MEAN = struct.Struct(f"<{DIMENSIONS}f")


class TemplateUnsoundError(Exception):
    """A template that is on record cannot be used. The text says why, and what to do."""


class Keys(NamedTuple):
    """Under which templates are sealed, and the one before it, until nothing lies under that."""

    current: TemplateKey
    former: TemplateKey | None = None

    def of(self, id_: str) -> TemplateKey | None:
        return next((key for key in self if key is not None and key.id == id_), None)


class Alike(NamedTuple):
    """What came of holding a face against all others on file. `unsound`: could not be opened."""

    compared: int
    holders: tuple[HolderId, ...]
    unsound: int


class Templates:
    """The open file with its keys."""

    def __init__(
        self, file: TemplateFile, keys: Keys, site: str, edge: str, entropy: Callable[[int], bytes]
    ) -> None:
        """`entropy(n)` gives n unpredictable bytes."""
        self.file = file
        self._keys = keys
        self._site = site
        self._edge = edge
        self._entropy = entropy

    @classmethod
    def open(
        cls, path: Path, keys: Keys, site: str, edge: str, entropy: Callable[[int], bytes]
    ) -> Self:
        """With a file where there was none. Raises FacesError."""
        file = TemplateFile.open(path, site, edge, create=True)
        return cls(file, keys, site, edge, entropy)

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def key(self) -> str:
        """The id of the key under which everything new is sealed."""
        return self._keys.current.id

    def all(self) -> tuple[OnFile, ...]:
        """As `TemplateFile.all`."""
        return self.file.all()

    def next_version(self, highest: int) -> int:
        """One that no template ever had, neither by the journal nor on file."""
        return 1 + max([highest, *(row.version for row in self.all())])

    def stage(
        self,
        holder: HolderId,
        template: Template,
        views: int,
        made_s: int,
        portrait: bytes | None = None,
    ) -> None:
        """Seal it, and put it on disk; it is in force when `settle` finds its entry. `portrait`: a
        JPEG, where the policy has one kept. Raises FacesError, TemplateKeyError.
        """
        key, version, model = self._keys.current, template.version, template.model
        to = self._belongs(TEMPLATE, holder, version, model)
        self.file.stage(
            Sealed(
                holder=holder,
                version=version,
                model=model,
                views=views,
                made_s=made_s,
                key=key.id,
                sealed=key.seal(template.mean, to, self._entropy),
                portrait=None
                if portrait is None
                else key.seal(portrait, to._replace(what=PORTRAIT), self._entropy),
            )
        )

    def settle(self, faces: dict[HolderId, int], highest: int) -> Settled:
        """As `TemplateFile.settle`."""
        return self.file.settle(faces, highest)

    def template(self, holder: HolderId, version: int) -> Template:
        """The one in force, for a question about this person.

        Raises TemplateUnsoundError, FacesError, TemplateKeyError.
        """
        return self._opened(self._there(holder, version))

    def portrait(self, holder: HolderId, version: int) -> bytes | None:
        """The picture that was kept with it, as JPEG. Raises as `template` does."""
        row = self._there(holder, version)
        if row.portrait is None:
            return None
        return self._open(row, PORTRAIT, row.portrait)

    def alike(self, template: Template, holder: HolderId, distance_max: float) -> Alike:
        """Whose templates of the same model are so near that a camera may take one for the other;
        her own is left out. Raises FacesError, TemplateKeyError.
        """
        mean, found, compared, unsound = _MEAN.unpack(template.mean), [], 0, 0
        for row in self.file.every():
            if row.holder == holder or row.model != template.model:
                continue
            try:
                other = self._opened(row)
            except TemplateUnsoundError:
                unsound += 1
                continue
            compared += 1
            if math.dist(mean, _MEAN.unpack(other.mean)) <= distance_max:
                found.append(row.holder)
        return Alike(compared, tuple(found), unsound)

    def to_reseal(self) -> int:
        """How many lie under the former key. Raises FacesError."""
        former = self._keys.former
        return 0 if former is None else len(self.file.under(former.id))

    def reseal(self) -> Iterator[HolderId]:
        """Seal everything that lies under the former key under the current one, person by person;
        a cut in between leaves each under one of the two. What does not open is left as it is.

        Raises FacesError, TemplateKeyError.
        """
        former, current = self._keys.former, self._keys.current
        for row in () if former is None else self.file.under(former.id):
            try:
                plain = self._open(row, TEMPLATE, row.sealed)
                portrait = None if row.portrait is None else self._open(row, PORTRAIT, row.portrait)
            except TemplateUnsoundError:
                continue
            to = self._belongs(TEMPLATE, row.holder, row.version, row.model)
            kept = to._replace(what=PORTRAIT)
            self.file.reseal(
                replace(
                    row,
                    key=current.id,
                    sealed=current.seal(plain, to, self._entropy),
                    portrait=None
                    if portrait is None
                    else current.seal(portrait, kept, self._entropy),
                )
            )
            yield row.holder

    def _there(self, holder: HolderId, version: int) -> Sealed:
        row = self.file.sealed(holder, version)
        if row is None:
            raise TemplateUnsoundError(
                "the journal has it and the file of templates has not; put the file back, or enrol "
                "the person anew"
            )
        return row

    def _opened(self, row: Sealed) -> Template:
        plain = self._open(row, TEMPLATE, row.sealed)
        try:
            return Template(model=row.model, version=row.version, mean=plain)
        except ValueError:
            raise TemplateUnsoundError("it is no template; enrol the person anew") from None

    def _open(self, row: Sealed, what: str, sealed: bytes) -> bytes:
        key = self._keys.of(row.key)
        if key is None:
            raise TemplateUnsoundError(
                f"it is sealed under key {row.key}, which is not the one in the site file; name "
                "that one as former-template-key, or enrol the person anew"
            )
        try:
            return key.open(sealed, self._belongs(what, row.holder, row.version, row.model))
        except SealError:
            raise TemplateUnsoundError(
                "its sealed bytes do not open: they are damaged, or were put there from elsewhere; "
                "put back a good copy of the file, or enrol the person anew"
            ) from None

    def _belongs(self, what: str, holder: str, version: int, model: str) -> Belongs:
        return Belongs(what, self._site, self._edge, holder, version, model)
