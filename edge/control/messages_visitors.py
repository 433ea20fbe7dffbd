"""What passes over the control socket about visits, deliveries, and who is inside by a guard's
word. No repr shows a person, a purpose, a badge or a code.
"""

from typing import Annotated

import msgspec

from controller.body import Name
from controller.delivery import DeliveryState
from controller.events_visits import (
    Given,
    Goods,
    VisitEnd,
    VisitId,
    WordOf,
)
from controller.visit import State
from drivers.api import CODE_CHARACTERS_MAX
from edge.control.message import Count, Message, Part
from edge.documents import Document
from edge.orders import PERSON_ID_CHARS_MAX, REASON_CHARS_MAX, PersonId
from edge.person_limits import NAME_CHARS_MAX
from policies.facts import REASONS_MAX, UtcSeconds

VISITS_SHOWN_MAX = 100
"""Of one reply: values about each are read out of the journal, in some milliseconds together."""

ORGANISATION_CHARS_MAX = 100
VEHICLE_CHARS_MAX = 32
BADGE_CHARS_MAX = 128

Said = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=REASON_CHARS_MAX)]
PersonName = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=NAME_CHARS_MAX)]
Organisation = Annotated[str, msgspec.Meta(max_length=ORGANISATION_CHARS_MAX)]
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2,3}\Z")]
"""Who has issued it, as ICAO 9303 names states and organisations: FRA, UNO; or ISO 3166, FR."""


class NewVisitor(Part, frozen=True, kw_only=True):
    """Somebody who is not on file yet and is put there for this visit alone. `role`: a visitor's
    role of the policy; empty where it has but one.
    """

    name: PersonName
    role: Annotated[str, msgspec.Meta(max_length=64)] = ""

    def __repr__(self) -> str:
        return f"NewVisitor(…, role={self.role!r})"


class ExpectVisitor(Message, frozen=True, kw_only=True):
    """Somebody is to come; answered by VisitorReply. `visitor`: on file, by the integrator's id, or
    new. `from_s`: None is now. `dry_run`: say what would be wrong, and change nothing.
    """

    visitor: PersonId | NewVisitor
    host: PersonId
    purpose: Said
    organisation: Organisation = ""
    from_s: UtcSeconds | None = None
    until_s: UtcSeconds
    dry_run: bool = False

    def __repr__(self) -> str:
        return f"ExpectVisitor(…, until_s={self.until_s}, dry_run={self.dry_run})"


class SignInVisitor(Message, frozen=True, kw_only=True):
    """A guard has seen a document of the visitor; answered by VisitorReply, with the code where one
    is `given`. `badge`: of a badge from the drawer, as a file of people has badges.
    """

    visit: VisitId
    document: Document
    country: Country
    given: Given
    badge: Annotated[str, msgspec.Meta(max_length=BADGE_CHARS_MAX)] = ""

    def __repr__(self) -> str:
        return f"SignInVisitor(visit={self.visit!r}, given={self.given!r})"


class GiveVisitorCode(Message, frozen=True, kw_only=True):
    """Make a code for a visitor who is signed in, in the place of whatever was given before;
    answered by VisitorReply. A code is kept nowhere: to print it again is to make another.
    """

    visit: VisitId


class SignOutVisitor(Message, frozen=True, kw_only=True):
    """A guard signs the visitor out; answered by VisitorReply."""

    visit: VisitId


class ExtendVisit(Message, frozen=True, kw_only=True):
    """It goes on until then, by that word; answered by VisitorReply."""

    visit: VisitId
    until_s: UtcSeconds
    word: WordOf = WordOf.GUARD


class CancelVisit(Message, frozen=True, kw_only=True):
    """Nobody is expected any more; answered by VisitorReply."""

    visit: VisitId


class ReadVisits(Message, frozen=True, kw_only=True):
    """Visits, from the `begin`th on; answered by VisitsReply. `day`: those of one day at the site,
    as 2026-11-22, that are still remembered; empty: all that are not over.
    """

    day: Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?\Z")] = ""
    begin: Count = 0


class CorrectPresence(Message, frozen=True, kw_only=True):
    """Somebody has left by `where`, or is there in truth: a zone's id, or a word such as `garage`.
    Recorded as the guard's word; answered by VisitReply. Nothing opens or locks by it.
    """

    person: PersonId
    where: Name
    inside: bool
    reason: Said

    def __repr__(self) -> str:
        return f"CorrectPresence(…, where={self.where!r}, inside={self.inside})"


class Brought(Part, frozen=True, kw_only=True):
    """What stands at a gate. `recipient`: the integrator's id, or empty; `contents`: in words."""

    goods: Goods
    portal: Name
    company: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=ORGANISATION_CHARS_MAX)]
    vehicle: Annotated[str, msgspec.Meta(max_length=VEHICLE_CHARS_MAX)] = ""
    contents: Annotated[str, msgspec.Meta(max_length=REASON_CHARS_MAX)] = ""
    recipient: Annotated[str, msgspec.Meta(max_length=PERSON_ID_CHARS_MAX)] = ""

    def __repr__(self) -> str:
        return f"Brought(goods={self.goods!r}, portal={self.portal!r}, …)"


