"""What passes over the control socket about screenings and the head of mission's consents."""

from typing import Annotated

import msgspec

from controller.consents import ZONES_MAX
from controller.moment import Micros
from edge.consent_orders import CONSENT_BYTES_MAX
from edge.control.message import Count, Message, Part
from edge.orders import PersonId
from policies.facts import ScreeningResult

CONSENTS_SHOWN_MAX = 500


class Screen(Message, frozen=True, kw_only=True):
    """A station's word about somebody on file; answered by VisitReply."""

    person: PersonId
    station: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    result: ScreeningResult


class GiveConsent(Message, frozen=True, kw_only=True):
    """A signed consent comes into force, or nothing of it; answered by VisitReply."""

    envelope: Annotated[bytes, msgspec.Meta(max_length=CONSENT_BYTES_MAX)]


class EndConsent(Message, frozen=True, kw_only=True):
    """The consent for somebody ends at once; answered by VisitReply."""

    person: PersonId


class ListConsents(Message, frozen=True, kw_only=True):
    """Which consents are in force? Answered by ConsentsReply."""


class VisitReply(Message, frozen=True, kw_only=True):
    """`accepted`: it holds from here on, and `reason` says what; otherwise why not, with a
    `remedy`. `recorded`: that is on disk; otherwise it will be as soon as it can be.
    """

    accepted: bool
    reason: str
    remedy: str = ""
    recorded: bool = True


class ConsentShown(Part, frozen=True, kw_only=True):
    """One consent. `person`: the integrator's id, empty where he is on file no more. `zones`: which
    may be entered, with those around them; none: all. Who gave it, why and when is empty and None
    where the journal does not tell.
    """

    person: str
    holder: str
    until_utc_us: Micros
    zones: Annotated[tuple[str, ...], msgspec.Meta(max_length=ZONES_MAX)] = ()
    seq: Count
    given_utc_us: Micros | None
    signed_by: str
    reason: str
    given_by: str


class ConsentsReply(Message, frozen=True, kw_only=True):
    """Consents in the order of their ends. `clock_trusted`: without it none of them holds."""

    timezone: str
    clock_trusted: bool
    consents: Annotated[tuple[ConsentShown, ...], msgspec.Meta(max_length=CONSENTS_SHOWN_MAX)]
