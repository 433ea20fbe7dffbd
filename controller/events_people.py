"""Events about people, beside those of their attempts; each names them by random subject id."""

from typing import Annotated

import msgspec

from controller.attempt import Attempt
from controller.body import Body, Count, Name, Seq, Text
from controller.consents import PARTY_MAX, ZONES_MAX, ConsentEnd
from controller.holders import KeyId, Provenance
from controller.ids import AttemptId, HolderId, OrderId, PortalId
from controller.ledger import Commitment
from controller.moment import Micros
from policies.codes import Code
from policies.facts import Direction, ScreeningResult, UtcSeconds


class HoldersReplaced(Body, frozen=True, kw_only=True):
    """The people and credentials known to the edge are now this version.

    `operator`: who brought them, where somebody did while the edge ran. `gone`: those of whom
    nothing is remembered from here on, because nobody knows them any more.
    """

    version: Count
    digest: Text
    holders: Count
    credentials: Count
    operator: Commitment | None = None
    provenance: Provenance = Provenance()
    gone: tuple[HolderId, ...] = ()


class SecondAsked(Body, frozen=True, kw_only=True):
    """A second person has to present here: an escort, or the other one of two."""

    after: Attempt


class HolderLockedOut(Body, frozen=True, kw_only=True):
    """Too many wrong PINs one after the other. Ways out are not affected."""

    holder: HolderId
    until_us: Micros


class LockoutEnded(Body, frozen=True, kw_only=True):
    """The time of a lock-out is over."""

    holder: HolderId


class PersonScreened(Body, frozen=True, kw_only=True):
    """A screening station's word about somebody. Who declines is denied entry politely, and the
    protocol officer is called. `operator`: who said so, where it was not the station itself.
    """

    station: Name
    holder: HolderId
    result: ScreeningResult
    operator: Commitment | None = None


class VisitorCodeMade(Body, frozen=True, kw_only=True):
    """Somebody asked for a code for a visitor, to be shown to a scanner: valid from then until
    then, and no longer. It opens nothing before the people that have it are in force.
    """

    holder: HolderId
    valid_from_s: UtcSeconds
    valid_until_s: UtcSeconds
    operator: Commitment


class VisitorUnescorted(Body, frozen=True, kw_only=True):
    """A visitor is inside and whoever escorted him is with him no more.

    `lost`: the host is in good standing no more, which is told once.
    """

    visitor: HolderId
    host: HolderId
    reason: Text
    lost: bool = False


class VisitorOverstayed(Body, frozen=True, kw_only=True):
    """Somebody is inside for longer than his roles allow for one visit; told once. `since_s`: when
    he came in. `host`: who escorts him, where somebody does.
    """

    visitor: HolderId
    host: HolderId | None
    since_s: UtcSeconds


class ConsentGiven(Body, frozen=True, kw_only=True):
    """The head of mission consents to the entry of an agent of the receiving State, until
    `until_s`; an earlier consent for the same person ends by it.

    `order`: what was signed, by these `keys`; nothing signed acts twice. `accept_until_s`: until
    when it could be given. `zones`: which may be entered, with those around them on the way there;
    none: all. `party`: how many people without badges may come with him. `signed_by`, `reason` and
    `operator` commit to who signed it, what for, and who gave it to the edge.
    """

    holder: HolderId
    order: OrderId
    until_s: UtcSeconds
    accept_until_s: UtcSeconds
    zones: Annotated[tuple[Name, ...], msgspec.Meta(max_length=ZONES_MAX)] = ()
    party: Annotated[int, msgspec.Meta(ge=0, le=PARTY_MAX)] = 0
    keys: Annotated[tuple[KeyId, ...], msgspec.Meta(max_length=8)]
    signed_by: Commitment
    reason: Commitment
    operator: Commitment


class ConsentRefused(Body, frozen=True, kw_only=True):
    """A signed consent was not taken, and nothing changed by it."""

    order: OrderId
    reason: Text
    operator: Commitment


class ConsentEnded(Body, frozen=True, kw_only=True):
    """A consent holds no more: it was revoked, its time is over, or nobody knows the person any
    more. `operator`: who revoked it.
    """

    holder: HolderId
    order: OrderId
    cause: ConsentEnd
    operator: Commitment | None = None


class PersonReported(Body, frozen=True, kw_only=True):
    """Everything that is kept of somebody was written down, for a report to that person or about
    him. `searched`: entries that were looked through. `operator`: who asked for it.
    """

    holder: HolderId
    operator: Commitment
    searched: Count


class AgentWithoutConsent(Body, frozen=True, kw_only=True):
    """An agent of the receiving State is inside and the consent to it has ended. Nothing is done to
    him, and every way out stays as it was.
    """

    holder: HolderId
    zone: Name
    cause: ConsentEnd


class ProtocolOfficerCalled(Body, frozen=True, kw_only=True):
    """A protected person was refused at a portal, for the reason `code` of the decision before it.
    Whoever has one of `roles` is called, and nothing else follows: nobody is searched, detained or
    captured for it.
    """

    holder: HolderId
    portal: PortalId
    direction: Direction
    code: Code
    roles: tuple[Name, ...] = ()


class GuardVouched(Body, frozen=True, kw_only=True):
    """A guard has asked for the passage of somebody whom he knows; the decision follows.

    `holder`: whom, with `party` people who have no badges of their own, and `host` at his side
    where somebody escorts him. `sealed_bag`: he carries one, which nobody opens. `reason` and
    `operator` commit to what for, and which guard.
    """

    attempt: AttemptId
    portal: PortalId
    direction: Direction
    holder: HolderId
    host: HolderId | None = None
    party: Annotated[int, msgspec.Meta(ge=0, le=PARTY_MAX)] = 0
    sealed_bag: bool = False
    reason: Commitment
    operator: Commitment


class PartyLeftBehind(Body, frozen=True, kw_only=True):
    """Somebody has gone through a portal with fewer people of his party than came with him: so many
    have stayed in `zone`. Nothing follows for them; a muster looks for them under his name.
    """

    holder: HolderId
    portal: PortalId
    zone: Name
    people: Annotated[int, msgspec.Meta(ge=1, le=PARTY_MAX)]


ERASED_RANGES_MAX = 1_500
"""Ranges of numbers in one entry, 36 bytes each at most; who has more has several entries."""

Range = tuple[Seq, Seq]
"""The first number and the last."""


class ErasedValues(msgspec.Struct, frozen=True, kw_only=True):
    """Values beside entries of this journal: of these `fields`, in every range of `entries`."""

    fields: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=8)
    ]
    entries: Annotated[tuple[Range, ...], msgspec.Meta(max_length=ERASED_RANGES_MAX)]


class PersonErased(Body, frozen=True, kw_only=True):
    """Somebody is erased: off the file of people, and so are the values about him beside entries of
    this journal. Entries, commitments and his random id stay. Many values take several entries.

    `values` are those among the entries up to `searched`; of later ones, all that name him. It is
    recorded first and then done, after a crash by the next start. `reason`: on what grounds;
    `operator`: who did it. `inside`: he was known to be inside, and it was wanted nevertheless.
    """

    holder: HolderId
    reason: Text
    operator: Commitment
    searched: Count
    values: Annotated[tuple[ErasedValues, ...], msgspec.Meta(max_length=16)]
    inside: bool = False
