"""What passes over the control socket about a copy of the journal."""

from edge.control.message import Count, Message


class CopyJournal(Message, frozen=True, kw_only=True):
    """Give the whole journal, row by row, while it is written on: FileParts, which are one
    `edge.journal.copying.Rows` in MessagePack, and JournalRows behind them, again and again; in the
    end CopyReply.
    """


class JournalRows(Message, frozen=True, kw_only=True):
    """The parts that went before are whole. They hold entries up to `reached`, of `last_seq`.
    `anew`: they are the first, and what came before counts no more.
    """

    reached: Count
    last_seq: Count
    anew: bool = False


class CopyReply(Message, frozen=True, kw_only=True):
    """`last_seq`: the last entry of the copy, of this incarnation. `reason`: why there is none."""

    incarnation: str = ""
    last_seq: Count = 0
    reason: str = ""
    remedy: str = ""


BackupAnswer = JournalRows | CopyReply
