"""The people of a site as values: what is on file, a change to it, and what follows from both.

Pure functions: the same `changed` says before a change what will stand and after it what stands.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated

import msgspec

from controller.holders import Credential, Directory, Holder, Provenance
from controller.ids import CredentialId, CredentialRef, HolderId
from policies.facts import CredentialStatus, HolderFacts, UtcSeconds

COUNT_MAX = 2**53 - 1
"""Counters go through JSON readers that know no larger integer."""

Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
NAME_CHARS_MAX = 100
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

    @property
    def hashes(self) -> tuple[str, ...]:
        """What of it counts in a digest: a file without duress PINs keeps the one it had."""
        return (self.hash,) if self.duress_hash is None else (self.hash, self.duress_hash)


class Made(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who did it, at which edge, and when; empty and 0 where that is not known."""

    by: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""
    edge: Annotated[str, msgspec.Meta(max_length=64)] = ""
    utc_us: Count = 0


UNKNOWN = Made()
UNSAID = Provenance()


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


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody on file, one immutable value. `version` counts the changes ever made."""

    version: int
    holders: Mapping[HolderId, HolderRecord]
    credentials: Mapping[CredentialId, CredentialRecord]
    pins: Mapping[HolderId, PinRecord]

    def __repr__(self) -> str:
        return f"Roll(version={self.version}, holders={len(self.holders)}, …)"


EMPTY = Roll(version=0, holders={}, credentials={}, pins={})


def changed(roll: Roll, change: Change) -> Roll:
    """What stands after `change`. Raises ValueError when it was planned on another version."""
    if change.base != roll.version:
        raise ValueError(f"planned on version {change.base}, on file is {roll.version}")
    left = set(change.holders_removed)
    holders = {id_: h for id_, h in roll.holders.items() if id_ not in left}
    holders |= {HolderId(h.id): h for h in change.holders}
    gone = set(change.credentials_removed)
    credentials = {id_: c for id_, c in roll.credentials.items() if id_ not in gone}
    credentials |= {CredentialId(c.id): c for c in change.credentials}
    bare = set(change.pins_removed)
    pins = {id_: pin for id_, pin in roll.pins.items() if id_ not in bare}
    pins |= {HolderId(pin.holder): pin for pin in change.pins}
    return Roll(version=change.number, holders=holders, credentials=credentials, pins=pins)


def contents_digest(roll: Roll) -> str:
    """SHA-256 over every record, names and PIN hashes included: the same people, the same digest.

    The order of entry does not count, and neither does the version.
    """
    tables = (
        sorted(roll.holders.values(), key=lambda one: one.id),
        sorted(roll.credentials.values(), key=lambda one: one.id),
        sorted((one.holder, *one.hashes) for one in roll.pins.values()),
    )
    return hashlib.sha256(msgspec.json.encode(tables, order="deterministic")).hexdigest()


def directory_of(roll: Roll, provenance: Provenance = UNSAID) -> Directory:
    """The people as the core knows them.

    The digest is SHA-256 over all that the core is told, in an order of its own: it depends on
    neither the order of entry nor the version, and no name goes into it. A changed name or PIN
    shows in it by the version of the person's record.
    """
    sets: dict[tuple[str, ...], tuple[str, ...]] = {}  # many share few sets of roles
    holders = {
        id_: Holder(facts=_facts(roll.holders[id_], sets), knows_pin=id_ in roll.pins)
        for id_ in roll.holders
    }
    credentials = {
        id_: Credential(id=id_, holder=HolderId(record.holder), status=record.status)
        for id_, record in roll.credentials.items()
    }
    refs = {CredentialRef(record.ref): id_ for id_, record in roll.credentials.items()}
    content = msgspec.json.encode([holders, credentials, refs], order="deterministic")
    return Directory(
        version=roll.version,
        digest=hashlib.sha256(content).hexdigest(),
        holders=holders,
        credentials=credentials,
        by_ref=refs,
        provenance=provenance,
    )


def _facts(record: HolderRecord, sets: dict[tuple[str, ...], tuple[str, ...]]) -> HolderFacts:
    roles = tuple(sorted(record.roles))
    return HolderFacts(
        id=record.id,
        version=record.version,
        roles=sets.setdefault(roles, roles),
        valid_from_s=record.valid_from_s,
        valid_until_s=record.valid_until_s,
        suspended=record.suspended,
        watchlisted=record.watchlisted,
        watchlists=tuple(sorted(record.watchlists)),
        biometrics=record.biometrics,
    )
