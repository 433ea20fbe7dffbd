"""The people of a site as values: what is on file, a change to it, and what follows from both.

Pure functions: the same `changed` says before a change what will stand and after it what stands.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Annotated, TypeVar

import msgspec

from controller.holders import NOBODY, UNSAID, Credential, Directory, Holder, Provenance
from controller.ids import CredentialId, CredentialRef, HolderId
from controller.packed import AT_ONCE, Form, Line, Packed
from edge.person_limits import NAME_CHARS_MAX
from policies.facts import CredentialStatus, HolderFacts, UtcSeconds

COUNT_MAX = 2**53 - 1
"""Counters go through JSON readers that know no larger integer."""

Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
EXTERNAL_ID_CHARS_MAX = 64
ROLES_MAX = 16
"""A person with more roles than this is a mistake in somebody's export."""
LISTS_MAX = 16

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""SHA-256 in hex."""

_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Role = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class HolderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person as on file. `external_id` is the integrator's key, `version` grows by each change.
    `biometrics`: gives face and finger; who cannot or will not is asked for the alternatives.

    No repr shows the name.
    """

    id: _Id
    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=EXTERNAL_ID_CHARS_MAX)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    roles: Annotated[tuple[_Role, ...], msgspec.Meta(max_length=ROLES_MAX)]
    valid_from_s: UtcSeconds | None = None
    valid_until_s: UtcSeconds | None = None
    suspended: bool = False
    watchlisted: bool = False
    watchlists: Annotated[tuple[_Role, ...], msgspec.Meta(max_length=LISTS_MAX)] = ()
    biometrics: bool = True
    version: Count = 1

    def __repr__(self) -> str:
        return f"HolderRecord(id={self.id!r}, version={self.version}, …)"


class CredentialRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: _Id
    holder: _Id
    ref: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    status: CredentialStatus = CredentialStatus.ACTIVE


_PinHash = Annotated[str, msgspec.Meta(pattern=r"^\$argon2id\$", max_length=256)]


class PinRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The Argon2 hashes of a person's PIN, and of the one typed under duress where there is one.

    No repr shows them: four digits are soon tried.
    """

    holder: _Id
    hash: _PinHash
    duress_hash: _PinHash | None = None

    def __repr__(self) -> str:
        return f"PinRecord(holder={self.holder!r}, hash=…)"


class Made(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who did it, at which edge, and when; empty and 0 where that is not known."""

    by: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""
    edge: Annotated[str, msgspec.Meta(max_length=64)] = ""
    utc_us: Count = 0


UNKNOWN = Made()


class Touched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a change put or took, by ids: holders, credentials, and the holders of PINs."""

    holders: tuple[_Id, ...] = ()
    credentials: tuple[_Id, ...] = ()
    pins: tuple[_Id, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change in the line of changes: what stands after it, and who made it.

    `touched` is None where it is no longer known, or never was here.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
    digest: Digest
    made: Made
    touched: Touched | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is put and what is taken, as whole records, over the version it was planned on.

    `steps`: the changes that this one is made of where it came in a change set, which is then
    named by its digest and the ids of the keys that signed it.
    """

    base: Count
    steps: tuple[Step, ...] = ()
    change_set: Digest | None = None
    keys: tuple[str, ...] = ()
    holders: tuple[HolderRecord, ...] = ()
    holders_removed: tuple[_Id, ...] = ()
    credentials: tuple[CredentialRecord, ...] = ()
    credentials_removed: tuple[_Id, ...] = ()
    pins: tuple[PinRecord, ...] = ()
    pins_removed: tuple[_Id, ...] = ()

    def __bool__(self) -> bool:
        return bool(
            self.steps
            or self.holders
            or self.holders_removed
            or self.credentials
            or self.credentials_removed
            or self.pins
            or self.pins_removed
        )

    @property
    def number(self) -> int:
        """The version that it brings."""
        return self.steps[-1].number if self.steps else self.base + 1

    @property
    def touched(self) -> Touched:
        """What it puts and takes."""
        return Touched(
            holders=(*(one.id for one in self.holders), *self.holders_removed),
            credentials=(*(one.id for one in self.credentials), *self.credentials_removed),
            pins=(*(one.holder for one in self.pins), *self.pins_removed),
        )


R = TypeVar("R", bound=msgspec.Struct)


