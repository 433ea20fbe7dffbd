"""Our reason codes in the words of other systems: BACnet access events and ONVIF denial reasons.

BACnet: enumeration BACnetAccessEvent of ANSI/ASHRAE 135, clause 21; the numbers as in
bacnet-stack, `src/bacnet/bacenum.h`. Events from 128 on are denials. ONVIF: `DenyReason` of the
Access Control Service Specification (`accesscontrol.wsdl`), sent as `Reason` with the topics
`tns1:AccessControl/Denied/...`.

Neither says as much as our codes do, and neither is asked to: what has no word of its own there is
`other`, never a word that would be wrong.
"""

from enum import IntEnum, StrEnum

from policies.codes import Code
from policies.facts import Decision, Factor, Request


class AccessEvent(IntEnum):
    """The members of BACnetAccessEvent that our codes come to."""

    NONE = 0  # nothing is reported
    GRANTED = 1
    PASSBACK_DETECTED = 3
    DURESS = 4
    TRACE = 5
    DENIED_DENY_ALL = 128
    DENIED_UNKNOWN_CREDENTIAL = 129
    DENIED_AUTHENTICATION_UNAVAILABLE = 130
    DENIED_AUTHENTICATION_FACTOR_TIMEOUT = 131
    DENIED_INCORRECT_AUTHENTICATION_FACTOR = 132
    DENIED_ZONE_NO_ACCESS_RIGHTS = 133
    DENIED_NO_ACCESS_RIGHTS = 135
    DENIED_OUT_OF_TIME_RANGE = 136
    DENIED_THREAT_LEVEL = 137
    DENIED_PASSBACK = 138
    DENIED_LOWER_OCCUPANCY_LIMIT = 141
    DENIED_UPPER_OCCUPANCY_LIMIT = 142
    DENIED_AUTHENTICATION_FACTOR_LOST = 143
    DENIED_AUTHENTICATION_FACTOR_ERROR = 148
    DENIED_CREDENTIAL_NOT_YET_ACTIVE = 151
    DENIED_CREDENTIAL_EXPIRED = 152
    DENIED_CREDENTIAL_MANUAL_DISABLE = 153
    DENIED_CREDENTIAL_LOCKOUT = 154
    DENIED_CREDENTIAL_DISABLED = 158
    DENIED_NO_ACCOMPANIMENT = 159
    DENIED_VERIFICATION_FAILED = 162
    DENIED_OTHER = 164


class DenyReason(StrEnum):
    """Every reason that ONVIF has."""

    CREDENTIAL_NOT_ENABLED = "CredentialNotEnabled"
    CREDENTIAL_NOT_ACTIVE = "CredentialNotActive"
    CREDENTIAL_EXPIRED = "CredentialExpired"
    INVALID_PIN = "InvalidPIN"
    NOT_PERMITTED_AT_THIS_TIME = "NotPermittedAtThisTime"
    UNAUTHORIZED = "Unauthorized"
    OTHER = "Other"


