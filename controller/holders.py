"""Who is known to the site: an immutable value, changed as a whole by one input."""

import hashlib
from collections.abc import Iterable
from typing import Annotated

import msgspec

from controller.ids import CredentialId, CredentialRef, HolderId
from controller.moment import Micros
from controller.packed import Form, Line, Packed, long, short
from policies.facts import CredentialStatus, HolderFacts


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A person, by random subject id. Names and PINs stay outside the core.

    `knows_pin`: a PIN is on file, so that it makes sense to ask for it.
    """

    facts: HolderFacts
    knows_pin: bool = False


class Credential(msgspec.Struct, frozen=True, gc=False):
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


UNSAID = Provenance()

_FACTS = msgspec.structs.fields(HolderFacts)[1:]
_HOLDER = Line((*_FACTS, *msgspec.structs.fields(Holder)[1:]))
_CREDENTIAL = Line(
    msgspec.structs.replace(field, type=bytes) if field.name in {"id", "holder"} else field
    for field in msgspec.structs.fields(Credential)
)


def _pack_holder(holder: Holder) -> bytes:
    facts = msgspec.structs.astuple(holder.facts)
    return _HOLDER.pack((*facts[1:], *msgspec.structs.astuple(holder)[1:]))


def _unpack_holder(holder: HolderId, data: bytes) -> Holder:
    values = _HOLDER.unpack(data)
    facts = HolderFacts(holder, *values[: len(_FACTS)])
    return Holder(facts, *values[len(_FACTS) :])


def _pack_credential(credential: Credential) -> bytes:
    id_, holder, *others = msgspec.structs.astuple(credential)
    return _CREDENTIAL.pack((short(id_), short(holder), *others))


def _unpack_credential(_: CredentialRef, data: bytes) -> Credential:
    id_, holder, *others = _CREDENTIAL.unpack(data)
    return Credential(CredentialId(long(id_)), HolderId(long(holder)), *others)


def _pack_ref(ref: CredentialRef) -> bytes:
    return short(ref)


def _unpack_ref(_: CredentialId, data: bytes) -> CredentialRef:
    return CredentialRef(long(data))


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody. `by_ref`: the credential behind a badge's reference; `refs`: the reference of a
    credential. `after` keeps the two in step.
    """

    version: int = 0
    holders: Packed[HolderId, Holder] = Packed(Form(_pack_holder, _unpack_holder))
    by_ref: Packed[CredentialRef, Credential] = Packed(Form(_pack_credential, _unpack_credential))
    refs: Packed[CredentialId, CredentialRef] = Packed(Form(_pack_ref, _unpack_ref))
    provenance: Provenance = UNSAID

    @property
    def digest(self) -> str:
        """What the records name these people by: SHA-256 over all of them, in hex. It depends on
        neither the version nor the way by which they came."""
        digests = (self.holders.digest, self.by_ref.digest, self.refs.digest)
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def credential(self, credential: CredentialId) -> Credential | None:
        ref = self.refs.get(credential)
        return None if ref is None else self.by_ref.get(ref)

    def after(
        self,
        *,
        version: int,
        provenance: Provenance = UNSAID,
        holders: Iterable[Holder] = (),
        holders_gone: Iterable[HolderId] = (),
        credentials: Iterable[tuple[CredentialRef, Credential]] = (),
        credentials_gone: Iterable[CredentialId] = (),
    ) -> "Directory":
        """What stands after a change: these put, and those taken away before.

        A credential is put with its badge's reference. Raises ValueError for a badge that two
        credentials would have.
        """
        given = {credential.id: (ref, credential) for ref, credential in credentials}
        touched = {*credentials_gone, *given}
        freed = [ref for one in touched if (ref := self.refs.get(one)) is not None]
        by_ref = self.by_ref.replaced(given.values(), freed)
        if len(by_ref) != len(self.by_ref) - len(freed) + len(given):
            raise ValueError("one badge twice")
        return Directory(
            version=version,
            holders=self.holders.replaced(
                ((HolderId(holder.facts.id), holder) for holder in holders), holders_gone
            ),
            by_ref=by_ref,
            refs=self.refs.replaced(((id_, ref) for id_, (ref, _) in given.items()), touched),
            provenance=provenance,
        )


NOBODY = Directory()
