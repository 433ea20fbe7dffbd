"""Whatever is in force, who was let in gets out: tried in full, not by chance.

The five causes that may keep a reader exit shut are the design's (section 4).
"""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from msgspec.structs import replace

from controller import inputs
from controller.effects import FreeEgress, FreeExit
from controller.events import FireLine
from controller.ids import AttemptId, InputId, PortalId
from controller.orders import Cover
from policies import Code, decide
from policies.facts import (
    Assurance,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
)
from policies.rights import OrderKind as Kind
from tests.controller.besieged import ISSUERS, order_of
from tests.controller.compound import COMPOUND
from tests.controller.siege import Offer, Siege
from tests.controller.support import compiled

UNKNOWN = {CredentialStatus.NONE, CredentialStatus.UNKNOWN}
GONE = {
    CredentialStatus.LOST: Code.CREDENTIAL_LOST,
    CredentialStatus.REVOKED: Code.CREDENTIAL_REVOKED,
}
BADGE = Presented(Factor.BADGE, Assurance.SECURE, True)
WRONG = Presented(Factor.BADGE, Assurance.SECURE, False)
GUARD = Presented(Factor.GUARD, Assurance.INSIDE, True)
SHOWN = ((), (BADGE,), (WRONG,), (BADGE, GUARD))
WAYS_OUT = {
    # portal: (direction that leads out, asks nobody, may be held)
    "front": (Direction.EXIT, True, False),
    "corridor": (Direction.EXIT, True, False),
    "mag": (Direction.EXIT, False, True),
    "lift": (Direction.EXIT, False, False),
    "back": (Direction.ENTRY, False, False),
}
PEOPLE = (
    None,
    HolderFacts("s-1", 1, ("staff",)),
    HolderFacts("s-1", 1, ("chief",)),
    HolderFacts("s-1", 1, ("diplomat",)),
    HolderFacts("s-1", 1, (), suspended=True, locked_out=True, watchlisted=True, valid_until_s=1),
)


def every_question() -> Iterator[Request]:
    for portal, (direction, _, _) in WAYS_OUT.items():
        for mode, threat, fire, held in product(Mode, (1, 3, 5), (False, True), (False, True)):
            for status, holder, shown in product(CredentialStatus, PEOPLE, SHOWN):
                for clear, calm in product((False, True), repeat=2):
                    yield Request(
                        portal=portal,
                        direction=direction,
                        utc_s=1_795_212_000,
                        clock_trusted=calm,
                        credential=status,
                        holder=holder,
                        presented=shown,
                        mode=mode,
                        threat=threat,
                        fire=fire,
                        hold_egress=held,
                        interlock_clear=clear,
                        operable=calm,
                        recorded=calm,
                    )


def may_keep_in(ask: Request) -> set[Code]:
    """The five causes."""
    causes = set()
    if ask.credential in UNKNOWN or ask.holder is None:
        causes.add(Code.UNKNOWN_CREDENTIAL)
    if ask.credential in GONE:
        causes = {GONE[ask.credential]}
    if not any(shown.passed for shown in ask.presented if shown.factor is Factor.BADGE):
        causes |= {Code.FACTORS_MISSING, Code.FACTOR_FAILED}
    if not ask.interlock_clear:
        causes.add(Code.INTERLOCK)
    if ask.hold_egress and WAYS_OUT[ask.portal][2]:
        causes.add(Code.EGRESS_HELD)
    return causes


def test_every_way_out_in_every_posture() -> None:
    """Fire, evacuation, free exit: granted to anybody. A protected person in good standing, or
    whom the guard knows: granted. Anybody else is kept in by one of the five causes or by nothing.
    """
    asked = 0
    policy = compiled(COMPOUND)
    for ask in every_question():
        asked += 1
        decision = decide(policy, ask)
        causes = may_keep_in(ask)
        free = ask.fire or ask.mode is Mode.EVACUATE or WAYS_OUT[ask.portal][1]
        known = ask.credential is CredentialStatus.ACTIVE or GUARD in ask.presented
        protected = ask.holder is PEOPLE[3] and known
        if free or protected or not causes:
            assert decision.granted, ask
        else:
            assert {objection.code for objection in decision.objections} <= causes, ask
    assert asked == len(WAYS_OUT) * 48 * len(CredentialStatus) * len(PEOPLE) * len(SHOWN) * 4


POSTURES: tuple[tuple[tuple[Kind, Cover], ...], ...] = (
    (),
    ((Kind.LOCKDOWN, Cover.FULL),),
    ((Kind.LOCKDOWN, Cover.PERIMETER),),
    ((Kind.SHELTER, Cover.FULL),),
    ((Kind.EVACUATE, Cover.FULL),),
    ((Kind.LOCKDOWN, Cover.FULL), (Kind.SHELTER, Cover.FULL)),
    ((Kind.LOCKDOWN, Cover.FULL), (Kind.EVACUATE, Cover.FULL)),
)
READER_EXITS = ("side", "mag", "lift", "vault", "cellar", "annex", "back")


def in_posture(
    postures: tuple[tuple[Kind, Cover], ...], level: int, fire: bool, held: bool, recorded: bool
) -> Siege:
    """A site that was brought there by orders, a fire line and a disk."""
    siege, dice = Siege(), Random(1)
    now_s = siege.moment().utc_s

    def order(kind: Kind, **facts: object) -> Offer:
        made = order_of(dice, kind, (ISSUERS[0], 100 + siege.offered), now_s)
        calm = {"zones": (), "drill": False, "moves": True, "accept_until_s": now_s + 600}
        return Offer(replace(made, **(calm | facts)), 2)

    if held:
        siege.offer(order(Kind.HOLD, portals=("mag", "vault"), until_s=now_s + 600))
    for kind, cover in postures:
        siege.offer(order(kind, cover=cover))
    if level > 1:
        siege.offer(order(Kind.RAISE, level=level))
    if fire:
        siege.line("house", FireLine.ALARM)
    if not recorded:
        siege.journal(works=False)
    return siege


@pytest.mark.parametrize("postures", POSTURES, ids=str)
def test_every_exit_of_a_site_in_every_posture(
    postures: tuple[tuple[Kind, Cover], ...],
) -> None:
    """By what the site itself makes of orders, fires and a lost journal, and not by what is asked
    of `decide()` by hand. Whoever was let in gets out; a hold keeps in whom it may, and nobody is
    held in a fire, an evacuation, or without a journal.
    """
    evacuated = any(kind is Kind.EVACUATE for kind, _ in postures)
    for level, fire, held, recorded in product((1, 5), *[(False, True)] * 3):
        siege = in_posture(postures, level, fire, held, recorded)
        holding = held and not fire and recorded
        for portal, who in product(READER_EXITS, ("staff", "diplomat", "lost-staff")):
            burns = fire and portal != "annex"
            out = siege.reading.outward(portal)
            decision = siege.decision(portal, out, who)
            keeps = who == "lost-staff"
            keeps |= who == "staff" and holding and portal in {"mag", "vault"}
            said = (postures, level, fire, held, recorded, portal, who, decision)
            assert decision.granted is (burns or evacuated or not keeps), said
        asked = inputs.ExitAsked(
            id=InputId("rex"), portal=PortalId("front"), active=True, attempt=AttemptId("rex")
        )
        freed = [e for e in siege.feed(asked).effects if isinstance(e, FreeExit | FreeEgress)]
        assert [e.portal for e in freed] == ["front"], (postures, level, fire, held, recorded)
