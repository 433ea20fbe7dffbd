"""Change sets: the people of a site, or what has changed of them, from one edge to another.

A set names the site, the number and digest of what stands after it, and what it builds on. It is
sealed under the site's key, because it holds names and PIN hashes and travels on sticks, and what
is sealed is signed. Everything here is a pure function: a set is a change of `site.db` like an
import, or it is refused and nothing was changed.

Numbers count the changes of one line of people. Where two edges have changed them without knowing
of each other there are two lines, which the digests tell apart; neither is ever put over the other.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Annotated, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag

from controller.packed import Packed
from edge.people.records import (
    COUNT_MAX,
    EMPTY,
    Change,
    Count,
    CredentialRecord,
    Digest,
    HolderRecord,
    PinRecord,
    Roll,
    Step,
    Touched,
    contents_digest,
)
from edge.people.refs import SiteKey
from edge.signatures import ENVELOPE_BYTES_MAX, TrustedKey, Use, verify

PAYLOAD_TYPE = "application/vnd.sentrypost.people.v1"
"""JSON of PeopleSet under ChaCha20-Poly1305, behind its nonce."""

SCHEMA = 2
"""Since 2 the digests are made as `edge.people.history.SCHEME` 2 has it."""

SEAL_USE = b"people"
NONCE_BYTES = 12

LINE_MAX = 5_000
"""Steps that a set of everybody tells of: with their digests an edge sees that its own people are
an earlier state of these. A thousand changes a year, for five years."""

ANEW = (
    "make the changes of this edge, which `sentrypost person history` names, at the other edge "
    "too; then stop this one, move site.db away and take everybody (--all)"
)

LEVEL = (
    "an edge that was behind when a new version made the digests otherwise, or by thousands of "
    "changes, takes no set: stop this one, move site.db away and take everybody (--all); what was "
    "changed at this edge alone, which `sentrypost person history` names, make at the other before"
)

Entropy = Callable[[int], bytes]
V = TypeVar("V")


class SetError(Exception):
    """The set is not taken and nothing was changed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class SetForeignError(SetError):
    """The set is of another site."""


class SetNewerError(SetError):
    """The set was made by a newer version."""


class SetOutdatedError(SetError):
    """The set was made by an older version, whose digests are other ones."""


class SetMalformedError(SetError):
    """What was signed is no set, or contradicts itself."""


class SetOlderError(SetError):
    """What is on file is newer than the set."""


class SetGapError(SetError):
    """The set builds on changes that are not on file."""


class SetForkError(SetError):
    """The people on file have been changed otherwise than the set knows."""


class SetUntoldError(SetError):
    """The set brings duress PINs, and nobody would be told."""


class NothingNewError(SetError):
    """There is nothing to export."""


class PeopleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`whole`: the records are everybody, and `steps` is as much of their line as is known.

    Otherwise the records are what the steps after `base` have touched, as it stands now; what was
    touched and has no record is gone. `edge`: where it was exported.
    """

    schema: Annotated[int, msgspec.Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    site: str
    edge: str
    number: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
    digest: Digest
    base: Count
    base_digest: Digest
    whole: bool
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1)]
    holders: tuple[HolderRecord, ...]
    credentials: tuple[CredentialRecord, ...]
    pins: tuple[PinRecord, ...]

    def __repr__(self) -> str:
        return f"PeopleSet(number={self.number}, base={self.base}, whole={self.whole}, …)"


class _Head(msgspec.Struct, frozen=True):
    schema: int
    site: str


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A set whose signatures and seal hold. `change_set`: SHA-256 of what was signed."""

    people: PeopleSet
    change_set: Digest
    keys: tuple[str, ...]
    signed_by: tuple[str, ...]


# --- making a set -----------------------------------------------------------------------------


def everybody(site: str, edge: str, roll: Roll, steps: Sequence[Step]) -> PeopleSet:
    """A snapshot. `steps`: the newest ones, at most LINE_MAX. Raises NothingNewError."""
    if not steps:
        raise NothingNewError("nobody is on file", "import people first")
    line = tuple(msgspec.structs.replace(step, touched=None) for step in steps)
    return _made(site, edge, roll, EMPTY.version, contents_digest(EMPTY), line, whole=True)


