"""Wishes of the core. Each waits until the event that caused it is on disk, except life safety."""

from enum import StrEnum

import msgspec

from controller.arrival import Action
from controller.ids import AttemptId, EffectId, HolderId, PortalId, QuestionId, ReaderId
from controller.moment import Micros
from policies.facts import Direction


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """`cause`: seq of the event behind it. `not_after_us`: monotonic; None: late is still right.

    Only what secures a portal or frees a way out may be without an end.
    """

    id: EffectId
    cause: int
    not_after_us: Micros | None
    drill: bool


class LifeSafety(Effect, frozen=True, kw_only=True):
    """Acts at once, disk or no disk, and is recorded as soon as it can be."""


class FreeEgress(LifeSafety, frozen=True, kw_only=True):
    """Release the portal's lock and leave it so."""

    portal: PortalId


class FreeExit(LifeSafety, frozen=True, kw_only=True):
    """Release the portal once, for somebody whom nobody may ask on the way out."""

    portal: PortalId
    for_ms: int


class RaiseBarrier(LifeSafety, frozen=True, kw_only=True):
    """Drive a barrier up again: somebody stands under it."""

    portal: PortalId


class LowerBarrier(Effect, frozen=True, kw_only=True):
    """Drive a barrier down; its loop was free, and is looked at again at the wire."""

    portal: PortalId


class ReleasePortal(Effect, frozen=True, kw_only=True):
    """Release the portal once, on a decision that is on disk; the device's own timer relocks it."""

    portal: PortalId
    direction: Direction
    attempt: AttemptId
    for_ms: int


class LeasePortal(Effect, frozen=True, kw_only=True):
    """Hold the portal open for one lease; the device relocks by itself when no renewal comes."""

    portal: PortalId
    for_ms: int


class SecurePortal(Effect, frozen=True, kw_only=True):
    """Lock the portal, ending every release that runs on it."""

    portal: PortalId


LockEffect = (
    FreeEgress | FreeExit | ReleasePortal | LeasePortal | SecurePortal | RaiseBarrier | LowerBarrier
)
"""What works a lock; how it ended is recorded."""


def action_of(effect: LockEffect) -> Action:
    """What it does to the lock."""
    match effect:
        case SecurePortal() | LowerBarrier():
            return Action.SECURE
        case FreeEgress():
            return Action.FREE
        case _:
            return Action.RELEASE


class Sign(StrEnum):
    """What a reader shows. It never tells why."""

    GRANTED = "granted"
    DENIED = "denied"
    PRESENT_PIN = "present-pin"
    PRESENT_SECOND = "present-second"
    LOOK_AT_CAMERA = "look-at-camera"
    WAIT_FOR_GUARD = "wait-for-guard"
    TURN_LEFT = "turn-left"
    TURN_RIGHT = "turn-right"
    TRY_AGAIN = "try-again"
    CLOSE = "close"


class ShowAtReader(Effect, frozen=True, kw_only=True):
    reader: ReaderId
    sign: Sign


class AskToClose(Effect, frozen=True, kw_only=True):
    """Remind whoever is at the portal, at all its readers, that its leaf stands open."""

    portal: PortalId


class AskPin(Effect, frozen=True, kw_only=True):
    """Have the PIN typed at `reader` checked against `holder`'s; the answer is a PinChecked."""

    question: QuestionId
    attempt: AttemptId
    reader: ReaderId
    holder: HolderId


class AskFace(Effect, frozen=True, kw_only=True):
    """Compare whoever stands before the passage's camera with `holder`'s own template; the answer
    is a FaceChecked. `turns`: how many turns of the head show that it is no picture.
    """

    question: QuestionId
    attempt: AttemptId
    reader: ReaderId
    portal: PortalId
    direction: Direction
    holder: HolderId
    distance_max: float
    turns: int


class AskGuard(Effect, frozen=True, kw_only=True):
    """Have a guard compare whoever is there with `holder`'s picture; the answer is a
    GuardAnswered.
    """

    question: QuestionId
    attempt: AttemptId
    reader: ReaderId
    portal: PortalId
    direction: Direction
    holder: HolderId


Question = AskPin | AskFace | AskGuard
"""What somebody outside answers, by its id and until its end."""

SaidAgain = FreeEgress | LowerBarrier | RaiseBarrier | SecurePortal
"""What frees or locks, raises or lowers: told until the device obeys."""
