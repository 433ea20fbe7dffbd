"""What a guard is told of a reason, and what to do about it.

A page shows words of its own for each number and each `Next`, in the language of whoever reads it.
"""

from enum import StrEnum

from policies.codes import Code

NOT_TOLD = 0
"""In the place of a reason that is not for a guard's screen; no reason has this number."""


class Next(StrEnum):
    """What whoever stands at the gate does now. None of it is detention, search or capture."""

    NOTHING = "nothing"  # the door does what is to be done
    LET_PASS = "let-pass"
    WAIT = "wait"  # the person is asked for something more
    WAIT_SECOND = "wait-second"  # somebody has to present himself beside the person
    COMPARE = "compare"  # the guard says whether it is the person
    TRY_AGAIN = "try-again"  # the same badge once more, and calmly
    ASK_DOCUMENT = "ask-document"  # who is it? Then look whether a badge is to be made
    SEND_TO_RECEPTION = "send-to-reception"
    SEND_TO_SCREENING = "send-to-screening"
    CALL_HOST = "call-host"
    CALL_CHIEF = "call-chief"
    CALL_PROTOCOL = "call-protocol"  # politely: the protocol officer speaks with the person
    WAIT_FOR_ROOM = "wait-for-room"  # somebody has to leave first
    CLOSE_OTHER = "close-other"  # the other door of the lock stands open
    NOBODY_ENTERS = "nobody-enters"  # say so, and where to go instead
    LEAD_OUT = "lead-out"  # people leave; nobody is asked for a badge
    USE_ANOTHER_DOOR = "use-another-door"  # and have this one looked at


NEXT: dict[Code, Next] = {
    Code.GRANTED: Next.LET_PASS,
    Code.LIFE_SAFETY: Next.LEAD_OUT,
    Code.EVACUATION: Next.LEAD_OUT,
    Code.FREE_EXIT: Next.NOTHING,
    Code.PROTECTED_EXIT: Next.LET_PASS,
    Code.OPEN_PORTAL: Next.NOTHING,
    Code.GRANTED_BY_OVERRIDE: Next.LET_PASS,
    Code.UNKNOWN_PORTAL: Next.CALL_CHIEF,
    Code.CLOCK_UNTRUSTED: Next.CALL_CHIEF,
    Code.SCHEDULE_HORIZON: Next.CALL_CHIEF,
    Code.NOT_RECORDED: Next.CALL_CHIEF,
    Code.UNKNOWN_CREDENTIAL: Next.ASK_DOCUMENT,
    Code.CREDENTIAL_LOST: Next.ASK_DOCUMENT,
    Code.CREDENTIAL_REVOKED: Next.ASK_DOCUMENT,
    Code.NOT_YET_VALID: Next.SEND_TO_RECEPTION,
    Code.EXPIRED: Next.SEND_TO_RECEPTION,
    Code.SUSPENDED: Next.CALL_CHIEF,
    Code.LOCKED_OUT: Next.ASK_DOCUMENT,
    Code.WATCHLISTED: Next.CALL_CHIEF,
    Code.DENIED_BY_RULE: Next.CALL_CHIEF,
    Code.NO_CONSENT: Next.CALL_PROTOCOL,
    Code.LOCKDOWN: Next.NOBODY_ENTERS,
    Code.SHELTER: Next.NOBODY_ENTERS,
    Code.EVACUATION_ENTRY: Next.NOBODY_ENTERS,
    Code.THREAT_LEVEL: Next.CALL_CHIEF,
    Code.FIRE_ENTRY: Next.NOBODY_ENTERS,
    Code.EGRESS_HELD: Next.CALL_CHIEF,
    Code.NO_GRANT: Next.SEND_TO_RECEPTION,
    Code.OUT_OF_SCHEDULE: Next.SEND_TO_RECEPTION,
    Code.THREAT_CEILING: Next.CALL_CHIEF,
    Code.MODE_NOT_LISTED: Next.CALL_CHIEF,
    Code.NOT_ESCORTED: Next.CALL_HOST,
    Code.FACTORS_MISSING: Next.TRY_AGAIN,
    Code.FACTOR_FAILED: Next.ASK_DOCUMENT,
    Code.ASSURANCE_TOO_LOW: Next.USE_ANOTHER_DOOR,
    Code.PASSBACK: Next.ASK_DOCUMENT,
    Code.OCCUPANCY_FULL: Next.WAIT_FOR_ROOM,
    Code.INTERLOCK: Next.CLOSE_OTHER,
    Code.TWO_PERSON: Next.WAIT_SECOND,
    Code.FIRST_PERSON_OUT: Next.WAIT_SECOND,
    Code.BELOW_MINIMUM: Next.WAIT_SECOND,
    Code.INOPERABLE: Next.USE_ANOTHER_DOOR,
    Code.KNOWLEDGE_TOO_OLD: Next.CALL_CHIEF,
    Code.NOT_SCREENED: Next.SEND_TO_SCREENING,
    Code.SCREENING_REFUSED: Next.CALL_CHIEF,
    Code.SCREENING_DECLINED: Next.CALL_PROTOCOL,
    Code.NOTE_DURESS: Next.NOTHING,
    Code.NOTE_WATCHLISTED: Next.NOTHING,
    Code.NOTE_PASSBACK: Next.NOTHING,
    Code.NOTE_OCCUPANCY: Next.NOTHING,
    Code.NOTE_NOT_SEARCHED: Next.NOTHING,
    Code.NOTE_OVERRIDDEN: Next.NOTHING,
    Code.NOTE_PROTECTED: Next.NOTHING,
    Code.NOTE_OUTSIDE_RULES: Next.NOTHING,
    Code.NOTE_OBSERVED: Next.NOTHING,
    Code.NOTE_SEALED_BAG: Next.NOTHING,
}