def since(site: str, edge: str, roll: Roll, steps: Sequence[Step], base: int) -> PeopleSet:
    """A delta: what has changed after version `base`.

    Raises NothingNewError, and SetGapError where the line does not reach back so far.
    """
    if base >= roll.version:
        raise NothingNewError(
            f"nothing has changed after {base}: version {roll.version} is on file",
            "there is nothing to carry",
        )
    before = {step.number: step.digest for step in steps} | {0: contents_digest(EMPTY)}
    later = tuple(step for step in steps if step.number > base)
    if base not in before or len(later) != roll.version - base or _unknown(later):
        raise SetGapError(
            f"what has changed since version {base} is no longer known here",
            "export everybody with --all",
        )
    return _made(site, edge, roll, base, before[base], later, whole=False)


def _unknown(steps: Iterable[Step]) -> bool:
    return any(step.touched is None for step in steps)


def _made(
    site: str,
    edge: str,
    roll: Roll,
    base: int,
    base_digest: Digest,
    steps: tuple[Step, ...],
    *,
    whole: bool,
) -> PeopleSet:
    touched = (
        Touched(
            holders=tuple(roll.holders),
            credentials=tuple(roll.credentials),
            pins=tuple(roll.pins),
        )
        if whole
        else _union(steps)
    )
    return PeopleSet(
        site=site,
        edge=edge,
        number=roll.version,
        digest=contents_digest(roll),
        base=base,
        base_digest=base_digest,
        whole=whole,
        steps=steps,
        holders=_among(roll.holders, touched.holders),
        credentials=_among(roll.credentials, touched.credentials),
        pins=_among(roll.pins, touched.pins),
    )


def _among(records: Packed[str, V], ids: Iterable[str]) -> tuple[V, ...]:
    """Those of `ids` that there are."""
    return tuple(record for record in map(records.get, ids) if record is not None)


def _union(steps: Iterable[Step]) -> Touched:
    """What some of the steps have touched, each once."""
    all_touched = [step.touched for step in steps if step.touched is not None]
    return Touched(
        holders=tuple(sorted({id_ for one in all_touched for id_ in one.holders})),
        credentials=tuple(sorted({id_ for one in all_touched for id_ in one.credentials})),
        pins=tuple(sorted({id_ for one in all_touched for id_ in one.pins})),
    )


def sealed(people: PeopleSet, key: SiteKey, entropy: Entropy) -> bytes:
    """The bytes to be signed. Raises SetMalformedError where no envelope could hold them."""
    nonce = entropy(NONCE_BYTES)
    closed = key.cipher(SEAL_USE).encrypt(nonce, msgspec.json.encode(people), None)
    if len(closed) * 4 // 3 + 4096 > ENVELOPE_BYTES_MAX:
        raise SetMalformedError("these are more people than one set holds", "carry fewer changes")
    return nonce + closed


# --- taking one -------------------------------------------------------------------------------


def offered(data: bytes, trusted: Collection[TrustedKey], key: SiteKey, site: str) -> Offered:
    """What a file holds, once signature, seal and site are right. Raises SignatureError, SetError.

    Two people are not asked for: a set adds nobody whom one operator could not import as well.
    """
    seen = verify(data, trusted, PAYLOAD_TYPE, Use.PEOPLE)
    nonce, closed = seen.payload[:NONCE_BYTES], seen.payload[NONCE_BYTES:]
    try:
        content = key.cipher(SEAL_USE).decrypt(nonce, closed, None)
    except (InvalidTag, ValueError):
        raise SetForeignError(
            "the set was sealed under another site's key",
            "take a set of this site; if it is one, compare the site keys of both edges",
        ) from None
    return Offered(
        people=_decoded(content, site),
        change_set=hashlib.sha256(seen.payload).hexdigest(),
        keys=seen.keys,
        signed_by=seen.people,
    )