def _form(kind: type[R]) -> Form[str, R]:
    """Records whose first field is the id under which they are kept."""
    first, *others = msgspec.structs.fields(kind)
    line, names = Line(others), [field.name for field in others]

    def pack(record: R) -> bytes:
        return line.pack(msgspec.structs.astuple(record)[1:])

    def unpack(key: str, data: bytes) -> R:
        values = dict(zip(names, line.unpack(data), strict=True))
        return kind(**{first.name: key}, **values)

    return Form(pack, unpack)


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody on file, one immutable value. `version` counts the changes ever made."""

    version: int = 0
    holders: Packed[str, HolderRecord] = Packed(_form(HolderRecord))
    credentials: Packed[str, CredentialRecord] = Packed(_form(CredentialRecord))
    pins: Packed[str, PinRecord] = Packed(_form(PinRecord))

    def __repr__(self) -> str:
        return f"Roll(version={self.version}, holders={len(self.holders)}, …)"

    def named(self, external_id: str) -> HolderRecord | None:
        """Whom the integrator calls that. Everybody is looked at: beside the event loop."""
        return next((one for one in self.holders.values() if one.external_id == external_id), None)

    def after(
        self,
        *,
        version: int,
        holders: Iterable[HolderRecord] = (),
        credentials: Iterable[CredentialRecord] = (),
        pins: Iterable[PinRecord] = (),
        gone: "Touched",
    ) -> "Roll":
        """With these records, and without those of `gone` that are not among them."""
        return Roll(
            version=version,
            holders=self.holders.replaced(((one.id, one) for one in holders), gone.holders),
            credentials=self.credentials.replaced(
                ((one.id, one) for one in credentials), gone.credentials
            ),
            pins=self.pins.replaced(((one.holder, one) for one in pins), gone.pins),
        )


EMPTY = Roll()


def roles_held(roll: Roll) -> dict[str, int]:
    """How many people on file have each role. Takes a while where they are many."""
    return dict(Counter(role for one in roll.holders.values() for role in one.roles))


def changed(roll: Roll, change: Change) -> Roll:
    """What stands after `change`. Raises ValueError when it was planned on another version."""
    if change.base != roll.version:
        raise ValueError(f"planned on version {change.base}, on file is {roll.version}")
    return roll.after(
        version=change.number,
        holders=change.holders,
        credentials=change.credentials,
        pins=change.pins,
        gone=Touched(
            holders=change.holders_removed,
            credentials=change.credentials_removed,
            pins=change.pins_removed,
        ),
    )


def badges_of(roll: Roll, holder: str) -> frozenset[str]:
    """The references of somebody's badges."""
    return frozenset(one.ref for one in roll.credentials.values() if one.holder == holder)


def removal(roll: Roll, holders: Iterable[str]) -> Change:
    """The change that takes these people away, with badges and PINs; nothing where none of them is
    on file.
    """
    gone = tuple(sorted(holder for holder in set(holders) if holder in roll.holders))
    return Change(
        base=roll.version,
        holders_removed=gone,
        credentials_removed=tuple(
            one.id for one in roll.credentials.values() if gone and one.holder in gone
        ),
        pins_removed=tuple(holder for holder in gone if holder in roll.pins),
    )


def contents_digest(roll: Roll) -> str:
    """SHA-256 over every record, names and PIN hashes included: the same people, the same digest.

    The order of entry does not count, and neither does the version.
    """
    digests = (roll.holders.digest, roll.credentials.digest, roll.pins.digest)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def directory_of(roll: Roll, provenance: Provenance = UNSAID) -> Directory:
    """The people as the core knows them.

    No name goes into it. A changed name or PIN shows in its digest by the version of the person's
    record.
    """
    directory = NOBODY.after(
        version=roll.version,
        provenance=provenance,
        holders=(_holder(record, roll) for record in roll.holders.values()),
    )
    badges = map(_credential, roll.credentials.values())
    while some := tuple(islice(badges, AT_ONCE)):
        directory = directory.after(version=roll.version, provenance=provenance, credentials=some)
    return directory


def directory_after(
    directory: Directory, change: Change, roll: Roll, provenance: Provenance = UNSAID
) -> Directory:
    """`directory_of(roll)`, where `change` has led from the people in `directory` to `roll`, at the
    price of the change. Raises ValueError for a badge that two people would have."""
    touched = change.touched
    records = map(roll.holders.get, {*touched.holders, *touched.pins})
    return directory.after(
        version=roll.version,
        provenance=provenance,
        holders=(_holder(record, roll) for record in records if record is not None),
        holders_gone=map(HolderId, change.holders_removed),
        credentials=map(_credential, change.credentials),
        credentials_gone=map(CredentialId, change.credentials_removed),
    )


def _holder(record: HolderRecord, roll: Roll) -> Holder:
    facts = HolderFacts(
        id=record.id,
        version=record.version,
        roles=tuple(sorted(record.roles)),
        valid_from_s=record.valid_from_s,
        valid_until_s=record.valid_until_s,
        suspended=record.suspended,
        watchlisted=record.watchlisted,
        watchlists=tuple(sorted(record.watchlists)),
        biometrics=record.biometrics,
    )
    return Holder(facts=facts, knows_pin=record.id in roll.pins)


def _credential(record: CredentialRecord) -> tuple[CredentialRef, Credential]:
    credential = Credential(
        id=CredentialId(record.id), holder=HolderId(record.holder), status=record.status
    )
    return CredentialRef(record.ref), credential
