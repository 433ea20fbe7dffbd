"""The people of a site as values: what is on file, a change to it, and what follows from both.

Pure functions: the same `changed` says before a change what will stand and after it what stands.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated

import msgspec

from controller.holders import Credential, Directory, Holder
from controller.ids import CredentialId, CredentialRef, HolderId
from policies.facts import CredentialStatus, HolderFacts, UtcSeconds

COUNT_MAX = 2**53 - 1
"""Counters go through JSON readers that know no larger integer."""

Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
NAME_CHARS_MAX = 100
EXTERNAL_ID_CHARS_MAX = 64
ROLES_MAX = 16
"""A person with more roles than this is a mistake in somebody's export."""

_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Role = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class HolderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person as on file. `external_id` is the integrator's key, `version` grows by each change.

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
    version: Count = 1

    def __repr__(self) -> str:
        return f"HolderRecord(id={self.id!r}, version={self.version}, …)"


class CredentialRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: _Id
    holder: _Id
    ref: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    status: CredentialStatus = CredentialStatus.ACTIVE


class PinRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The Argon2 hash of a person's PIN. No repr shows it: four digits are soon tried."""

    holder: _Id
    hash: Annotated[str, msgspec.Meta(pattern=r"^\$argon2id\$", max_length=256)]

    def __repr__(self) -> str:
        return f"PinRecord(holder={self.holder!r}, hash=…)"


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is put and what is taken, as whole records, over the version it was planned on."""

    base: Count
    holders: tuple[HolderRecord, ...] = ()
    credentials: tuple[CredentialRecord, ...] = ()
    credentials_removed: tuple[_Id, ...] = ()
    pins: tuple[PinRecord, ...] = ()
    pins_removed: tuple[_Id, ...] = ()

    def __bool__(self) -> bool:
        return bool(
            self.holders
            or self.credentials
            or self.credentials_removed
            or self.pins
            or self.pins_removed
        )


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody on file, one immutable value. `version` counts the changes ever made."""

    version: int
    holders: Mapping[HolderId, HolderRecord]
    credentials: Mapping[CredentialId, CredentialRecord]
    pins: Mapping[HolderId, str]

    def __repr__(self) -> str:
        return f"Roll(version={self.version}, holders={len(self.holders)}, …)"


EMPTY = Roll(version=0, holders={}, credentials={}, pins={})


def changed(roll: Roll, change: Change) -> Roll:
    """What stands after `change`. Raises ValueError when it was planned on another version."""
    if change.base != roll.version:
        raise ValueError(f"planned on version {change.base}, on file is {roll.version}")
    holders = dict(roll.holders) | {HolderId(h.id): h for h in change.holders}
    gone = set(change.credentials_removed)
    credentials = {id_: c for id_, c in roll.credentials.items() if id_ not in gone}
    credentials |= {CredentialId(c.id): c for c in change.credentials}
    bare = set(change.pins_removed)
    pins = {id_: pin for id_, pin in roll.pins.items() if id_ not in bare}
    pins |= {HolderId(pin.holder): pin.hash for pin in change.pins}
    return Roll(version=roll.version + 1, holders=holders, credentials=credentials, pins=pins)


def directory_of(roll: Roll) -> Directory:
    """The people as the core knows them.

    The digest is SHA-256 over all that the core is told, in an order of its own: it depends on
    neither the order of entry nor the version, and no name goes into it. A changed name or PIN
    shows in it by the version of the person's record.
    """
    holders = {
        id_: Holder(facts=_facts(roll.holders[id_]), knows_pin=id_ in roll.pins)
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
    )


def _facts(record: HolderRecord) -> HolderFacts:
    return HolderFacts(
        id=record.id,
        version=record.version,
        roles=tuple(sorted(record.roles)),
        valid_from_s=record.valid_from_s,
        valid_until_s=record.valid_until_s,
        suspended=record.suspended,
        watchlisted=record.watchlisted,
    )