def _decoded(content: bytes, site: str) -> PeopleSet:
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.site != site:
            raise SetForeignError(
                f"the set is of site '{head.site[:64]}', this is '{site}'",
                "take a set of this site",
            )
        if head.schema > SCHEMA:
            raise SetNewerError(
                f"a newer version made the set (schema {head.schema}, known is {SCHEMA})",
                "install that version here too",
            )
        if head.schema < SCHEMA:
            raise SetOutdatedError(
                f"an older version made the set (schema {head.schema}, known is {SCHEMA})",
                "install this version at the other edge too, and export there again",
            )
        people = msgspec.json.decode(content, type=PeopleSet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The decoder names places and no values.
        raise _malformed(str(error)) from None
    numbers = [step.number for step in people.steps]
    if numbers != list(range(people.number - len(numbers) + 1, people.number + 1)):
        raise _malformed("its steps are not in line")
    if people.steps[-1].digest != people.digest:
        raise _malformed("its last step is another")
    if not people.whole and (numbers[0] != people.base + 1 or _unknown(people.steps)):
        raise _malformed("its steps do not begin after what it builds on")
    return people


def change_of(roll: Roll, offer: Offered, *, duress_is_told: bool = False) -> Change | None:
    """The change that brings these people; None where they are on file already. Raises SetError.

    `duress_is_told`: as in `plan_import`.
    """
    people, here = offer.people, contents_digest(roll)
    if people.number < roll.version:
        raise SetOlderError(
            f"the set brings version {people.number}, version {roll.version} is on file",
            "take a newer one; what is on file stays",
        )
    line = {step.number: step.digest for step in people.steps} | {people.base: people.base_digest}
    if roll.version not in line:
        raise _gap(roll.version, people)
    if line[roll.version] != here and roll.version > 0:
        raise SetForkError(
            f"version {roll.version} of the people is another here than in the set: they were "
            "changed at both edges",
            ANEW,
        )
    if people.number == roll.version:
        return None
    after = _after(roll, people)
    if contents_digest(after) != people.digest:
        raise _malformed("its records are not those of its digest")
    later = tuple(step for step in people.steps if step.number > roll.version)
    change = _difference(roll, after, later, offer)
    if not duress_is_told and any(one.duress_hash for one in change.pins):
        raise SetUntoldError(
            "the set brings duress PINs, and the site file here names nobody who is told of duress",
            "name them under [duress] as at the other edge, and start this one again",
        )
    return change


def _gap(version: int, people: PeopleSet) -> SetGapError:
    if people.whole:
        return SetGapError(
            f"the set tells of versions {people.steps[0].number} to {people.number} alone: that "
            f"version {version} here is an earlier state of the same people cannot be seen",
            LEVEL,
        )
    return SetGapError(
        f"the set builds on version {people.base}, version {version} is on file",
        f"export at the other edge with --since {version}, or everybody with --all",
    )


def _malformed(why: str) -> SetMalformedError:
    return SetMalformedError(f"the set contradicts itself: {why}", "export it anew")


def _after(roll: Roll, people: PeopleSet) -> Roll:
    """What will stand. Raises SetMalformedError where the records do not fit each other."""
    after = (EMPTY if people.whole else roll).after(
        version=people.number,
        holders=people.holders,
        credentials=people.credentials,
        pins=people.pins,
        gone=Touched() if people.whole else _union(people.steps),
    )
    owners, refs = set(after.pins), set()
    for badge in after.credentials.values():
        owners.add(badge.holder)
        refs.add(badge.ref)
    external_ids = {one.external_id for one in after.holders.values()}
    if not owners <= set(after.holders):
        raise _malformed("a badge or a PIN of nobody")
    if len(refs) != len(after.credentials):
        raise _malformed("one badge twice")
    if len(external_ids) != len(after.holders):
        raise _malformed("one person twice")
    return after


def _difference(before: Roll, after: Roll, steps: tuple[Step, ...], offer: Offered) -> Change:
    holders, holders_removed = _new(before.holders, after.holders)
    credentials, credentials_removed = _new(before.credentials, after.credentials)
    pins, pins_removed = _new(before.pins, after.pins)
    return Change(
        base=before.version,
        steps=steps,
        change_set=offer.change_set,
        keys=offer.keys,
        holders=holders,
        holders_removed=holders_removed,
        credentials=credentials,
        credentials_removed=credentials_removed,
        pins=pins,
        pins_removed=pins_removed,
    )


def _new(before: Packed[str, V], after: Packed[str, V]) -> tuple[tuple[V, ...], tuple[str, ...]]:
    """The records that are not as they were, and the ids of those that are no more."""
    ids = tuple(before.differing(after))
    return _among(after, ids), tuple(one for one in ids if one not in after)
