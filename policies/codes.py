"""Reason codes: stable numbers, stage * 100 + n, never reused; their texts are for officers."""

from enum import IntEnum


class Code(IntEnum):
    """Why. 1xx are grants, 2xx to 8xx objections of gates 0 to 8, 9xx notes."""

    GRANTED = 100
    LIFE_SAFETY = 101
    EVACUATION = 102
    FREE_EXIT = 103
    PROTECTED_EXIT = 104
    OPEN_PORTAL = 105
    GRANTED_BY_OVERRIDE = 107

    UNKNOWN_PORTAL = 201
    CLOCK_UNTRUSTED = 202
    SCHEDULE_HORIZON = 203
    NOT_RECORDED = 205

    UNKNOWN_CREDENTIAL = 301
    CREDENTIAL_LOST = 302
    CREDENTIAL_REVOKED = 303
    NOT_YET_VALID = 304
    EXPIRED = 305
    SUSPENDED = 306
    LOCKED_OUT = 307

    WATCHLISTED = 401
    DENIED_BY_RULE = 402
    NO_CONSENT = 403

    LOCKDOWN = 501
    SHELTER = 502
    EVACUATION_ENTRY = 503
    THREAT_LEVEL = 504
    FIRE_ENTRY = 505
    EGRESS_HELD = 506

    NO_GRANT = 601
    OUT_OF_SCHEDULE = 602
    THREAT_CEILING = 603
    MODE_NOT_LISTED = 604
    NOT_ESCORTED = 605

    FACTORS_MISSING = 701
    FACTOR_FAILED = 702
    ASSURANCE_TOO_LOW = 703

    PASSBACK = 801
    OCCUPANCY_FULL = 802
    INTERLOCK = 803
    TWO_PERSON = 805
    FIRST_PERSON_OUT = 806
    BELOW_MINIMUM = 807
    INOPERABLE = 808
    KNOWLEDGE_TOO_OLD = 809
    NOT_SCREENED = 810
    SCREENING_REFUSED = 811
    SCREENING_DECLINED = 812

    NOTE_DURESS = 901  # of questions asked by hand: see `Request.duress`
    NOTE_WATCHLISTED = 902
    NOTE_PASSBACK = 903
    NOTE_OCCUPANCY = 904
    NOTE_NOT_SEARCHED = 905
    NOTE_OVERRIDDEN = 906
    NOTE_PROTECTED = 907
    NOTE_OUTSIDE_RULES = 908
    NOTE_OBSERVED = 909
    NOTE_SEALED_BAG = 910


TEXTS: dict[Code, str] = {
    Code.GRANTED: "granted",
    Code.LIFE_SAFETY: "the way out is free while there is fire",
    Code.EVACUATION: "the way out is free during an evacuation",
    Code.FREE_EXIT: "this way out is always free",
    Code.PROTECTED_EXIT: "a protected person is never kept in",
    Code.OPEN_PORTAL: "the portal stands open by schedule",
    Code.GRANTED_BY_OVERRIDE: "granted by an override for the posture in force",
    Code.UNKNOWN_PORTAL: "no such portal in the policy",
    Code.CLOCK_UNTRUSTED: "the clock is not trusted and the rule depends on the time",
    Code.SCHEDULE_HORIZON: "the time lies outside the schedules as expanded",
    Code.NOT_RECORDED: "the journal cannot be written",
    Code.UNKNOWN_CREDENTIAL: "unknown credential",
    Code.CREDENTIAL_LOST: "the credential is reported lost",
    Code.CREDENTIAL_REVOKED: "the credential is revoked",
    Code.NOT_YET_VALID: "not valid yet",
    Code.EXPIRED: "no longer valid",
    Code.SUSPENDED: "suspended",
    Code.LOCKED_OUT: "locked out after wrong PINs",
    Code.WATCHLISTED: "on the watchlist",
    Code.DENIED_BY_RULE: "a rule denies it",
    Code.NO_CONSENT: "host-state agent without the head of mission's recorded consent",
    Code.LOCKDOWN: "lockdown",
    Code.SHELTER: "shelter in place",
    Code.EVACUATION_ENTRY: "no entry during an evacuation",
    Code.THREAT_LEVEL: "clearance too low for the threat level",
    Code.FIRE_ENTRY: "no entry while there is fire",
    Code.EGRESS_HELD: "identified exits are held",
    Code.NO_GRANT: "no rule grants it",
    Code.OUT_OF_SCHEDULE: "outside the hours of every rule that would grant it",
    Code.THREAT_CEILING: "the threat level is above the rule's ceiling",
    Code.MODE_NOT_LISTED: "the rule does not hold in this mode",
    Code.NOT_ESCORTED: "the rule needs an escort",
    Code.FACTORS_MISSING: "more factors are needed",
    Code.FACTOR_FAILED: "a factor was presented and failed",
    Code.ASSURANCE_TOO_LOW: "a factor came over a line that is not trusted here",
    Code.PASSBACK: "was seen going in already and not coming out",
    Code.OCCUPANCY_FULL: "as many people are inside as may be",
    Code.TWO_PERSON: "two entitled people have to enter together",
    Code.BELOW_MINIMUM: "fewer people than the minimum would be inside",
    Code.KNOWLEDGE_TOO_OLD: "what is known of holders is too old for this zone",
    Code.NOT_SCREENED: "has not passed the screening that the zone asks for",
    Code.SCREENING_REFUSED: "the screening station refused",
    Code.SCREENING_DECLINED: "declined the screening: polite denial, call the protocol officer",
    Code.INTERLOCK: "another portal of the interlock is not secured",
    Code.FIRST_PERSON_OUT: "nobody entitled to be first is inside",
    Code.INOPERABLE: "the portal's lock does not answer",
    Code.NOTE_DURESS: "duress",
    Code.NOTE_WATCHLISTED: "on the watchlist, leaving",
    Code.NOTE_PASSBACK: "was seen going in already and not coming out",
    Code.NOTE_OCCUPANCY: "the number of people inside is outside its limits",
    Code.NOTE_NOT_SEARCHED: "not searched: exempt from screening",
    Code.NOTE_OBSERVED: "on a list that is to be observed",
    Code.NOTE_SEALED_BAG: "a sealed diplomatic bag is not opened",
    Code.NOTE_OVERRIDDEN: "the posture was overridden",
    Code.NOTE_PROTECTED: "protected person",
    Code.NOTE_OUTSIDE_RULES: "would not have been let in now; the way out stays free",
}

assert set(TEXTS) == set(Code), "every code has its text"
