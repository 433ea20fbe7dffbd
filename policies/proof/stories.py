"""Steps and proofs in words."""

from collections.abc import Iterator
from datetime import UTC, datetime

from policies.codes import TEXTS
from policies.compiled import CompiledPolicy, Passage
from policies.facts import CredentialStatus, Decision, Direction, Factor, Request
from policies.proof.results import Means, Opened, Proof, Proofs, Step, Story

_BY: dict[Means, str] = {
    Means.BADGE: "",
    Means.ANYBODY: ", as anybody may",
    Means.FIRE: ": its lock lets go in a fire, from both sides",
    Means.NO_POWER: ": its lock lets go without power, from both sides",
}
_STATUS: dict[CredentialStatus, str] = {
    CredentialStatus.UNKNOWN: "unknown credential",
    CredentialStatus.LOST: "credential reported lost",
    CredentialStatus.REVOKED: "credential revoked",
    CredentialStatus.SUSPENDED: "credential suspended",
}


def step_of(
    policy: CompiledPolicy,
    passage: Passage,
    request: Request,
    decision: Decision | None,
    means: Means,
) -> Step:
    """The step that this question is; without a decision, one that hardware alone lets happen."""
    portal = passage.portal
    inward = request.direction is Direction.ENTRY
    objection = None if decision is None or decision.granted else decision.objections[0]
    grants = {grant.id: grant.line for grant in passage.grants}
    if decision is None:
        line = portal.line
    elif objection is not None:
        line = objection.line or portal.line
    else:
        line = grants.get(decision.rule or "", portal.line)
    timed = decision is not None and request.clock_trusted
    return Step(
        portal=portal.id,
        portal_line=portal.line,
        direction=request.direction,
        source=portal.outer if inward else portal.inner,
        target=portal.inner if inward else portal.outer,
        means=means,
        mode=request.mode,
        threat=request.threat,
        fire=request.fire,
        utc_s=request.utc_s if timed else None,
        local=_local(policy, request.utc_s) if timed else None,
        factors=tuple(shown.factor for shown in request.presented if shown.passed),
        given=tuple(_given(request)),
        granted=decision is None or decision.granted,
        code=None if decision is None else decision.code,
        rule=None if decision is None else decision.rule,
        line=line,
    )


def _local(policy: CompiledPolicy, utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, policy.zone).strftime("%a %Y-%m-%d %H:%M:%S")


def _given(request: Request) -> Iterator[str]:
    """What is out of the ordinary in this question."""
    if request.credential in _STATUS:
        yield _STATUS[request.credential]
    holder = request.holder
    if holder is not None:
        if holder.suspended:
            yield "suspended"
        if holder.locked_out:
            yield "locked out"
        if holder.watchlisted or holder.watchlists:
            yield "on the watchlist"
        if holder.valid_from_s is not None:
            yield "not valid yet"
        if holder.valid_until_s is not None:
            yield "no longer valid"
        if request.consent:
            yield "with recorded consent"
        if request.escorted:
            yield "escorted"
        if request.second_person:
            yield "with a second person"
        if request.duress:
            yield "under duress"
    for said, so in (
        ("a factor failed", any(not shown.passed for shown in request.presented)),
        ("clock not trusted", not request.clock_trusted and holder is not None),
        ("interlock not clear", not request.interlock_clear),
        ("exits held", request.hold_egress),
        ("nothing can be recorded", not request.recorded),
        ("nobody is the first person inside", not request.first_person_in),
    ):
        if so:
            yield said


def told(proof: Proof) -> Iterator[str]:
    """The proof in lines: one that says whether it holds, and the story where it does not."""
    where = "built in" if proof.line is None else f"line {proof.line}"
    verdict = "holds" if proof.holds else "DOES NOT HOLD"
    yield f"{verdict}: {proof.id} ({where}): {proof.statement}"
    if proof.story is not None:
        yield from _story(proof.story)


def _story(story: Story) -> Iterator[str]:
    who = " and ".join(story.roles) if story.roles else "anybody, without a badge"
    yield f"    who: {who}"
    for number, step in enumerate(story.steps, 1):
        yield f"    {number}. {step_text(step)}"
    yield f"    so: {story.end}"


def step_text(step: Step) -> str:
    """One step in a sentence."""
    way = f"{step.source} -> {step.target} by {step.portal}"
    if step.code is None:
        by = _BY[step.means] if step.granted else f": {', '.join(step.given)}"
        return f"{way}{by} (line {step.portal_line})"
    when = "at any hour"
    if step.utc_s is not None:
        utc = datetime.fromtimestamp(step.utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        when = f"{step.local} ({utc})"
    everything = len(step.factors) == len(Factor)
    shown = "every factor" if everything else "+".join(step.factors)
    posture = f"{step.mode}, level {step.threat}" + (", fire" if step.fire else "")
    given = f", {', '.join(step.given)}" if step.given else ""
    rule = f" by {step.rule}" if step.granted and step.rule else ""
    rule = f", says {step.rule}" if not step.granted and step.rule else rule
    code = f"{int(step.code)} {TEXTS[step.code]}"
    verdict = f"granted{rule}" if step.granted else f"refused{rule}"
    with_ = f" with {shown}" if shown and step.means is Means.BADGE else ""
    return (
        f"{way}{with_}{_BY[step.means]}: {posture}, {when}{given}: "
        f"{verdict} ({code}; line {step.line})"
    )


def summary(proofs: Proofs) -> Iterator[str]:
    """What stands beside the proofs: portals that open inward by themselves, and what is taken for
    granted."""
    yield _list("fire opens inward too", proofs.opened_by_fire)
    yield _list("a power failure opens inward too", proofs.opened_without_power)
    for assumption in proofs.assumptions:
        yield f"taken for granted: {assumption}"
    failed = [proof.id for proof in proofs.proofs if not proof.holds]
    count = len(proofs.proofs)
    if failed:
        yield f"{len(failed)} of {count} invariants do not hold: {', '.join(failed)}"
    else:
        yield f"all {count} invariants hold"


def _list(what: str, opened: tuple[Opened, ...]) -> str:
    said = [f"{o.portal} ({o.source} -> {o.target}, line {o.line})" for o in opened]
    return f"{what}: {', '.join(said) or 'no portal'}"
