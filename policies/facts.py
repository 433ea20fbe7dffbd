"""What `decide()` is told and what it answers: plain values; nothing here asks for more."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from policies.codes import Code

Level = Annotated[int, msgspec.Meta(ge=1, le=5)]
"""Threat level, 1 (calm) to 5."""

UtcSeconds = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
"""Seconds since 1970-01-01T00:00:00Z."""


Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""How long ago."""

Headcount = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Direction(StrEnum):
    """One passage through a portal: from its outer zone to its inner one, or back."""

    ENTRY = "entry"
    EXIT = "exit"


class Factor(StrEnum):
    BADGE = "badge"
    PIN = "pin"
    FACE = "face"
    FINGER = "finger"
    GUARD = "guard"


class Assurance(StrEnum):
    """How far the way from the sensor to us can be believed."""

    SECURE = "secure"  # authenticated and encrypted, as OSDP's Secure Channel
    INSIDE = "inside"  # plain wiring that runs inside the protected side
    WEAK = "weak"  # anything else


class Presented(msgspec.Struct, frozen=True):
    """One factor that was presented and checked."""

    factor: Factor
    assurance: Assurance
    passed: bool


class Mode(StrEnum):
    NORMAL = "normal"
    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"


class CredentialStatus(StrEnum):
    """`none`: nobody presented a credential (REX, free exit, somebody whom the guard knows)."""

    NONE = "none"
    UNKNOWN = "unknown"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOST = "lost"
    REVOKED = "revoked"


class ScreeningResult(StrEnum):
    """What a screening station said. Nobody is searched against his will: who declines is asked to
    leave, politely, and the protocol officer hears of it.
    """

    CLEARED = "cleared"
    REFUSED = "refused"
    EXEMPT = "exempt"
    DECLINED = "declined"


class Screened(msgspec.Struct, frozen=True):
    """The latest word of one station about this person; `age_s` None: nobody knows how old."""

    station: str
    result: ScreeningResult
    age_s: Seconds | None


class HolderFacts(msgspec.Struct, frozen=True, gc=False):
    """The current record of the person behind the credential. `id` is a random subject id."""

    id: str
    version: int
    roles: tuple[str, ...]
    valid_from_s: UtcSeconds | None = None
    valid_until_s: UtcSeconds | None = None  # the first second that is no longer valid
    suspended: bool = False
    locked_out: bool = False
    watchlisted: bool = False
    watchlists: tuple[str, ...] = ()
    """Lists of the policy on which the person stands; a list that the policy does not know denies,
    and so does `watchlisted`."""
    biometrics: bool = True
    """False: cannot or will not give any, and is asked for the policy's alternatives."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question: may this passage happen now? Complete, so that it can be asked again later.

    `mode`, `threat` and `hold_egress` are those in force for this passage; `shut_by` are the modes
    that shut it, each of which has to be overridden (unset: `mode` alone, for the whole site).
    `fire` is true when a fire is latched for either side of the portal. `operable` is false when
    the portal's lock does not answer; `recorded` is false when the journal cannot be written.

    `inside` counts the people in each zone that limits them, places that grants have reserved
    included. `whereabouts` is the zone in which the holder was seen last, `whereabouts_age_s` ago
    (None: nobody knows when); None: unknown, which is not wrong. `second_person`: another entitled
    person, no visitor, presented here within the window. `knowledge_age_s`: how old what is known
    of holders may be. `party`: how many people come with the holder who have no badge of their own
    (unset: none). `without`: biometrics that cannot be had of this person here and now (no camera
    sees, no template is there, a comparison came to nothing); the policy's alternatives are asked
    for in their place (unset: none).
    """

    portal: str
    direction: Direction
    utc_s: UtcSeconds
    clock_trusted: bool
    credential: CredentialStatus
    holder: HolderFacts | None
    presented: tuple[Presented, ...] = ()
    mode: Mode = Mode.NORMAL
    threat: Level = 1
    fire: bool = False
    hold_egress: bool = False
    consent: bool = False
    escorted: bool = False
    second_person: bool = False
    first_person_in: bool = True
    inside: dict[str, Headcount] = {}
    whereabouts: str | None = None
    whereabouts_age_s: Seconds | None = None
    screened: tuple[Screened, ...] = ()
    sealed_bag: bool = False
    knowledge_age_s: Seconds = 0
    interlock_clear: bool = True
    operable: bool = True
    recorded: bool = True
    shut_by: tuple[Mode, ...] | UnsetType = UNSET
    party: Headcount | UnsetType = UNSET
    without: tuple[Factor, ...] | UnsetType = UNSET
    duress: bool = False
    """For questions asked by hand. The daemon never sets it: a request is recorded, and whoever
    reads the journal would see what only the recipients of a sealed note may know (`edge.duress`).
    """


class Objection(msgspec.Struct, frozen=True, gc=False):
    """One reason against; `rule` is the policy's id of what objects, `line` where it stands."""

    code: Code
    rule: str | None = None
    line: int | None = None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer. `code` is the primary reason, `objections` are all of them in gate order.

    `missing` lists the sets of factors any one of which would turn a refusal that objects to
    factors alone into a grant, smallest first; empty when nothing presented could help.
    """

    granted: bool
    code: Code
    objections: tuple[Objection, ...] = ()
    notes: tuple[Objection, ...] = ()
    missing: tuple[tuple[Factor, ...], ...] = ()
    rule: str | None = None


REASONS_MAX = 64
"""Objections and notes that are recorded of one decision, the first in gate order. A policy with
hundreds of grants can give hundreds; an entry must hold them, and nobody reads more."""


def as_recorded(decision: Decision) -> Decision:
    """The decision as far as it is recorded; of notes also those that no rule gives but the moment,
    wherever they stand. What was recorded is left as it is.
    """
    of_the_moment = tuple(n for n in decision.notes[REASONS_MAX:] if n.code >= Code.NOTE_DURESS)
    return msgspec.structs.replace(
        decision,
        objections=decision.objections[:REASONS_MAX],
        notes=decision.notes[:REASONS_MAX] + of_the_moment,
    )
