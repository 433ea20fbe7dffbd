"""A file on its way to a reader: osdp_FILETRANSFER, piece by piece between everything else.

Sans-I/O (SIA OSDP v2.2 clauses 6.26 and 7.25). The link asks `next` for the piece that is due and
gives the answer to `heard`. One file at a time; a file is told to begin by a command and ends by
that command's end, whatever happens.

A piece that got lost is sent again in the same bytes by the link's rules. When the session itself
is lost, nobody knows what the reader still has of the file, and pieces must come in rising order:
it is told to forget (osdp_ABORT) and gets the file from its beginning. libosdp came to the same
(its issue 254).
"""

from collections.abc import Callable, Mapping

from drivers.api import Command, FileProgress, Outcome, SendFile
from drivers.osdp import messages as osdp
from drivers.osdp.frame import LENGTH_MAX
from drivers.osdp.messages import FileStatusDetail, Message
from drivers.osdp.secure import plain_room
from drivers.telling import MS, Teller

RECEIVE_SIZE_UNTOLD = 128  # what every reader has to take (clause 5.7)
PIECE_NS = 100 * MS  # a piece may take the line for so long: what frees a way waits behind it
DATA_MIN = 16  # however slow the line is
IDLE_NS = 200 * MS  # between messages without data, to a reader that works on what it has
FINISH_WITHIN_NS = 600_000 * MS  # for a reader that writes its whole memory anew
RESTARTS_MAX = 20  # sessions that broke; on such a line the file would not arrive
ALIVE_NS = 1_000 * MS  # between two signs of life of a reader that wants nothing in between
SHARES = 100  # progress is told about so often

_HEADER_LENGTH = 11
_INTERLEAVE = 1  # clause 7.25: first bit of the action
_POLL_ME = 4

_FAILURES: Mapping[int, str] = {
    FileStatusDetail.ABORTED: "the reader ended the transfer",
    FileStatusDetail.UNRECOGNISED: "the reader does not know what to do with such a file",
    FileStatusDetail.UNACCEPTABLE: "the reader found the file to be damaged or not for it",
}


