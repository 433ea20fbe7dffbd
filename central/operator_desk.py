"""What is asked about operators, at the wall and at the control socket, answered."""

from central.operator_log import logged
from central.operator_messages import (
    OperatorAnswer,
    OperatorChanged,
    OperatorLog,
    OperatorRequest,
    OperatorShown,
    OperatorsReply,
    PutOperator,
    ReadOperatorLog,
    ReadOperators,
    RemoveOperator,
)
from central.operator_signins import OperatorSignIns
from central.operator_store import OperatorsError
from central.operators import NoOperatorError
from controller.ids import HolderId
from edge.signins.store import SignInsError


async def answer(desk: OperatorSignIns, asked: OperatorRequest, by: str) -> OperatorAnswer:
    """`by`: who asks, as it goes on record. Raises JournalError where it cannot be recorded."""
    match asked:
        case ReadOperators():
            return _listed(desk)
        case ReadOperatorLog(from_seq=from_seq, limit=limit):
            return await _log(desk, from_seq, limit)
        case PutOperator():
            return await _put(desk, asked, by)
        case RemoveOperator(operator=operator):
            return await _removed(desk, operator, by)


def _listed(desk: OperatorSignIns) -> OperatorsReply:
    operators = desk.operators
    return OperatorsReply(
        operators=tuple(
            OperatorShown(
                operator=one.external_id,
                name=one.name,
                rights=one.rights,
                since_utc_us=one.since_us,
                removable=operators.removable(one),
            )
            for one in operators.all()
        )
    )


async def _log(desk: OperatorSignIns, from_seq: int, limit: int) -> OperatorLog:
    record = desk.operators.record
    found = await record.read(from_seq, limit)
    return OperatorLog(
        lines=tuple(logged(stored, record.names) for stored in found),
        newest=record.newest,
        sound=not record.problem,
        problem=record.problem,
    )


async def _put(desk: OperatorSignIns, asked: PutOperator, by: str) -> OperatorChanged:
    change = desk.operators.add if asked.new else desk.operators.change
    try:
        await change(asked.operator, asked.name, asked.rights, by)
    except NoOperatorError as error:
        return OperatorChanged(done=False, reason=str(error), remedy=error.remedy)
    except OperatorsError as error:
        return _unkept(error)
    return OperatorChanged(done=True)


async def _removed(desk: OperatorSignIns, operator: str, by: str) -> OperatorChanged:
    try:
        gone = await desk.operators.remove(operator, by)
        await desk.take_away(HolderId(gone.id), by)
    except NoOperatorError as error:
        return OperatorChanged(done=False, reason=str(error), remedy=error.remedy)
    except (OperatorsError, SignInsError) as error:
        return _unkept(error)
    return OperatorChanged(done=True)


def _unkept(error: Exception) -> OperatorChanged:
    message, _, remedy = str(error).partition("; ")
    return OperatorChanged(done=False, reason=message, remedy=remedy)
