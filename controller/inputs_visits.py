"""What people ask about visits and deliveries, each by name. Fields of the personal values are as
in the events.
"""

from controller.events_visits import Given, Goods, VisitId, WordOf
from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal
from policies.facts import UtcSeconds


class VisitAsked(Input, frozen=True, kw_only=True):
    """Somebody is to come; as in `VisitExpected`. `visit` is fresh."""

    visit: VisitId
    holder: HolderId
    host: HolderId
    from_s: UtcSeconds
    until_s: UtcSeconds
    purpose: Personal
    organisation: Personal | None = None
    operator: Personal


class OfVisit(Input, frozen=True, kw_only=True):
    """About a visit that there is."""

    visit: VisitId


class SignInAsked(OfVisit, frozen=True, kw_only=True):
    """The visitor is at the gate; as in `VisitorSignedIn`."""

    given: Given
    credential: str = ""
    document: Personal
    operator: Personal


class GivingAsked(OfVisit, frozen=True, kw_only=True):
    """The visitor gets something more; as in `VisitorGiven`."""

    given: Given
    credential: str
    operator: Personal


class ExtensionAsked(OfVisit, frozen=True, kw_only=True):
    """The visit goes on; as in `VisitExtended`."""

    until_s: UtcSeconds
    word: WordOf
    operator: Personal


class SignOutAsked(OfVisit, frozen=True, kw_only=True):
    """The visitor leaves."""

    operator: Personal


class VisitCancelAsked(OfVisit, frozen=True, kw_only=True):
    """Nobody is expected."""

    operator: Personal


class VisitBadgeGone(OfVisit, frozen=True, kw_only=True):
    """What was given for a visit that is over is off the file of people."""


class PresenceTold(Input, frozen=True, kw_only=True):
    """A guard says where somebody is; as in `PresenceCorrected`."""

    holder: HolderId
    where: str
    inside: bool
    reason: Personal
    operator: Personal


class DeliveryTakeAsked(Input, frozen=True, kw_only=True):
    """Take something; as in `DeliveryTaken`. `delivery` is fresh. `receiver`: it is handed over in
    the same moment.
    """

    delivery: VisitId
    goods: Goods
    portal: str
    place: str = ""
    recipient: HolderId | None = None
    bearer: HolderId | None = None
    receiver: HolderId | None = None
    company: Personal
    vehicle: Personal | None = None
    contents: Personal | None = None
    operator: Personal


class DeliveryHandAsked(Input, frozen=True, kw_only=True):
    """Hand it over; as in `DeliveryHanded`."""

    delivery: VisitId
    receiver: HolderId
    operator: Personal


class DeliveryRefuseAsked(Input, frozen=True, kw_only=True):
    """Refuse it; as in `DeliveryRefused`. `goods`, `portal`: of what was never taken."""

    delivery: VisitId
    goods: Goods | None = None
    portal: str = ""
    company: Personal | None = None
    vehicle: Personal | None = None
    reason: Personal
    operator: Personal