class FileSending:
    """The one file that a reader is being sent, if any.

    `is_exclusive`: the reader asked for nothing else in between. `wants_poll`: it has something to
    tell before it takes the next piece.
    """

    def __init__(
        self,
        tell: Teller,
        still_wanted: Callable[[Command, int], Outcome | None],
        poll_ns: int,
    ) -> None:
        self._tell = tell
        self._still_wanted = still_wanted
        self._poll_ns = poll_ns
        self._command: Command | None = None
        self._content = b""
        self._kind = 0
        self._reset()

    def _reset(self) -> None:
        self._offset = 0
        self._length = 0
        self._size_told = 0
        self._restarts = 0
        self._must_abort = False
        self._finishing_ns: int | None = None
        self._shares_told = 0
        self._sent_ns: int | None = None
        self._due_ns = 0
        self.is_exclusive = False
        self.wants_poll = False

    @property
    def is_under_way(self) -> bool:
        """Whether there is something to send, now or later."""
        return self._command is not None or self._must_abort

    def rest_until(self, now_ns: int) -> int:
        """When the link is to speak next, where nothing else calls for it."""
        if not self.is_under_way:
            return now_ns + self._poll_ns
        longest_ns = ALIVE_NS if self.is_exclusive else self._poll_ns
        return min(max(now_ns, self._due_ns), now_ns + longest_ns)

    def begin(self, command: Command, file: SendFile, now_ns: int) -> None:
        """Take a file. While another one is on its way it is refused."""
        if self._command is not None:
            reason = "another file is on its way to this reader; wait for its end"
            self._tell.ended(command, Outcome.REFUSED, now_ns, None, reason)
            return
        must_abort = self._must_abort  # what is left of another file goes first
        self._reset()
        self._must_abort = must_abort
        self._command, self._content, self._kind = command, file.content, file.kind
        self._due_ns = now_ns

    def speak(self, now_ns: int, polled_ns: int, room: int | None, byte_ns: int) -> Message | None:
        """The message that is due. `room`: the longest frame that the reader takes, if it said.

        Polls that are due go between the pieces, unless the reader asked for nothing else.
        """
        poll_first = now_ns - polled_ns >= self._poll_ns and not self.is_exclusive
        if not self.is_under_way or now_ns < self._due_ns or self.wants_poll or poll_first:
            return None
        if self._command is not None:
            refusal = self._still_wanted(self._command, now_ns)
            if refusal is not None:
                self._withdraw(refusal, now_ns)
        if self._must_abort:
            return osdp.Abort()
        return None if self._command is None else self._piece(now_ns, room, byte_ns)

    def _piece(self, now_ns: int, room: int | None, byte_ns: int) -> Message:
        self._sent_ns = now_ns
        self._length = 0
        if self._finishing_ns is None:
            longest = max(1, self._room(room, byte_ns))
            self._length = min(longest, len(self._content) - self._offset)
        piece = self._content[self._offset : self._offset + self._length]
        return osdp.FileTransfer(self._kind, len(self._content), self._offset, self._length, piece)

    def _room(self, told: int | None, byte_ns: int) -> int:
        """Data bytes of one piece: what the reader takes, and what the line has time for."""
        frame = min(told or RECEIVE_SIZE_UNTOLD, LENGTH_MAX)
        if self._size_told:
            # Whether the reader means the piece or the whole frame, both are kept to.
            frame = min(frame, self._size_told)
        by_time = max(DATA_MIN, PIECE_NS // byte_ns)
        return min(plain_room(frame) - _HEADER_LENGTH, by_time)

    # --- what becomes of it ------------------------------------------------------------------

    def heard(self, asked: Message, reply: Message | None, now_ns: int) -> None:
        """The authenticated answer to a message of ours."""
        if isinstance(asked, osdp.Abort):
            self._must_abort = False  # whatever it answered: it was told
            self._due_ns = now_ns
        elif isinstance(reply, osdp.FileStatus):
            self._advance(reply, now_ns)
        else:
            self._fail("the reader answered a piece of the file with something else", now_ns)

    def refused(self, asked: Message, reason: str, now_ns: int) -> None:
        """The reader says no."""
        if isinstance(asked, osdp.Abort):
            self.heard(asked, None, now_ns)
        else:
            self._fail(f"the reader says no: {reason}", now_ns)

    def _withdraw(self, outcome: Outcome, now_ns: int) -> None:
        """Nobody wants the file to go on: the reader is told to forget what it has of it."""
        self._must_abort = self._sent_ns is not None
        self._end(outcome, now_ns, "")

    def session_lost(self, now_ns: int) -> None:
        """Everything that was under way begins anew, with the next session."""
        self._must_abort = False
        if self._command is None:
            return
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            self._end(Outcome.LOST, now_ns, "the session broke too often; check the line")
            return
        restarts, shares, sent_ns = self._restarts, self._shares_told, self._sent_ns
        self._reset()
        self._restarts, self._shares_told, self._sent_ns = restarts, shares, sent_ns
        self._must_abort = True

    def lost(self, now_ns: int) -> None:
        """The reader is gone."""
        self._must_abort = False
        if self._command is not None:
            self._end(Outcome.LOST, now_ns, "the reader went away")

    def _advance(self, status: osdp.FileStatus, now_ns: int) -> None:
        self._offset += self._length
        self._length = 0
        self._tell_progress(now_ns)
        all_sent = self._offset == len(self._content)
        self.is_exclusive = not status.action & _INTERLEAVE
        self.wants_poll = bool(status.action & _POLL_ME)
        self._size_told = status.size or self._size_told
        if status.detail < 0:
            self._fail(_FAILURES.get(status.detail, "the reader refused the file"), now_ns)
        elif status.detail in (FileStatusDetail.PROCESSED, FileStatusDetail.REBOOTING):
            if all_sent:
                self._end(Outcome.CONFIRMED, now_ns, "")
            else:
                self._fail("the reader says that it has the whole file and has not", now_ns)
        elif all_sent and self._is_overdue(now_ns):
            self._fail("the reader has the whole file and never said what became of it", now_ns)
        else:
            pause_ns = max(status.delay * MS, IDLE_NS if all_sent else 0)
            self._due_ns = now_ns + pause_ns

    def _is_overdue(self, now_ns: int) -> bool:
        if self._finishing_ns is None:
            self._finishing_ns = now_ns
        return now_ns - self._finishing_ns > FINISH_WITHIN_NS

    def _tell_progress(self, now_ns: int) -> None:
        assert self._command is not None, "what is answered was asked for a file"
        total = len(self._content)
        shares = self._offset * SHARES // total
        if shares > self._shares_told or self._offset == total:
            self._shares_told = max(shares, self._shares_told)
            self._tell.emit(
                FileProgress(
                    device=self._command.device,
                    at_ns=now_ns,
                    command=self._command.id,
                    sent=self._offset,
                    total=total,
                )
            )

    def _fail(self, reason: str, now_ns: int) -> None:
        self._end(Outcome.REFUSED, now_ns, reason)
        self._must_abort = True

    def _end(self, outcome: Outcome, now_ns: int, reason: str) -> None:
        command, self._command = self._command, None
        self._content = b""
        self.is_exclusive = self.wants_poll = False
        if command is not None:
            self._tell.ended(command, outcome, now_ns, self._sent_ns, reason)
