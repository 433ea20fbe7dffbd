"""What people ask of alarms, each by name; `alarm` is the number of the entry that raised it. The
fields of the personal values are `operator`, `reason` and `text`.
"""

from controller.body import Seq
from controller.events_alarms import AlarmCause
from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal


class AlarmAcknowledgeAsked(Input, frozen=True, kw_only=True):
    """Somebody has seen the alarm. `last`: as that entry told it; None: as it is now."""

    alarm: Seq
    operator: Personal
    reason: Personal | None = None
    last: Seq | None = None


class AlarmAssignAsked(Input, frozen=True, kw_only=True):
    """Somebody on file is to see to it."""

    alarm: Seq
    operator: Personal
    holder: HolderId


class AlarmNoteAsked(Input, frozen=True, kw_only=True):
    """Somebody writes something down about it."""

    alarm: Seq
    operator: Personal
    text: Personal


class AlarmCloseAsked(Input, frozen=True, kw_only=True):
    """Somebody says that it is done with."""

    alarm: Seq
    operator: Personal
    cause: AlarmCause


AlarmAsked = AlarmAcknowledgeAsked | AlarmAssignAsked | AlarmNoteAsked | AlarmCloseAsked
