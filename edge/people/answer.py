"""What is done to people as it is told to whoever asked, with and without a daemon in between."""

from collections.abc import Iterable

from edge.control.messages import (
    HISTORY_PEOPLE_MAX,
    PROBLEMS_MAX,
    ChangeShown,
    ExportPeopleReply,
    HistoryReply,
    ImportPeopleReply,
    ImportProblem,
    TakePeopleReply,
)
from edge.people.history import Entry
from edge.people.importer import ImportPlan
from edge.people.records import Change
from edge.people.sets import Offered, PeopleSet, SetError
from edge.signatures import SignatureError


def answer(
    plan: ImportPlan, version: int, *, applied: bool, kept: bool = False
) -> ImportPeopleReply:
    """`version`: that of the people in force now. What exceeds the reply's limit is counted."""
    problems = [
        ImportProblem(
            row=problem.row,
            column=problem.column,
            message=f"{problem.message}; {problem.hint}" if problem.hint else problem.message,
        )
        for problem in plan.problems
    ]
    if len(problems) > PROBLEMS_MAX:
        more = len(problems) - (PROBLEMS_MAX - 1)
        last = ImportProblem(row=0, column="", message=f"{more} more problems")
        problems = [*problems[: PROBLEMS_MAX - 1], last]
    if problems:
        return ImportPeopleReply(applied=False, version=version, problems=tuple(problems))
    return ImportPeopleReply(
        applied=applied,
        version=version,
        kept=kept,
        added=len(plan.added),
        changed=len(plan.updated),
        unchanged=plan.unchanged,
    )


def taken(
    offer: Offered, change: Change | None, version: int, *, applied: bool, kept: bool = False
) -> TakePeopleReply:
    """What a set did or would do; without a change these people are on file."""
    touched = None if change is None else change.touched
    return TakePeopleReply(
        applied=applied,
        version=version,
        kept=kept,
        already=change is None,
        brings=offer.people.number,
        made_utc_us=offer.people.steps[-1].made.utc_us or None,
        signed_by=offer.signed_by,
        holders=0 if touched is None else len(touched.holders),
        credentials=0 if touched is None else len(touched.credentials),
        pins=0 if touched is None else len(touched.pins),
    )


def not_taken(error: SetError | SignatureError, version: int) -> TakePeopleReply:
    return TakePeopleReply(applied=False, version=version, reason=str(error), remedy=error.remedy)


def exported(people: PeopleSet) -> ExportPeopleReply:
    return ExportPeopleReply(base=people.base, number=people.number, holders=len(people.holders))


def not_exported(error: SetError) -> ExportPeopleReply:
    return ExportPeopleReply(reason=str(error), remedy=error.remedy)


def told(entries: Iterable[Entry], timezone: str) -> HistoryReply:
    """The history as it goes over the socket."""
    return HistoryReply(timezone=timezone, changes=tuple(_shown(entry) for entry in entries))


def _shown(entry: Entry) -> ChangeShown:
    step, touched = entry.step, entry.step.touched
    counts = None
    if touched is not None:
        counts = (len(touched.holders), len(touched.credentials), len(touched.pins))
    return ChangeShown(
        number=step.number,
        digest=step.digest,
        made_by=step.made.by,
        made_edge=step.made.edge,
        made_utc_us=step.made.utc_us or None,
        came_by=entry.came.by,
        came_utc_us=entry.came.utc_us or None,
        change_set=entry.change_set or "",
        keys=entry.keys,
        seq=entry.seq,
        touched=counts,
        people=entry.people[:HISTORY_PEOPLE_MAX],
    )
