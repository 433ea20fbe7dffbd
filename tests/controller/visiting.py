"""A site with a gate whose both sides have readers, and short words for what happens to visits."""

from typing import Any

from msgspec.structs import replace

from controller.events_visits import Given, Goods, WordOf
from controller.ids import CredentialId, CredentialRef, HolderId, InputId
from controller.inputs import DirectoryReplaced, Input
from controller.inputs_visits import (
    DeliveryHandAsked,
    DeliveryRefuseAsked,
    DeliveryTakeAsked,
    ExtensionAsked,
    GivingAsked,
    PresenceTold,
    SignInAsked,
    SignOutAsked,
    VisitAsked,
    VisitBadgeGone,
    VisitCancelAsked,
)
from controller.ledger import Personal
from controller.moment import SECOND_US
from controller.site import Outcome
from controller.visit import Visit
from policies.facts import Direction
from tests.controller.support import ENTRY, POLICY, Rig, calm, directory

HOUR_S, DAY_S = 3600, 24 * 3600

GATE = """
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
rex = "shunt"
"""
GATE_WITH_READERS = """
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
"""
HOUSE = (
    POLICY.replace(GATE, GATE_WITH_READERS, 1)
    .replace('open = "office"\nopen-threat-max = 2\n', "")
    .replace("per-host = 1\n", "")
    .replace("stay-max-s = 200\n", "")
    .replace('zones = ["lobby"]\n', 'zones = ["court"]\n')
)
"""Roles say nothing of how long a visitor stays, or how many have one host. Nothing stands open by
schedule: a day passes in a few steps."""

VIC, WIM, BOB, ANN, PIA = (HolderId(f"h-{who}") for who in ("vic", "wim", "bob", "ann", "pia"))
CREDENTIAL = {VIC: CredentialId("c-vic"), WIM: CredentialId("c-wim")}

MORNING_UTC_US = 1_795_161_600 * SECOND_US
"""Fri 2026-11-20 09:00 in Vienna."""


def said(field: str, value: str = "said") -> Personal:
    return Personal(field, value, "ab" * 16)


class House:
    """One site with visits. Times are seconds from its morning."""

    def __init__(self, policy: str = HOUSE) -> None:
        self.rig: Rig = calm(policy, utc_us=MORNING_UTC_US)
        self.began_s = MORNING_UTC_US // SECOND_US
        self._visits = 0

    @property
    def now_s(self) -> int:
        return self.rig.utc_us // SECOND_US - self.began_s

    def of(self, name: str) -> Visit:
        return self.rig.site.state.visits[name]

    def feed(self, kind: type[Input], **fields: Any) -> Outcome:
        return self.rig.feed(kind(id=InputId(self.rig.new_id()), **fields))

    def expected(
        self, who: HolderId = VIC, from_s: int = 0, until_s: int = HOUR_S, host: HolderId = BOB
    ) -> str:
        self._visits += 1
        name = f"{self._visits:016x}"
        self.feed(
            VisitAsked,
            visit=name,
            holder=who,
            host=host,
            from_s=self.began_s + from_s,
            until_s=self.began_s + until_s,
            purpose=said("purpose", "the Treaty of Rivers"),
            organisation=said("organisation", "Ministry of Rivers"),
            operator=said("operator"),
        )
        return name

    def signed_in(self, name: str, given: Given = Given.BADGE) -> Outcome:
        held = CREDENTIAL[self.of(name).holder] if name in self.rig.site.state.visits else ""
        credential = "" if given is Given.NOTHING else held
        return self.feed(
            SignInAsked,
            visit=name,
            given=given,
            credential=credential,
            document=said("document", "passport, UTO"),
            operator=said("operator"),
        )

    def given(self, name: str, credential: str) -> Outcome:
        return self.feed(
            GivingAsked,
            visit=name,
            given=Given.CODE,
            credential=credential,
            operator=said("operator"),
        )

    def signed_out(self, name: str) -> Outcome:
        return self.feed(SignOutAsked, visit=name, operator=said("operator"))

    def extended(self, name: str, until_s: int) -> Outcome:
        return self.feed(
            ExtensionAsked,
            visit=name,
            until_s=self.began_s + until_s,
            word=WordOf.HOST,
            operator=said("operator"),
        )

    def cancelled(self, name: str) -> Outcome:
        return self.feed(VisitCancelAsked, visit=name, operator=said("operator"))

    def badge_gone(self, name: str) -> Outcome:
        return self.feed(VisitBadgeGone, visit=name)

    def told(self, who: HolderId, where: str, *, inside: bool) -> Outcome:
        return self.feed(
            PresenceTold,
            holder=who,
            where=where,
            inside=inside,
            reason=said("reason", "seen at the ramp"),
            operator=said("operator"),
        )

    def without(self, *gone: str) -> Outcome:
        """Other people: all but these."""
        before = directory(2)
        holders = [one for who, one in before.holders.items() if who not in gone]
        credentials = [(ref, one) for ref, one in before.by_ref.items() if one.holder not in gone]
        fewer = replace(before, holders=before.holders, by_ref=before.by_ref)
        after = fewer.after(
            version=2,
            holders=holders,
            holders_gone=[HolderId(who) for who in gone],
            credentials=[(CredentialRef(ref), one) for ref, one in credentials],
            credentials_gone=[one.id for one in before.by_ref.values() if one.holder in gone],
        )
        return self.feed(DirectoryReplaced, directory=after)

    def walks(self, who: HolderId, direction: Direction = ENTRY) -> Outcome:
        """He badges at the gate, with his host where one is asked for; where he is let through, he
        goes. The clock stands still meanwhile.
        """
        outcomes = [self.rig.badge("gate", who.removeprefix("h-"), direction, ())]
        if self.rig.site.state.attempts:
            outcomes.append(self.rig.badge("gate", "bob", direction, ()))
        if self.rig.portal("gate").passing is not None:
            outcomes += [self.rig.opens("gate"), self.rig.closes("gate")]
        return Outcome(
            tuple(event for one in outcomes for event in one.events),
            tuple(effect for one in outcomes for effect in one.effects),
        )

    # --- deliveries ---

    def taken(self, name: str = "d" * 16, **fields: Any) -> Outcome:
        whole: dict[str, Any] = {
            "delivery": name,
            "goods": Goods.PARCEL,
            "portal": "gate",
            "place": "hatch",
            "recipient": BOB,
            "company": said("company", "Swift Wheels"),
            "operator": said("operator"),
        }
        return self.feed(DeliveryTakeAsked, **(whole | fields))

    def handed(self, receiver: HolderId = BOB, name: str = "d" * 16) -> Outcome:
        return self.feed(
            DeliveryHandAsked, delivery=name, receiver=receiver, operator=said("operator")
        )

    def refused(self, name: str = "d" * 16, **fields: Any) -> Outcome:
        more: dict[str, Any] = {"reason": said("reason"), "operator": said("operator")}
        return self.feed(DeliveryRefuseAsked, delivery=name, **(more | fields))
