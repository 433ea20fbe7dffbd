"""A guard lets somebody through whom he knows: judged as anybody is, with his word as the factor.

Whether a guard's word is enough the policy says, at every zone, portal and grant; no posture and no
limit gives way to it. People without badges come under the consent of whoever leads them.
"""

from msgspec.structs import replace

from controller.company import accompanied_by, passing_of, side_by_side, two_passing
from controller.events import GuardVouched
from controller.ids import AttemptId, HolderId
from controller.inputs import PassAsked
from controller.ledger import Personal, commitment
from controller.questions import question_about
from controller.turn import Turn
from controller.verdicts import conclude, record
from policies.decide import decide
from policies.facts import Assurance, Factor, Headcount, Presented, Request

HIS_WORD = (Presented(Factor.GUARD, Assurance.SECURE, passed=True),)
"""The guard speaks over the control socket, which proves who he is; nobody listens in."""


def on_pass_asked(turn: Turn, asked: PassAsked) -> None:
    """Judge it and let through whom the rules let through. Whoever escorts somebody is judged for
    himself first. Before an edge is ready and while it stops nobody enters, and where the policy
    wants two people's word nobody does on one.
    """
    rule = turn.rule(asked.portal)
    one_is_enough = rule is None or asked.by_two or not rule.release_by_two
    open_to_him = turn.state.ready and not turn.state.stopping and one_is_enough
    if not open_to_him and not turn.leads_out(asked.portal, asked.direction):
        return
    turn.record(
        GuardVouched(
            attempt=asked.attempt,
            portal=asked.portal,
            direction=asked.direction,
            holder=asked.holder,
            host=asked.host,
            party=asked.party,
            sealed_bag=asked.sealed_bag,
            reason=commitment(asked.reason),
            operator=commitment(asked.operator),
        ),
        asked.reason,
        asked.operator,
    )
    request = replace(_about(turn, asked, asked.holder, asked.party), sealed_bag=asked.sealed_bag)
    if asked.host is None:
        verdict = decide(turn.policy, request)
        passing = passing_of(turn.policy, request, asked.holder, verdict)
    else:
        host = side_by_side(turn.policy, _about(turn, asked, asked.host), request.holder)
        if not _may_come(turn, asked.beside, host):
            return
        assert host.holder is not None, "nobody who is unknown may come"
        request = accompanied_by(turn.policy, request, host.holder, turn.state)
        verdict = decide(turn.policy, request)
        passing = two_passing(turn.policy, request, verdict, asked.holder, host.holder)
    led = None if passing is None else replace(passing, party=asked.party)
    person: Personal | None = asked.person
    conclude(turn, asked.attempt, None, turn.policy, request, verdict, None, person, led)


def _about(turn: Turn, asked: PassAsked, who: HolderId, party: Headcount = 0) -> Request:
    portal, direction = asked.portal, asked.direction
    return question_about(turn, turn.policy, portal, direction, who, HIS_WORD, party)


def _may_come(turn: Turn, attempt: AttemptId, host: Request) -> bool:
    """Whether whoever escorts him may pass himself; that is on record too."""
    verdict = decide(turn.policy, host)
    record(turn, attempt, None, turn.policy, host, verdict, None, None)
    return verdict.granted
