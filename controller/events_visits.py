"""Events about visits, deliveries, and a guard's word on who is inside. No door opens by any."""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.body import Body, Name
from controller.ids import CredentialId, HolderId
from controller.ledger import Commitment
from policies.facts import UtcSeconds

VISIT_ID = r"^[0-9a-f]{16}\Z"
VisitId = Annotated[str, msgspec.Meta(pattern=VISIT_ID)]
"""64 random bits: names a visit, or a delivery, and nobody who is in it."""


class Given(StrEnum):
    """What a visitor was given at the gate."""

    CODE = "code"
    BADGE = "badge"
    NOTHING = "nothing"


class WordOf(StrEnum):
    """By whose word a visit goes on."""

    HOST = "host"
    GUARD = "guard"


class VisitEnd(StrEnum):
    """Why a visit is over."""

    SIGNED_OUT = "signed-out"
    LEFT = "left"  # a door, or a guard, has seen the visitor leave
    MISSED = "missed"  # nobody came
    CANCELLED = "cancelled"
    VISITOR_GONE = "visitor-gone"  # nobody on file any more


class VisitBody(Body, frozen=True, kw_only=True):
    """`holder`: the visitor."""

    visit: VisitId
    holder: HolderId


class VisitExpected(VisitBody, frozen=True, kw_only=True):
    """Somebody is to visit `host` between two moments. `closes_s`: the first midnight at the site
    after its end, at which whoever is still there is looked for. `purpose` and `organisation`
    commit to what for, and from where.
    """

    host: HolderId
    from_s: UtcSeconds
    until_s: UtcSeconds
    closes_s: UtcSeconds
    purpose: Commitment
    organisation: Commitment | None = None
    operator: Commitment


class VisitorSignedIn(VisitBody, frozen=True, kw_only=True):
    """A guard has looked at a document, and the visit has begun. `document` commits to its kind and
    to who has issued it, never to its number. `given`: what the visitor got, on file under
    `credential`, which from here on is worth no more than the visit.
    """

    given: Given
    credential: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?\Z")] = ""
    document: Commitment
    operator: Commitment


class VisitorGiven(VisitBody, frozen=True, kw_only=True):
    """A visitor who is signed in was given something more, or something else: as there."""

    given: Given
    credential: Annotated[CredentialId, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    operator: Commitment


class VisitExtended(VisitBody, frozen=True, kw_only=True):
    """The visit goes on until then, by the word of its host, or of the guard alone."""

    until_s: UtcSeconds
    closes_s: UtcSeconds
    word: WordOf
    operator: Commitment


class VisitOverdue(VisitBody, frozen=True, kw_only=True):
    """A visitor is past the expected time and was not seen leaving; told once for each end. What
    was given opens no way in any more. `host`: whom to ask.
    """

    host: HolderId
    until_s: UtcSeconds


class VisitorUnaccounted(VisitBody, frozen=True, kw_only=True):
    """The day is over and nobody has seen a visitor leave. `zone`: where doors saw him last, empty
    where none did; `signed_out`: a guard has signed him out before.
    """

    host: HolderId
    zone: Annotated[str, msgspec.Meta(max_length=64)] = ""
    signed_out: bool = False


class VisitorSignedOut(VisitBody, frozen=True, kw_only=True):
    """A guard has signed a visitor out. `waits`: by the doors he is inside still, and until one of
    them sees him leave he counts as there; what he was given leads out and no more in.
    """

    waits: bool
    operator: Commitment


class VisitEnded(VisitBody, frozen=True, kw_only=True):
    """The visit is over, and with it whatever was given for it. `operator`: who said so, where
    somebody did.
    """

    cause: VisitEnd
    operator: Commitment | None = None


class VisitBadgeReturned(VisitBody, frozen=True, kw_only=True):
    """What was given for a visit that is over is off the file of people."""


class PresenceCorrected(Body, frozen=True, kw_only=True):
    """A guard says where somebody is, or with `inside` False that he has left by `where`. It counts
    for who is inside and whom a muster looks for. No decision reads it: nobody comes in or is kept
    in by it. `reason` commits to how it is known.
    """

    holder: HolderId
    where: Name
    inside: bool
    reason: Commitment
    operator: Commitment


class Goods(StrEnum):
    """What is brought."""

    PARCEL = "parcel"
    LETTERS = "letters"
    DIPLOMATIC_BAG = "diplomatic-bag"  # never opened and never detained: VCDR art. 27(3)
    SUPPLIES = "supplies"


class DeliveryTaken(Body, frozen=True, kw_only=True):
    """Something was brought to a gate and taken. `recipient`: for whom, where that is one person on
    file. `place`: where it stays until it is handed over; empty where it stays nowhere, as a bag
    does. `bearer`: the holder of a courier's pass who was let in with it, by a decision of its own.
    `company`, `vehicle` and `contents` commit to who brought it, in what, and what it is.
    """

    delivery: VisitId
    goods: Goods
    portal: Name
    place: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?\Z")] = ""
    recipient: HolderId | None = None
    bearer: HolderId | None = None
    company: Commitment
    vehicle: Commitment | None = None
    contents: Commitment | None = None
    operator: Commitment


class DeliveryHanded(Body, frozen=True, kw_only=True):
    """It was handed over to somebody on file."""

    delivery: VisitId
    receiver: HolderId
    operator: Commitment


class DeliveryRefused(Body, frozen=True, kw_only=True):
    """It was not taken, or taken and given back. `company` as in `DeliveryTaken`, where it was
    never taken; `reason` commits to why.
    """

    delivery: VisitId
    goods: Goods
    portal: Name
    company: Commitment | None = None
    vehicle: Commitment | None = None
    reason: Commitment
    operator: Commitment