assert set(NEXT) == set(Code), f"no word for {set(Code) ^ set(NEXT)}"

CONFIDENTIAL = frozenset(
    {
        Code.SUSPENDED,
        Code.WATCHLISTED,
        Code.DENIED_BY_RULE,
        Code.NOTE_DURESS,
        Code.NOTE_WATCHLISTED,
        Code.NOTE_OBSERVED,
    }
)
"""What is not for the screen at a gate, where others look on and the person concerned stands by.
Those of a refusal all say the same, so that none of them gives away which it is; each of them sends
for the chief, who may know.
"""

assert len({NEXT[code] for code in CONFIDENTIAL if code < Code.NOTE_DURESS}) == 1, "they tell apart"


CALL_CHIEF = "not allowed; call the chief"
"""What is said in the place of the text of such a reason."""


def told(code: Code, *, confidential: bool) -> int:
    """The number that is shown for it; `confidential`: to somebody who may know all of them."""
    return NOT_TOLD if code in CONFIDENTIAL and not confidential else int(code)


def all_told(codes: tuple[Code, ...], *, confidential: bool) -> tuple[int, ...]:
    """The numbers of those that are shown, in their order; of the others the first alone, where it
    is the primary reason, as that.
    """
    kept = tuple(int(code) for code in codes if confidential or code not in CONFIDENTIAL)
    hides = bool(codes) and not confidential and codes[0] in CONFIDENTIAL
    return (NOT_TOLD, *kept) if hides else kept


Reasons = tuple[tuple[int, str], ...]
"""Each code's number with its text."""


def reasons_told(reasons: Reasons) -> Reasons:
    """As a guard is told them; in the place of a primary reason that he is not told, what to do."""
    kept = tuple(one for one in reasons if one[0] not in CONFIDENTIAL)
    hides = bool(reasons) and reasons[0][0] in CONFIDENTIAL
    return ((NOT_TOLD, CALL_CHIEF), *kept) if hides else kept


def noted(codes: tuple[Code, ...], *, confidential: bool) -> tuple[int, ...]:
    """The numbers of what is noted, as far as it is shown."""
    return tuple(int(code) for code in codes if confidential or code not in CONFIDENTIAL)


def notes_told(notes: Reasons) -> Reasons:
    """As a guard is told them: none of those that he is not told."""
    return tuple(one for one in notes if one[0] not in CONFIDENTIAL)
