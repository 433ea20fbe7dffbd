"""An import's plan as it is told to whoever asked, with and without a daemon in between."""

from edge.control.messages import PROBLEMS_MAX, ImportPeopleReply, ImportProblem
from edge.people.importer import ImportPlan


def answer(plan: ImportPlan, version: int, *, applied: bool) -> ImportPeopleReply:
    """`version`: that of the people on file now. What exceeds the reply's limit is counted."""
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
        added=len(plan.added),
        changed=len(plan.updated),
        unchanged=plan.unchanged,
    )
