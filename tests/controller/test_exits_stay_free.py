"""Whatever is in force, who was let in gets out: tried in full, not by chance.

The five causes that may keep a reader exit shut are the design's (section 4).
"""

from collections.abc import Iterator
from itertools import product

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
from tests.controller.compound import COMPOUND
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
        for mode, threat, fire, held in product(
            Mode, (1, 2, 3, 4, 5), (False, True), (False, True)
        ):
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
    assert asked == len(WAYS_OUT) * 80 * len(CredentialStatus) * len(PEOPLE) * len(SHOWN) * 4
