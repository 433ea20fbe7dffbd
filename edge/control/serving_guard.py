"""Answers what a guard asks about comparisons that wait for him."""

from edge.control.desk_guards import Guards
from edge.control.message import Message
from edge.control.messages_guard import (
    AnswerComparison,
    GuardRequest,
    ListComparisons,
    ShowComparison,
)
from edge.gate_sight import Guard


async def answer(guards: Guards, asked: GuardRequest, guard: Guard) -> tuple[Message, ...]:
    """Every reply."""
    match asked:
        case ListComparisons(attends=attends):
            return (await guards.listed(attends=attends),)
        case ShowComparison():
            return await guards.picture(asked)
        case AnswerComparison():
            return (await guards.answer(asked, guard.operator, guard.sight),)
