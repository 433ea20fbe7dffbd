"""A compound with every kind of way that a posture can concern, and people for each override.

Badges alone are asked for everywhere, so that a verdict says what fire, posture and level say.
"""

from controller.holders import NOBODY, Credential, Directory, Holder
from controller.ids import CredentialId, CredentialRef, HolderId
from policies.facts import CredentialStatus, HolderFacts

COMPOUND = """
schema = 1
site = "testonia"
version = 1
timezone = "Europe/Vienna"

[schedule.office]
mon-fri = ["07:30-18:30"]

[factors]
badge = { 1 = "badge" }

[zone.street]
kind = "public"
[zone.plaza]
kind = "public"
[zone.yard]
inside = "street"
kind = "premises"
factors = "badge"
[zone.hall]
inside = "yard"
kind = "premises"
factors = "badge"
[zone.office]
inside = "hall"
kind = "premises"
factors = "badge"
clearance = { 1 = 0, 3 = 4 }
[zone.vault]
inside = "office"
kind = "premises"
factors = "badge"
clearance = { 1 = 2, 4 = 6 }
[zone.refuge]
inside = "office"
kind = "refuge"
factors = "badge"
[zone.cellar]
inside = "hall"
kind = "premises"
factors = "badge"
[zone.annex]
inside = "yard"
kind = "premises"
factors = "badge"

# Stands open in office hours.
[portal.gate]
from = "street"
to = "yard"
kind = "gate"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
open = "office"
# No way out for people on foot.
[portal.barrier]
from = "street"
to = "yard"
kind = "vehicle-barrier"
lock = "power-to-unlock"
egress = "none"
exit = "reader"
hard-wired-release = true
[portal.front]
from = "yard"
to = "hall"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "free"
rex = "unlock"
open = "office"
# From another public side straight into the house.
[portal.side]
from = "plaza"
to = "hall"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
[portal.mag]
from = "hall"
to = "office"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
may-hold = "order 7 of the court"
[portal.corridor]
from = "hall"
to = "office"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
refuge-route = true
[portal.lift]
from = "hall"
to = "office"
kind = "lift"
lock = "power-to-unlock"
egress = "none"
exit = "reader"
hard-wired-release = true
[portal.vault]
from = "office"
to = "vault"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
may-hold = "order 7 of the court"
[portal.safe]
from = "office"
to = "refuge"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
emergency = true
[portal.cellar]
from = "hall"
to = "cellar"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
[portal.annex]
from = "yard"
to = "annex"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
# Named from the inside: going through it as `entry` leads out.
[portal.back]
from = "office"
to = "yard"
kind = "door"
lock = "power-to-unlock"
egress = "electric"
on-fire = "release"
egress-route = "entry"
exit = "reader"
hard-wired-release = true

[fire.house]
zones = ["hall"]
[fire.annex-panel]
zones = ["annex"]

[role.staff]
clearance = 3
[role.marine]
clearance = 3
overrides = ["lockdown"]
[role.warden]
clearance = 3
overrides = ["shelter"]
[role.marshal]
clearance = 3
overrides = ["evacuate", "fire"]
[role.chief]
clearance = 9
overrides = ["lockdown", "shelter", "evacuate", "fire", "threat"]
[role.diplomat]
clearance = 5
protected = true

[[grant]]
id = "all"
roles = ["staff", "marine", "warden", "marshal", "chief", "diplomat"]
zones = ["yard", "hall", "office", "vault", "refuge", "annex"]
in = ["normal", "shelter"]
[[grant]]
id = "back-in"
roles = ["staff", "marine", "warden", "marshal", "chief", "diplomat"]
portals = ["back"]
in = ["normal", "shelter"]
[[grant]]
id = "calm"
roles = ["staff", "chief", "warden"]
zones = ["cellar"]
"""

ROLES = ("staff", "marine", "warden", "marshal", "chief", "diplomat")
LOST = "lost"
"""Who has this in front of his name presents a badge that was lost."""


def people(version: int = 1) -> Directory:
    """One of each role, `h-ROLE` with `ref-ROLE`, and the same with a badge that was lost."""
    named = [(role, role, CredentialStatus.ACTIVE) for role in ROLES]
    named += [(f"{LOST}-{role}", role, CredentialStatus.LOST) for role in ROLES]
    return NOBODY.after(
        version=version,
        holders=(
            Holder(facts=HolderFacts(f"h-{who}", version, (role,)), knows_pin=False)
            for who, role, _ in named
        ),
        credentials=(
            (
                CredentialRef(f"ref-{who}"),
                Credential(CredentialId(f"c-{who}"), HolderId(f"h-{who}"), status),
            )
            for who, _, status in named
        ),
    )
