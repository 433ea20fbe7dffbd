"""What explanations, days, changes and comparisons look like as cells of a table and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from edge.present import clean
from policies import TEXTS, Decision, Direction, Objection
from policies.asked import Asked, Way
from policies.day import PassageDay, strip
from policies.diff import Change, Line
from policies.explain import Explanation, Gate, objection_in_words
from policies.facts import REASONS_MAX
from policies.hours import Span, clock, moment_in_words
from policies.whatif import Comparison

Plain = dict[str, object]

ENTRIES_NAMED_MAX = 10
"""In one line; JSON names all."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The columns below each other, without anything that a terminal would obey."""
    cells = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield clean("  ".join(padded).rstrip())


def instant(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat().removesuffix("+00:00") + "Z"


def plain_asked(asked: Asked) -> Plain:
    return {"way": asked.way.value, "sets": [list(factors) for factors in asked.sets]}


# --- explain -------------------------------------------------------------------------------------


def gate_cells(answer: Explanation, zone: tzinfo) -> Iterator[tuple[str, ...]]:
    """Number, name, answer and reasons of every gate; each further reason has a row of its own."""
    for gate in answer.gates:
        reasons = list(_reasons(gate, answer, zone)) or [""]
        yield gate.number, gate.name, gate.answer.value, reasons[0]
        for reason in reasons[1:]:
            yield "", "", "", reason


def _reasons(gate: Gate, answer: Explanation, zone: tzinfo) -> Iterator[str]:
    for objection in gate.objections:
        yield objection_in_words(objection)
    for note in gate.notes:
        yield f"noted: {objection_in_words(note)}"
    for override in gate.overrides:
        yield f"a role overrides {override}"
    if gate.rule is not None:
        yield gate.rule if gate.line is None else f"{gate.rule}, line {gate.line}"
    if gate.number == "7" and answer.asked is not None and answer.asked.way is Way.ASKED:
        yield f"asked for: {answer.asked}"
    if gate.number == "6" and answer.next_grant is not None:
        opens = moment_in_words(answer.next_grant.utc_s, zone)
        yield f"opens next {opens}: {answer.next_grant.asked}"


def plain_explanation(answer: Explanation) -> Plain:
    following = answer.next_grant
    return {
        "sentence": answer.sentence,
        "granted": answer.decision.granted,
        "code": int(answer.decision.code),
        "rule": answer.decision.rule,
        "missing": [list(factors) for factors in answer.decision.missing],
        "gates": [
            {
                "gate": gate.number,
                "name": gate.name,
                "answer": gate.answer.value,
                "objections": [_plain_objection(objection) for objection in gate.objections],
                "notes": [_plain_objection(note) for note in gate.notes],
                "rule": gate.rule,
                "line": gate.line,
                "overrides": [override.value for override in gate.overrides],
            }
            for gate in answer.gates
        ],
        "asked": None if answer.asked is None else plain_asked(answer.asked),
        "next_grant": None
        if following is None
        else {"utc": instant(following.utc_s), "asked": plain_asked(following.asked)},
    }


def _plain_objection(objection: Objection) -> Plain:
    return {
        "code": int(objection.code),
        "text": TEXTS[objection.code],
        "rule": objection.rule,
        "line": objection.line,
    }


# --- simulate ------------------------------------------------------------------------------------


def day_words(day: PassageDay, within: Span, zone: tzinfo) -> tuple[str, ...]:
    """Passage, the zone it leads into or out of, the strip, and the hours in words."""
    way = "" if day.direction is Direction.ENTRY else f" {day.direction}"
    opens = [hours for hours in day.hours if hours.asked.way is not Way.NEVER]
    if [hours.span for hours in opens] == [within]:
        said = str(opens[0].asked)
    else:
        said = "; ".join(
            f"{_clock(hours.span[0], within, zone)}-{_clock(hours.span[1], within, zone)} "
            f"{hours.asked}"
            for hours in opens
        )
    zones = "out of" if day.way_out else "into"
    return day.portal + way, f"{zones} {day.zone}", strip(day, within), said or "never"


def _clock(utc_s: int, within: Span, zone: tzinfo) -> str:
    if utc_s == within[1]:
        return "24:00"
    wall = datetime.fromtimestamp(utc_s, zone)
    return clock(wall.hour * 3_600 + wall.minute * 60 + wall.second)


def plain_day(day: PassageDay) -> Plain:
    return {
        "portal": day.portal,
        "direction": day.direction.value,
        "zone": day.zone,
        "hours": [
            {
                "from": instant(hours.span[0]),
                "to": instant(hours.span[1]),
                "asked": plain_asked(hours.asked),
            }
            for hours in day.hours
        ],
    }


# --- diff ----------------------------------------------------------------------------------------


def plain_change(change: Change, said: Line) -> Plain:
    return {
        "portal": change.portal,
        "direction": change.direction.value,
        "subjects": [list(names) for names in change.subjects],
        "before": plain_asked(change.before),
        "after": plain_asked(change.after),
        "modes": [posture.value for posture in change.postures],
        "threat": list(change.levels),
        "when": said.when,
        "given": said.given,
    }


# --- what if -------------------------------------------------------------------------------------


def comparison_cells(comparison: Comparison, zone: tzinfo) -> tuple[str, ...]:
    """Entry, time, passage, roles, outcome, what was answered and what would be."""
    recorded, request = comparison.recorded, comparison.recorded.request
    way = "" if request.direction is Direction.ENTRY else f" {request.direction}"
    now = comparison.now
    return (
        str(recorded.seq),
        moment_in_words(request.utc_s, zone),
        request.portal + way,
        "+".join(request.holder.roles) if request.holder is not None else "anybody",
        comparison.outcome.value,
        decision_in_words(recorded.decision),
        comparison.why if now is None else decision_in_words(now),
    )


def decision_in_words(decision: Decision) -> str:
    """`refused: more factors are needed (701, g10): pin`"""
    verdict = "granted" if decision.granted else "refused"
    rule = "" if decision.rule is None else f", {decision.rule}"
    missing = f": {Asked(Way.ASKED, decision.missing)}" if decision.missing else ""
    return f"{verdict}: {TEXTS[decision.code]} ({decision.code:d}{rule}){missing}"


def cut_in_words(entries: Sequence[int]) -> Iterator[str]:
    """Where only the reasons that a record holds could be compared; nothing where all could."""
    if entries:
        named = ", ".join(map(str, entries[:ENTRIES_NAMED_MAX]))
        more = ", ..." if len(entries) > ENTRIES_NAMED_MAX else ""
        yield (
            f"{len(entries)} with {REASONS_MAX} reasons or more, of which the first {REASONS_MAX}"
            f" are recorded and compared: {named}{more}"
        )


def plain_comparison(comparison: Comparison) -> Plain:
    recorded, now = comparison.recorded, comparison.now
    request = recorded.request
    return {
        "seq": recorded.seq,
        "utc": instant(request.utc_s),
        "portal": request.portal,
        "direction": request.direction.value,
        "holder": None if request.holder is None else request.holder.id,
        "roles": [] if request.holder is None else list(request.holder.roles),
        "policy": recorded.policy,
        "outcome": comparison.outcome.value,
        "why": comparison.why,
        "cut": comparison.cut,
        "was": _plain_decision(recorded.decision),
        "now": None if now is None else _plain_decision(now),
    }


def _plain_decision(decision: Decision) -> Plain:
    """Without notes: what stands in them is for other eyes."""
    return {
        "granted": decision.granted,
        "code": int(decision.code),
        "rule": decision.rule,
        "objections": [int(objection.code) for objection in decision.objections],
        "missing": [list(factors) for factors in decision.missing],
    }
