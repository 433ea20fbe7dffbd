"""A policy as a signed file: every byte that it is made of, and what it amounts to.

The payload names site, version and digest, so that whoever signs it signs those, and holds the
files with them, so that nothing else is needed to put it in force. Two people sign a policy, or as
many as the one in force asks for; the digest is over the edition of the time zones too, because
another one may decide otherwise.
"""

from collections.abc import Collection, Sequence
from importlib.metadata import version
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from edge.signatures import TrustedKey, Use, Verified, verify
from policies import CompiledPolicy, PolicyError, SourceFile, load
from policies.calendar import name_alone
from policies.loader import SOURCES_MAX, digest_of
from policies.prove import refusals
from policies.rights import OrderKind, OrderRule

PAYLOAD_TYPE = "application/vnd.sentrypost.policy.v1"
"""JSON of Bundle."""

SCHEMA = 1

SIGNERS = 2
"""People, not keys; what a policy asks for can be more."""

PAYLOAD_BYTES_MAX = 2 * 1024 * 1024
"""Six times what a site of 1,000 portals takes."""

ENVELOPE_BYTES_MAX = 2 * PAYLOAD_BYTES_MAX
"""The payload in base64, and signatures."""

COPY_AGAIN = "copy the file again from where it was made"

Text = Annotated[str, msgspec.Meta(max_length=200)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class BundleError(Exception):
    """The policy is not taken, and nothing was changed. `remedy` says what to do; `problems` are
    the mistakes in it, one a line.
    """

    def __init__(self, message: str, remedy: str, problems: Sequence[object] = ()) -> None:
        self.remedy = remedy
        self.problems = tuple(str(problem) for problem in problems)
        super().__init__(message)


class BundleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Text
    text: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed. `tzdata`: the edition of the time zones that `digest` is over."""

    schema: Annotated[int, msgspec.Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    site: Text
    name: Text
    version: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    digest: Digest
    tzdata: Text
    files: Annotated[tuple[BundleFile, ...], msgspec.Meta(min_length=1, max_length=SOURCES_MAX)]

    @property
    def sources(self) -> tuple[SourceFile, ...]:
        return tuple(SourceFile(file.name, file.text.encode()) for file in self.files)


class Offer(NamedTuple):
    """A policy that may come into force, and who has signed it."""

    bundle: Bundle
    policy: CompiledPolicy
    signed: Verified


_DECODER = msgspec.json.Decoder(Bundle)


def own_tzdata() -> str:
    """The edition of the time zones of this installation."""
    return version("tzdata")


def compiled(sources: Sequence[SourceFile]) -> CompiledPolicy:
    """The policy that the files spell, with the time zones of here. Raises PolicyError."""
    return load(
        sources,
        timezone=ZoneInfo,
        tzdata_version=own_tzdata(),
        zone_names=available_timezones,
    )


def signers(keys: Collection[TrustedKey]) -> tuple[str, ...]:
    """The people who may sign policies, in order."""
    return tuple(sorted({key.person for key in keys if Use.POLICY in key.may}))


def rule_in(policy: CompiledPolicy) -> OrderRule | None:
    """What it says of who puts another one in its place."""
    return policy.orders.get(OrderKind.POLICY)


def needed_by(policy: CompiledPolicy) -> int:
    """So many people put another one in its place."""
    rule = rule_in(policy)
    return SIGNERS if rule is None else max(SIGNERS, rule.people)


def roles_in(policy: CompiledPolicy) -> tuple[str, ...]:
    """One of them each of these people has on file; empty where it names none."""
    rule = rule_in(policy)
    return () if rule is None else tuple(sorted(rule.roles))


def packed(sources: Sequence[SourceFile], policy: CompiledPolicy) -> bytes:
    """What is to be signed. `policy` is what the files spell. Raises BundleError."""
    files = (BundleFile(name_alone(source.name), source.data.decode()) for source in sources)
    bundle = Bundle(
        site=policy.site,
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        tzdata=policy.tzdata_version,
        files=tuple(files),
    )
    payload = msgspec.json.encode(bundle)
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise BundleError(
            f"the policy takes {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX} can be signed",
            "take out what is not needed",
        )
    return payload


def unpacked(payload: bytes) -> Bundle:
    """The inverse of `packed`; the digest is that of the files. Raises BundleError."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise BundleError(f"larger than {PAYLOAD_BYTES_MAX} bytes: no signed policy", COPY_AGAIN)
    try:
        bundle = _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"no signed policy ({error})", COPY_AGAIN) from None
    try:
        sources = bundle.sources
    except UnicodeEncodeError:
        raise BundleError("no signed policy (a file that is no text)", COPY_AGAIN) from None
    if digest_of(sources, bundle.tzdata) != bundle.digest:
        raise BundleError(
            "it contradicts itself: its digest is not that of its files",
            "sign the policy anew with `sentrypost policy sign`",
        )
    return bundle


def offered(envelope: bytes, keys: Collection[TrustedKey], site: str, version_max: int) -> Offer:
    """The policy of a signed file, if everything speaks for it; takes seconds for a large one.

    `version_max`: the highest version that was ever in force. What the policy in force asks of who
    signs, and whether the site's wiring fits, is not looked at here. Raises SignatureError,
    BundleError.
    """
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise BundleError(f"larger than {ENVELOPE_BYTES_MAX} bytes: no signed policy", COPY_AGAIN)
    signed = verify(envelope, keys, PAYLOAD_TYPE, Use.POLICY, needs=SIGNERS)
    bundle = unpacked(signed.payload)
    if bundle.site != site:
        raise BundleError(
            f"the policy is for site '{bundle.site}', this is '{site}'",
            "give it to an edge of its own site",
        )
    if bundle.version <= version_max:
        raise BundleError(
            f"the policy is version {bundle.version}, and version {version_max} was in force",
            f"give it a version of at least {version_max + 1} and have it signed again",
        )
    if bundle.tzdata != own_tzdata():
        raise BundleError(
            f"the policy was signed with time zones {bundle.tzdata}, this edge has "
            f"{own_tzdata()}: it may decide otherwise here",
            f"have it signed again where tzdata {own_tzdata()} is installed, or bring this edge "
            f"to {bundle.tzdata}",
        )
    return Offer(bundle, proven(bundle), signed)


def proven(bundle: Bundle) -> CompiledPolicy:
    """The bundle's policy, if it has no mistake and every invariant holds. Raises BundleError."""
    try:
        policy = compiled(bundle.sources)
    except PolicyError as error:
        raise BundleError(
            "the policy has mistakes", "mend them and have it signed again", error.problems
        ) from None
    if (policy.site, policy.version) != (bundle.site, bundle.version):
        raise BundleError(
            "it contradicts itself: its files say another site or version",
            "sign the policy anew with `sentrypost policy sign`",
        )
    broken = refusals(policy, bundle.sources)
    if broken:
        raise BundleError(
            "the policy breaks what must always hold", "mend it and have it signed again", broken
        )
    return policy