BACNET: dict[Code, AccessEvent] = {
    Code.GRANTED: AccessEvent.GRANTED,
    Code.LIFE_SAFETY: AccessEvent.GRANTED,
    Code.EVACUATION: AccessEvent.GRANTED,
    Code.FREE_EXIT: AccessEvent.GRANTED,
    Code.PROTECTED_EXIT: AccessEvent.GRANTED,
    Code.OPEN_PORTAL: AccessEvent.GRANTED,
    Code.GRANTED_BY_OVERRIDE: AccessEvent.GRANTED,
    Code.UNKNOWN_PORTAL: AccessEvent.DENIED_OTHER,
    # Not "out of time range": that the time is wrong is not known, only that the clock may be.
    Code.CLOCK_UNTRUSTED: AccessEvent.DENIED_OTHER,
    Code.SCHEDULE_HORIZON: AccessEvent.DENIED_OTHER,
    Code.NOT_RECORDED: AccessEvent.DENIED_OTHER,
    Code.UNKNOWN_CREDENTIAL: AccessEvent.DENIED_UNKNOWN_CREDENTIAL,
    Code.CREDENTIAL_LOST: AccessEvent.DENIED_AUTHENTICATION_FACTOR_LOST,
    Code.CREDENTIAL_REVOKED: AccessEvent.DENIED_CREDENTIAL_DISABLED,
    Code.NOT_YET_VALID: AccessEvent.DENIED_CREDENTIAL_NOT_YET_ACTIVE,
    Code.EXPIRED: AccessEvent.DENIED_CREDENTIAL_EXPIRED,
    Code.SUSPENDED: AccessEvent.DENIED_CREDENTIAL_MANUAL_DISABLE,
    Code.LOCKED_OUT: AccessEvent.DENIED_CREDENTIAL_LOCKOUT,
    # Who stands on a list is not for every workstation of the building.
    Code.WATCHLISTED: AccessEvent.DENIED_OTHER,
    Code.DENIED_BY_RULE: AccessEvent.DENIED_ZONE_NO_ACCESS_RIGHTS,
    Code.NO_CONSENT: AccessEvent.DENIED_OTHER,
    Code.LOCKDOWN: AccessEvent.DENIED_DENY_ALL,
    Code.SHELTER: AccessEvent.DENIED_DENY_ALL,
    Code.EVACUATION_ENTRY: AccessEvent.DENIED_DENY_ALL,
    Code.THREAT_LEVEL: AccessEvent.DENIED_THREAT_LEVEL,
    Code.FIRE_ENTRY: AccessEvent.DENIED_DENY_ALL,
    Code.EGRESS_HELD: AccessEvent.DENIED_DENY_ALL,
    Code.NO_GRANT: AccessEvent.DENIED_NO_ACCESS_RIGHTS,
    Code.OUT_OF_SCHEDULE: AccessEvent.DENIED_OUT_OF_TIME_RANGE,
    Code.THREAT_CEILING: AccessEvent.DENIED_THREAT_LEVEL,
    Code.MODE_NOT_LISTED: AccessEvent.DENIED_NO_ACCESS_RIGHTS,
    Code.NOT_ESCORTED: AccessEvent.DENIED_NO_ACCOMPANIMENT,
    Code.FACTORS_MISSING: AccessEvent.DENIED_AUTHENTICATION_FACTOR_TIMEOUT,
    Code.FACTOR_FAILED: AccessEvent.DENIED_INCORRECT_AUTHENTICATION_FACTOR,
    Code.ASSURANCE_TOO_LOW: AccessEvent.DENIED_AUTHENTICATION_FACTOR_ERROR,
    Code.PASSBACK: AccessEvent.DENIED_PASSBACK,
    Code.OCCUPANCY_FULL: AccessEvent.DENIED_UPPER_OCCUPANCY_LIMIT,
    Code.INTERLOCK: AccessEvent.DENIED_OTHER,
    Code.TWO_PERSON: AccessEvent.DENIED_NO_ACCOMPANIMENT,
    Code.FIRST_PERSON_OUT: AccessEvent.DENIED_OTHER,
    Code.BELOW_MINIMUM: AccessEvent.DENIED_LOWER_OCCUPANCY_LIMIT,
    Code.INOPERABLE: AccessEvent.DENIED_OTHER,
    Code.KNOWLEDGE_TOO_OLD: AccessEvent.DENIED_AUTHENTICATION_UNAVAILABLE,
    Code.NOT_SCREENED: AccessEvent.DENIED_OTHER,
    Code.SCREENING_REFUSED: AccessEvent.DENIED_VERIFICATION_FAILED,
    Code.SCREENING_DECLINED: AccessEvent.DENIED_OTHER,
    # For the recipients whom the site names, and nobody else: see the design on duress.
    Code.NOTE_DURESS: AccessEvent.DURESS,
    Code.NOTE_WATCHLISTED: AccessEvent.TRACE,
    Code.NOTE_PASSBACK: AccessEvent.PASSBACK_DETECTED,
    Code.NOTE_OCCUPANCY: AccessEvent.NONE,
    Code.NOTE_NOT_SEARCHED: AccessEvent.NONE,
    Code.NOTE_OVERRIDDEN: AccessEvent.NONE,
    Code.NOTE_PROTECTED: AccessEvent.NONE,
    Code.NOTE_OUTSIDE_RULES: AccessEvent.NONE,
    Code.NOTE_OBSERVED: AccessEvent.TRACE,
    Code.NOTE_SEALED_BAG: AccessEvent.NONE,
}
"""The event of each code, reported by the access point at which the decision was made."""

_NOT_ENABLED = (
    Code.CREDENTIAL_LOST,
    Code.CREDENTIAL_REVOKED,
    Code.SUSPENDED,
    Code.LOCKED_OUT,
)
_UNAUTHORIZED = (Code.WATCHLISTED, Code.DENIED_BY_RULE, Code.NO_CONSENT, Code.NO_GRANT)

ONVIF: dict[Code, DenyReason | None] = {
    # Whatever no line below names; an unknown credential has a topic of its own, without a reason.
    **dict.fromkeys(Code, DenyReason.OTHER),
    **{code: None for code in Code if code < 200 or code >= 900},
    **dict.fromkeys(_NOT_ENABLED, DenyReason.CREDENTIAL_NOT_ENABLED),
    **dict.fromkeys(_UNAUTHORIZED, DenyReason.UNAUTHORIZED),
    Code.NOT_YET_VALID: DenyReason.CREDENTIAL_NOT_ACTIVE,
    Code.EXPIRED: DenyReason.CREDENTIAL_EXPIRED,
    Code.OUT_OF_SCHEDULE: DenyReason.NOT_PERMITTED_AT_THIS_TIME,
}
"""The reason of each code; None: no denial. `onvif_reason` knows the reasons of one refusal."""

assert set(BACNET) == set(Code), "every code has its access event"
assert set(ONVIF) == set(Code), "every code has its reason, or is no denial"


def onvif_reason(request: Request, decision: Decision) -> DenyReason | None:
    """The reason of this refusal; None where it was granted. A failed factor is `InvalidPIN` only
    where a PIN failed: ONVIF has no word for a face or a finger."""
    if decision.code is Code.FACTOR_FAILED:
        failed = {shown.factor for shown in request.presented if not shown.passed}
        return DenyReason.INVALID_PIN if Factor.PIN in failed else DenyReason.OTHER
    return ONVIF[decision.code]
