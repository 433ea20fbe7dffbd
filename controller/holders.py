"""Who is known to the site: an immutable value, changed as a whole by one input."""

from collections.abc import Mapping

import msgspec

from controller.ids import CredentialId, CredentialRef, HolderId
from policies.facts import CredentialStatus, HolderFacts


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A person, by random subject id. Names and PINs stay outside the core.

    `knows_pin`: a PIN is on file, so that it makes sense to ask for it.
    """

    facts: HolderFacts
    knows_pin: bool = False
    consent: bool = False
    """The head of mission's recorded consent stands for this person now."""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    id: CredentialId
    holder: HolderId
    status: CredentialStatus = CredentialStatus.ACTIVE


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody. `digest` is what the records name it by."""

    version: int
    digest: str
    holders: Mapping[HolderId, Holder]
    credentials: Mapping[CredentialId, Credential]
    by_ref: Mapping[CredentialRef, CredentialId]


NOBODY = Directory(version=0, digest="", holders={}, credentials={}, by_ref={})
