"""Why: one sentence and the gates in their fixed order, taken from `decide()` itself.

What a decision does not tell (which override lifted a posture, which rule would carry it, what
would be asked) is found by asking `decide()` again with one thing changed, so that an explanation
cannot say other than the verdict.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from policies.asked import NEVER, Asked, Way, asked_for, unhindered
from policies.codes import TEXTS, Code
from policies.compiled import CompiledPolicy, Passage
from policies.decide import decide
from policies.facts import (
    Assurance,
    CredentialStatus,
    Decision,
    Factor,
    Objection,
    Presented,
    Request,
)
from policies.hours import moment_in_words
from policies.rights import GrantRule, Override

GATES = {
    "0": "input and record",
    "1": "life safety",
    "1b": "open portal",
    "2": "protected person",
    "3": "identity",
    "4": "prohibition",
    "5": "posture",
    "6": "permit",
    "7": "factors",
    "8": "state",
    "9": "notes",
}
"""In the order in which they are asked; no policy changes it."""

CHANGES_MAX = 200
"""Of schedules that are looked at for the next grant: more than two weeks of busy ones."""

_GRANTS = {
    Code.LIFE_SAFETY: "1",
    Code.EVACUATION: "1",
    Code.FREE_EXIT: "1",
    Code.OPEN_PORTAL: "1b",
    Code.PROTECTED_EXIT: "2",
}
_OF_GRANTS = (Code.CLOCK_UNTRUSTED, Code.SCHEDULE_HORIZON, Code.TWO_PERSON)
"""Codes of other gates that a rule of gate 6 objects with as well."""
_EVERY_FACTOR = tuple(Presented(factor, Assurance.SECURE, True) for factor in Factor)


class Answer(StrEnum):
    GRANTS = "grants"  # by itself; nothing after it is asked
    PASSED = "passed"
    OVERRIDDEN = "overridden"
    OBJECTS = "objects"
    NOTED = "noted"  # keeps nobody from passing
    CLOSED = "does not open it"  # a gate that could have granted by itself
    NOT_ASKED = "not asked"


class Gate(msgspec.Struct, frozen=True):
    """One row of the table. `rule` is what carries a permit or was overridden."""

    number: str
    name: str
    answer: Answer
    objections: tuple[Objection, ...] = ()
    notes: tuple[Objection, ...] = ()
    rule: str | None = None
    line: int | None = None
    overrides: tuple[Override, ...] = ()


class NextGrant(msgspec.Struct, frozen=True):
    """When a schedule opens the way, and what is asked then."""

    utc_s: int
    asked: Asked


class Explanation(msgspec.Struct, frozen=True):
    """`asked`: what the passage asks this person for in this posture, were nothing else in the way;
    None where that cannot be said. `next_grant` is found where only hours are in the way."""

    sentence: str
    decision: Decision
    gates: tuple[Gate, ...]
    asked: Asked | None
    next_grant: NextGrant | None


def explain(policy: CompiledPolicy, request: Request) -> Explanation:
    """Why `decide()` answers as it does."""
    decision = decide(policy, request)
    passage = policy.passage(request.portal, request.direction)
    if passage is None:
        sentence = f"{TEXTS[decision.code].capitalize()}: {request.portal} ({decision.code})."
        return Explanation(sentence, decision, tuple(_of_no_portal(decision)), None, None)
    clear = _cleared(policy, request)
    asked = asked_for(policy, clear)
    following = _next_grant(policy, request, passage, decision)
    return Explanation(
        _sentence(policy, request, passage, decision, following),
        decision,
        tuple(_gates(policy, request, passage, decision, clear)),
        None if asked == NEVER else asked,
        following,
    )


def place(passage: Passage, objection: Objection) -> str:
    """The gate that objects: the one its code names, except where a rule of gate 1b or 6 objects
    with a code of another."""
    if _grant(passage, objection) is not None and objection.code in _OF_GRANTS:
        return "6"
    if objection.line is None and objection.code is Code.FIRST_PERSON_OUT:
        return "1b"
    if objection.rule is not None and objection.code is Code.CLOCK_UNTRUSTED:
        return "1b"
    return "0" if objection.code < 300 else str(objection.code // 100)


def _grant(passage: Passage, objection: Objection) -> GrantRule | None:
    named = (objection.rule, objection.line)
    return next((g for g in passage.grants if (g.id, g.line) == named), None)


# --- the gates -----------------------------------------------------------------------------------


def _of_no_portal(decision: Decision) -> Iterable[Gate]:
    """No gate after the first is asked, but what concerns no portal, a sealed bag, stays noted."""
    notes = _told(decision)
    for number, name in GATES.items():
        if number == "0":
            yield Gate(number, name, Answer.OBJECTS, decision.objections)
        elif number == "9" and notes:
            yield Gate(number, name, Answer.NOTED, notes=notes)
        else:
            yield Gate(number, name, Answer.NOT_ASKED)


def _gates(
    policy: CompiledPolicy,
    request: Request,
    passage: Passage,
    decision: Decision,
    clear: Request,
) -> Iterable[Gate]:
    opened = _GRANTS.get(decision.code)
    permitted = True
    for number, name in GATES.items():
        objections = tuple(o for o in decision.objections if place(passage, o) == number)
        notes = tuple(note for note in _told(decision) if place(passage, note) == number)
        answer = _answer(number, request, passage, opened, permitted=permitted)
        if objections:
            answer = Answer.OBJECTS
        elif notes:
            answer = Answer.NOTED
        rule: str | None = None
        line: int | None = None
        overrides: tuple[Override, ...] = ()
        if number == "1b" and answer is Answer.GRANTS:
            rule = decision.rule
        if number == "5" and not passage.way_out and answer is not Answer.NOT_ASKED:
            overrides = _overrides(policy, request, decision)
            answer = Answer.OVERRIDDEN if overrides and not objections else answer
        if number == "6" and not passage.way_out and answer is Answer.PASSED:
            rule, line = _carrier(policy, passage, clear)
        permitted = permitted and not (number == "6" and objections)
        yield Gate(number, name, answer, objections, notes, rule, line, overrides)


def _told(decision: Decision) -> tuple[Objection, ...]:
    """The notes, but nothing that may be read over a shoulder tells of duress."""
    return tuple(note for note in decision.notes if note.code is not Code.NOTE_DURESS)


def _answer(
    number: str, request: Request, passage: Passage, opened: str | None, *, permitted: bool
) -> Answer:
    """Where the gate has nothing to say."""
    order = list(GATES)
    if number == opened:
        return Answer.GRANTS
    if opened is not None and order.index(number) > order.index(opened):
        return Answer.NOT_ASKED
    if number in ("1", "2"):
        return Answer.CLOSED if passage.way_out else Answer.NOT_ASKED
    if number == "1b":
        shut = passage.way_out or passage.portal.open_schedule is None
        return Answer.NOT_ASKED if shut else Answer.CLOSED
    if number == "7" and not permitted:
        return Answer.NOT_ASKED
    if passage.way_out and number in ("4", "6") and request.holder is None:
        return Answer.NOT_ASKED
    return Answer.PASSED


def _overrides(
    policy: CompiledPolicy, request: Request, decision: Decision
) -> tuple[Override, ...]:
    """Those without which gate 5 would object to more."""
    names = request.holder.roles if request.holder is not None else ()
    objected = {o.code for o in decision.objections if o.code // 100 == 5}
    found = []
    for override in Override:
        if override in policy.standing(names).overrides:
            answer = decide(_without(policy, override, request), request)
            if {o.code for o in answer.objections if o.code // 100 == 5} - objected:
                found.append(override)
    return tuple(found)


def _without(policy: CompiledPolicy, override: Override, request: Request) -> CompiledPolicy:
    """The policy in which no role has it, as far as the request asks for it."""
    roles = {
        name: msgspec.structs.replace(role, overrides=role.overrides - {override})
        for name, role in policy.roles.items()
    }
    asked = (request.portal, request.direction)
    passages = {asked: msgspec.structs.replace(policy.passages[asked], memo={})}
    return msgspec.structs.replace(policy, roles=roles, passages=passages, standings={})


def _cleared(policy: CompiledPolicy, request: Request) -> Request:
    """The question with nothing in the way that is no matter of rules and posture."""
    holder, credential = request.holder, request.credential
    if holder is not None:
        credential = CredentialStatus.ACTIVE
        holder = msgspec.structs.replace(
            holder,
            valid_from_s=None,
            valid_until_s=None,
            suspended=False,
            locked_out=False,
            watchlisted=False,
            watchlists=(),
        )
    request = msgspec.structs.replace(
        request,
        holder=holder,
        credential=credential,
        presented=(),
        consent=True,
        hold_egress=False,
        interlock_clear=True,
        operable=True,
        recorded=True,
    )
    return unhindered(policy).before(request)


def _carrier(
    policy: CompiledPolicy, passage: Passage, clear: Request
) -> tuple[str | None, int | None]:
    """The grant that would carry the passage, where denials and posture leave it to one."""
    rule = decide(policy, msgspec.structs.replace(clear, presented=_EVERY_FACTOR)).rule
    return next(((g.id, g.line) for g in passage.grants if g.id == rule), (None, None))


def _next_grant(
    policy: CompiledPolicy, request: Request, passage: Passage, decision: Decision
) -> NextGrant | None:
    """Where nothing but hours is in the way: the first change of a schedule that opens it."""
    if Code.OUT_OF_SCHEDULE not in {objection.code for objection in decision.objections}:
        return None
    if any(place(passage, objection) != "6" for objection in decision.objections):
        return None
    whens = {grant.when for grant in passage.grants} | {passage.portal.open_schedule}
    schedules = sorted(when for when in whens if when is not None)
    at_s = request.utc_s
    for _ in range(CHANGES_MAX):
        changes = [policy.next_change(schedule, at_s) for schedule in schedules]
        at_s = min((change for change in changes if change is not None), default=at_s)
        asked = asked_for(policy, msgspec.structs.replace(request, utc_s=at_s))
        if asked != NEVER:
            return NextGrant(at_s, asked)
        if not any(changes):
            return None
    return None


# --- the sentence --------------------------------------------------------------------------------


def _sentence(
    policy: CompiledPolicy,
    request: Request,
    passage: Passage,
    decision: Decision,
    following: NextGrant | None,
) -> str:
    verb = "leave" if passage.way_out else "enter"
    may = "may" if decision.granted else "may not"
    moment = moment_in_words(request.utc_s, policy.zone)
    clock = "" if request.clock_trusted else " (clock not trusted)"
    fire = ", fire" if request.fire else ""
    said = (
        f"{_who(request)} {may} {verb} {passage.judged.id} through {request.portal} on {moment}"
        f"{clock}, {request.mode}{fire}, threat level {request.threat}: {_reason(decision)}"
    )
    if decision.missing:
        said += f"; {Asked(Way.ASKED, decision.missing)} is still to be presented"
    others = len(decision.objections) - 1
    if others > 0:
        said += f"; {others} more {'objection' if others == 1 else 'objections'}"
    if following is not None:
        moment = moment_in_words(following.utc_s, policy.zone)
        said += f". The next time that it opens is {moment}: {following.asked}"
    return said[0].upper() + said[1:] + "."


def _reason(decision: Decision) -> str:
    if decision.objections:
        return objection_in_words(decision.objections[0])
    return objection_in_words(Objection(decision.code, decision.rule))


def objection_in_words(objection: Objection) -> str:
    """`outside the hours of every rule that would grant it (602, g40-archive, line 205)`"""
    details = [f"{objection.code:d}"]
    if objection.rule is not None:
        details.append(objection.rule)
    if objection.line is not None:
        details.append(f"line {objection.line}")
    return f"{TEXTS[objection.code]} ({', '.join(details)})"


def _who(request: Request) -> str:
    if request.holder is None:
        return "nobody known"
    return " and ".join(request.holder.roles) or "somebody without a role"
