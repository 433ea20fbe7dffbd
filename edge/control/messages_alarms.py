"""What passes over the control socket about alarms. No repr shows a name, a reason or a note."""

from typing import Annotated

import msgspec

from controller.alarm import State
from controller.alarm_kinds import Priority, SourceKind
from controller.body import Seq
from controller.events_alarms import AlarmCause
from controller.ids import HolderId
from controller.ledger import PERSONAL_CHARS_MAX
from controller.moment import Micros
from edge.control.message import Count, Message, Part
from edge.orders import PersonId

ALARMS_SHOWN_MAX = 40
"""Of one reply: what fits into a frame with all their notes at full length."""

AlarmReason = Annotated[str, msgspec.Meta(max_length=PERSONAL_CHARS_MAX)]
NoteText = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=PERSONAL_CHARS_MAX)]


class ReadAlarms(Message, frozen=True, kw_only=True):
    """The queue from its `begin`th alarm on, the most urgent first; answered by AlarmsReply. Closed
    ones stand last, the newest of them first, and are left out where `open_only`.
    """

    open_only: bool = True
    begin: Count = 0


class FollowAlarms(Message, frozen=True, kw_only=True):
    """The open ones as they are, in as many AlarmsReply as that takes, and then every change as it
    reaches the disk. Heartbeats come between them.
    """


class Acknowledge(Part, frozen=True, kw_only=True, tag="acknowledge"):
    """Whoever asks has seen it. `last`: as that entry told it, so that nobody acknowledges what
    happened while he looked; left out: as it is now.
    """

    reason: AlarmReason = ""
    last: Seq | None = None

    def __repr__(self) -> str:
        return "Acknowledge(…)"


class Assign(Part, frozen=True, kw_only=True, tag="assign"):
    """That person sees to it."""

    person: PersonId

    def __repr__(self) -> str:
        return "Assign(…)"


class AddNote(Part, frozen=True, kw_only=True, tag="note"):
    """To be kept with it. It may name people: it stands beside the record and not in it."""

    text: NoteText

    def __repr__(self) -> str:
        return "AddNote(…)"


class Close(Part, frozen=True, kw_only=True, tag="close"):
    """It is done with. What is still so closes by itself as soon as it is over."""

    cause: AlarmCause


AlarmStep = Acknowledge | Assign | AddNote | Close


class AnswerAlarm(Message, frozen=True, kw_only=True):
    """Do that with the alarm that entry `alarm` raised; answered by AlarmReply."""

    alarm: Seq
    step: AlarmStep


AlarmRequest = ReadAlarms | FollowAlarms | AnswerAlarm


class AlarmSaid(Part, frozen=True, kw_only=True):
    """Who did something about an alarm, when, and what he said to it; empty where that was erased
    or is kept no more.
    """

    who: str
    utc_us: Micros
    text: str = ""

    def __repr__(self) -> str:
        return f"AlarmSaid(…, utc_us={self.utc_us})"


class AlarmPerson(Part, frozen=True, kw_only=True):
    """Who sees to it. `person`, `name`: as on file, empty where nobody is on file any more."""

    holder: HolderId
    person: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return f"AlarmPerson({self.holder!r}, …)"


class AlarmShown(Part, frozen=True, kw_only=True):
    """One alarm, as `controller.alarm.Alarm`. `title`: what it is, in a few words; `priority` and
    `why`: how urgent, and for what reason. `source`: the id of what it is about, empty for the site
    as a whole; of a person a random one, with the `name` on file. `last`: the
    entry that told it last. `notes`: the newest, oldest of
    them first; `noted` in all.
    """

    alarm: Seq
    revision: Seq
    kind: str
    title: str
    priority: Priority
    why: str
    source_kind: SourceKind
    source: str
    name: str = ""
    drill: bool
    state: State
    count: Count
    first_utc_us: Micros
    first_trusted: bool
    last: Seq
    last_utc_us: Micros
    over_utc_us: Micros | None = None
    acknowledged: AlarmSaid | None = None
    assigned: AlarmPerson | None = None
    notes: tuple[AlarmSaid, ...] = ()
    noted: Count = 0
    closed: AlarmSaid | None = None
    cause: AlarmCause | None = None

    def __repr__(self) -> str:
        return f"AlarmShown({self.alarm}, {self.kind!r}, {self.source!r}, {self.state!r})"


class AlarmsReply(Message, frozen=True, kw_only=True):
    """Alarms `begin` to `begin + len(alarms)` of `total`, after entry `seq`. `changes`: these have
    changed since the last reply, and nothing else has; closed ones are among them. `opened`,
    `unseen`: how many are open, and how many of these nobody has acknowledged.
    """

    incarnation: str
    seq: Count
    utc_us: Micros
    timezone: str
    opened: Count
    unseen: Count
    begin: Count = 0
    total: Count = 0
    changes: bool = False
    alarms: Annotated[tuple[AlarmShown, ...], msgspec.Meta(max_length=ALARMS_SHOWN_MAX)]


class AlarmReply(Message, frozen=True, kw_only=True):
    """Whether it was done: why not, and what to do. `recorded`: it is on disk. `alarm`: as it is
    now, where it is kept.
    """

    accepted: bool
    reason: str = ""
    remedy: str = ""
    recorded: bool = False
    alarm: AlarmShown | None = None


AlarmAnswer = AlarmsReply | AlarmReply
