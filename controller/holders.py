"""Who is known to the site: an immutable value, changed as a whole by one input."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from controller.ids import CredentialId, CredentialRef, HolderId
from controller.moment import Micros
from policies.facts import CredentialStatus, HolderFacts


class Holder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person, by random subject id. Names and PINs stay outside the core.

    `knows_pin`: a PIN is on file, so that it makes sense to ask for it.
    """

    facts: HolderFacts
    knows_pin: bool = False


class Credential(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    id: CredentialId
    holder: HolderId
    status: CredentialStatus = CredentialStatus.ACTIVE


KeyId = Annotated[str, msgspec.Meta(max_length=64)]


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """When these people were last changed, and the signed change set that brought them: SHA-256 of
    what was signed, and the ids of the keys. Empty where they were changed here.
    """

    made_utc_us: Micros | None = None
    change_set: Annotated[str, msgspec.Meta(max_length=64)] = ""
    keys: Annotated[tuple[KeyId, ...], msgspec.Meta(max_length=8)] = ()


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody. `digest` is what the records name it by."""

    version: int
    digest: str
    holders: Mapping[HolderId, Holder]
    credentials: Mapping[CredentialId, Credential]
    by_ref: Mapping[CredentialRef, CredentialId]
    provenance: Provenance = Provenance()


NOBODY = Directory(version=0, digest="", holders={}, credentials={}, by_ref={})
