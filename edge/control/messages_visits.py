"""What passes over the control socket about screenings and the head of mission's consents."""

from typing import Annotated

import msgspec

from controller.consents import PARTY_MAX, ZONES_MAX
from controller.moment import Micros
from drivers.api import CODE_CHARACTERS_MAX
from edge.consent_orders import CONSENT_BYTES_MAX
from edge.control.message import Count, Message, Part
from edge.orders import PERSON_ID_CHARS_MAX, REASON_CHARS_MAX, PersonId
from policies.facts import REASONS_MAX, Direction, ScreeningResult, UtcSeconds

CONSENTS_SHOWN_MAX = 500

CODE_HOURS_MAX = 31 * 24
"""A month: a copy of a visitor's code is as good as the code, and nobody misses it."""


class Screen(Message, frozen=True, kw_only=True):
    """A station's word about somebody on file; answered by VisitReply."""

    person: PersonId
    station: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    result: ScreeningResult


class GiveConsent(Message, frozen=True, kw_only=True):
    """A signed consent comes into force, or nothing of it; answered by VisitReply."""

    envelope: Annotated[bytes, msgspec.Meta(max_length=CONSENT_BYTES_MAX)]


class LetPass(Message, frozen=True, kw_only=True):
    """A guard asks for the passage of somebody whom he knows, as `GuardVouched` has it; answered by
    PassReply. `person`, `host`: as the file of people names them; an empty `host`: nobody.
    """

    portal: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    direction: Direction
    person: PersonId
    host: Annotated[str, msgspec.Meta(max_length=PERSON_ID_CHARS_MAX)] = ""
    party: Annotated[int, msgspec.Meta(ge=0, le=PARTY_MAX)] = 0
    sealed_bag: bool = False
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARS_MAX)]

    def __repr__(self) -> str:
        return f"LetPass(portal={self.portal!r}, direction={self.direction!r})"


class PassReply(Message, frozen=True, kw_only=True):
    """The decision: why or why not, each with its code. `released`: the lock is told to open, as
    soon as the decision is on disk. `remedy`: where there was nothing to decide, what to do.
    """

    granted: bool
    reasons: Annotated[tuple[tuple[int, str], ...], msgspec.Meta(max_length=REASONS_MAX)]
    notes: Annotated[tuple[tuple[int, str], ...], msgspec.Meta(max_length=REASONS_MAX)] = ()
    released: bool = False
    remedy: str = ""


class EndConsent(Message, frozen=True, kw_only=True):
    """The consent for somebody ends at once; answered by VisitReply."""

    person: PersonId


class ListConsents(Message, frozen=True, kw_only=True):
    """Which consents are in force? Answered by ConsentsReply."""


class MakeCode(Message, frozen=True, kw_only=True):
    """Make a code for a visitor on file, valid for so many hours from `from_s` on, or from now on;
    answered by CodeReply.
    """

    person: PersonId
    hours: Annotated[int, msgspec.Meta(ge=1, le=CODE_HOURS_MAX)]
    from_s: UtcSeconds | None = None


VisitRequest = Screen | GiveConsent | EndConsent | ListConsents | LetPass | MakeCode


class VisitReply(Message, frozen=True, kw_only=True):
    """`accepted`: it holds from here on, and `reason` says what; otherwise why not, with a
    `remedy`. `recorded`: that is on disk; otherwise it will be as soon as it can be.
    """

    accepted: bool
    reason: str
    remedy: str = ""
    recorded: bool = True


class CodeReply(Message, frozen=True, kw_only=True):
    """`code`: what is drawn, in force and on record; empty where none was made, with why and what
    to do. It opens doors: no repr shows it.
    """

    code: Annotated[str, msgspec.Meta(max_length=CODE_CHARACTERS_MAX)] = ""
    valid_from_s: UtcSeconds = 0
    valid_until_s: UtcSeconds = 0
    timezone: str = ""
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"CodeReply(code=…, reason={self.reason!r})"


class ConsentShown(Part, frozen=True, kw_only=True):
    """One consent. `person`: the integrator's id, empty where he is on file no more. `zones`: which
    may be entered, with those around them; none: all. `party`: how many come with him. Who gave it,
    why and when is empty and None where the journal does not tell.
    """

    person: str
    holder: str
    until_utc_us: Micros
    zones: Annotated[tuple[str, ...], msgspec.Meta(max_length=ZONES_MAX)] = ()
    party: Count = 0
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


VisitAnswer = VisitReply | ConsentsReply | PassReply | CodeReply