class TakeDelivery(Message, frozen=True, kw_only=True):
    """Take it at the gate; answered by DeliveryReply. `place`: where it stays, such as `hatch`;
    none for a diplomatic bag, which is held nowhere: it names its `receiver`, to whom it is handed
    over at once. `bearer`: whoever has the courier's pass (the integrator's id), and is to be let
    in with it by the guard's word, as in LetPass; empty: nobody comes in.
    """

    brought: Brought
    place: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?\Z")] = ""
    receiver: Annotated[str, msgspec.Meta(max_length=PERSON_ID_CHARS_MAX)] = ""
    bearer: Annotated[str, msgspec.Meta(max_length=PERSON_ID_CHARS_MAX)] = ""

    def __repr__(self) -> str:
        return f"TakeDelivery(brought={self.brought!r}, place={self.place!r}, …)"


class HandOverDelivery(Message, frozen=True, kw_only=True):
    """It goes to somebody on file; answered by DeliveryReply."""

    delivery: VisitId
    receiver: PersonId

    def __repr__(self) -> str:
        return f"HandOverDelivery(delivery={self.delivery!r}, …)"


class RefuseDelivery(Message, frozen=True, kw_only=True):
    """It is not taken, or one that was taken goes back; answered by DeliveryReply."""

    delivery: VisitId | Brought
    reason: Said

    def __repr__(self) -> str:
        return f"RefuseDelivery(delivery={self.delivery!r}, …)"


class ReadDeliveries(Message, frozen=True, kw_only=True):
    """Deliveries, from the `begin`th on, as ReadVisits; answered by DeliveriesReply."""

    day: Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?\Z")] = ""
    begin: Count = 0


VisitorRequest = (
    ExpectVisitor
    | SignInVisitor
    | GiveVisitorCode
    | SignOutVisitor
    | ExtendVisit
    | CancelVisit
    | ReadVisits
    | CorrectPresence
    | TakeDelivery
    | HandOverDelivery
    | RefuseDelivery
    | ReadDeliveries
)


class VisitShown(Part, frozen=True, kw_only=True):
    """One visit. `person`, `name`, `host`, `host_name`: as on file, empty where nobody is any more,
    and those of a host who is `host_protected` where whoever asks is not shown who that is.
    `zone`: where doors saw the visitor last, empty outside. `document`: as in words; what the
    journal does not tell any more is empty.
    """

    visit: VisitId
    state: State
    person: str
    name: str
    organisation: str = ""
    host: str
    host_name: str
    host_protected: bool = False
    purpose: str = ""
    from_s: UtcSeconds
    until_s: UtcSeconds
    closes_s: UtcSeconds
    document: str = ""
    given: Given = Given.NOTHING
    zone: str = ""
    signed_in_s: UtcSeconds | None = None
    signed_in_by: str = ""
    signed_out_s: UtcSeconds | None = None
    end: VisitEnd | None = None
    ended_s: UtcSeconds | None = None

    def __repr__(self) -> str:
        return f"VisitShown(visit={self.visit!r}, state={self.state!r}, …)"


class VisitorReply(Message, frozen=True, kw_only=True):
    """`accepted`: it holds from here on and `reason` says what; otherwise why not, with a `remedy`.
    `shown`: the visit as it is now. `code`: what is drawn for the visitor; it opens doors. `lack`:
    what could not be done of it, with a `remedy`, such as that no code could be made. `recorded`:
    it is on disk.
    """

    accepted: bool
    reason: str
    remedy: str = ""
    lack: str = ""
    recorded: bool = True
    shown: VisitShown | None = None
    code: Annotated[str, msgspec.Meta(max_length=CODE_CHARACTERS_MAX)] = ""
    timezone: str = ""

    def __repr__(self) -> str:
        return f"VisitorReply(accepted={self.accepted}, …)"


class VisitsReply(Message, frozen=True, kw_only=True):
    """Some visits, by their beginnings. `total`: how many there are in all. Without `clock_trusted`
    nothing ends by itself, and nobody is told of anybody who stays too long.
    """

    timezone: str
    utc_s: UtcSeconds
    clock_trusted: bool
    total: Count
    visits: Annotated[tuple[VisitShown, ...], msgspec.Meta(max_length=VISITS_SHOWN_MAX)]


class DeliveryShown(Part, frozen=True, kw_only=True):
    """One delivery; people by the integrator's ids, with names. `taken_s`, `ended_s`: None where
    that has not happened, or by a clock that nobody vouched for. `reason`: why it was refused.
    """

    delivery: VisitId
    goods: Goods
    portal: str
    place: str = ""
    company: str = ""
    vehicle: str = ""
    contents: str = ""
    recipient: str = ""
    recipient_name: str = ""
    bearer: str = ""
    state: DeliveryState
    taken_s: UtcSeconds | None = None
    ended_s: UtcSeconds | None = None
    receiver: str = ""
    receiver_name: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        return f"DeliveryShown(delivery={self.delivery!r}, state={self.state!r}, …)"


class DeliveryReply(Message, frozen=True, kw_only=True):
    """As VisitorReply. `reasons`, `released`: of the passage, as in PassReply, where somebody was
    to be let in.
    """

    accepted: bool
    reason: str
    remedy: str = ""
    recorded: bool = True
    shown: DeliveryShown | None = None
    granted: bool | None = None
    reasons: Annotated[tuple[tuple[int, str], ...], msgspec.Meta(max_length=REASONS_MAX)] = ()
    released: bool = False


class DeliveriesReply(Message, frozen=True, kw_only=True):
    """Some deliveries, the oldest first. `total`: how many there are in all."""

    timezone: str
    utc_s: UtcSeconds
    clock_trusted: bool
    total: Count
    deliveries: Annotated[tuple[DeliveryShown, ...], msgspec.Meta(max_length=VISITS_SHOWN_MAX)]


VisitorAnswer = VisitorReply | VisitsReply | DeliveryReply | DeliveriesReply
