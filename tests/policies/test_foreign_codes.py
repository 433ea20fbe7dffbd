"""Our codes in BACnet's and ONVIF's words, against what those say."""

import pytest

from policies import Code, decide
from policies.foreign_codes import BACNET, ONVIF, AccessEvent, DenyReason, onvif_reason
from tests.policies.support import IN, ask, embassy

# BACnetAccessEvent, ANSI/ASHRAE 135 clause 21, as in bacnet-stack (github.com/bacnet-stack/
# bacnet-stack, src/bacnet/bacenum.h at 0009a5062fdf919498f45fe8614bb2b1e3f20437): from 0 on, and
# the denials from 128 on.
BACNET_EVENTS = """
    none granted muster passback-detected duress trace lockout-max-attempts lockout-other
    lockout-relinquished locked-by-higher-authority out-of-service out-of-service-relinquished
    accompaniment-by authentication-factor-read authorization-delayed verification-required
"""
BACNET_DENIALS = """
    deny-all unknown-credential authentication-unavailable authentication-factor-timeout
    incorrect-authentication-factor zone-no-access-rights point-no-access-rights no-access-rights
    out-of-time-range threat-level passback unexpected-location-usage max-attempts
    lower-occupancy-limit upper-occupancy-limit authentication-factor-lost
    authentication-factor-stolen authentication-factor-damaged authentication-factor-destroyed
    authentication-factor-disabled authentication-factor-error credential-unassigned
    credential-not-provisioned credential-not-yet-active credential-expired
    credential-manual-disable credential-lockout credential-max-days credential-max-uses
    credential-inactivity credential-disabled no-accompaniment incorrect-accompaniment lockout
    verification-failed verification-timeout other
"""
STANDARD = dict(enumerate(BACNET_EVENTS.split())) | {
    128 + place: f"denied-{name}" for place, name in enumerate(BACNET_DENIALS.split())
}

# DenyReason of accesscontrol.wsdl (http://www.onvif.org/ver10/accesscontrol/wsdl).
ONVIF_REASONS = """
    CredentialNotEnabled CredentialNotActive CredentialExpired InvalidPIN NotPermittedAtThisTime
    Unauthorized Other
"""

# Code: BACnet's number, ONVIF's reason. Both are read by other people's systems: a change here is
# a change of what they see.
GOLDEN = """
    100 1 -    101 1 -    102 1 -    103 1 -    104 1 -    105 1 -    107 1 -
    201 164 Other    202 164 Other    203 164 Other    205 164 Other
    301 129 Other    302 143 CredentialNotEnabled    303 158 CredentialNotEnabled
    304 151 CredentialNotActive    305 152 CredentialExpired    306 153 CredentialNotEnabled
    307 154 CredentialNotEnabled
    401 164 Unauthorized    402 133 Unauthorized    403 164 Unauthorized
    501 128 Other    502 128 Other    503 128 Other    504 137 Other    505 128 Other
    506 128 Other
    601 135 Unauthorized    602 136 NotPermittedAtThisTime    603 137 Other    604 135 Other
    605 159 Other
    701 131 Other    702 132 Other    703 148 Other
    801 138 Other    802 142 Other    803 164 Other    805 159 Other    806 164 Other
    807 141 Other    808 164 Other    809 130 Other    810 164 Other    811 162 Other
    812 164 Other
    901 4 -    902 5 -    903 3 -    904 0 -    905 0 -    906 0 -    907 0 -    908 0 -
    909 5 -    910 0 -
"""


def test_the_numbers_are_those_of_the_standard() -> None:
    assert (STANDARD[3], STANDARD[128], STANDARD[159], STANDARD[164]) == (
        "passback-detected",
        "denied-deny-all",
        "denied-no-accompaniment",
        "denied-other",
    )
    for event in AccessEvent:
        assert event.name.lower().replace("_", "-") == STANDARD[event.value]
    assert sorted(DenyReason) == sorted(ONVIF_REASONS.split())


def test_every_code_keeps_its_foreign_words() -> None:
    ours = [
        word
        for code in sorted(Code)
        for word in (f"{code:d}", f"{BACNET[code]:d}", str(ONVIF[code] or "-"))
    ]
    assert ours == GOLDEN.split()


def test_a_refusal_is_a_denial_there_and_a_grant_is_none() -> None:
    for code in Code:
        refusal = 200 <= code < 900
        assert (BACNET[code] >= 128) == refusal, code
        assert (ONVIF[code] is not None) == refusal, code
        assert (BACNET[code] is AccessEvent.GRANTED) == (code < 200), code


@pytest.mark.parametrize(
    ("presented", "reason"),
    [
        ("badge", None),
        ("badge+pin!", DenyReason.INVALID_PIN),
        ("badge+face!", DenyReason.OTHER),
    ],
)
def test_only_a_wrong_pin_is_an_invalid_pin(presented: str, reason: DenyReason | None) -> None:
    request = ask("main-gate", IN, "staff", presented)
    assert onvif_reason(request, decide(embassy(), request)) is reason
