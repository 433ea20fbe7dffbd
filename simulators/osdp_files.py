"""The reader's end of a file transfer: pieces in rising order become a file, or are refused."""

from drivers.osdp import messages as osdp
from drivers.osdp.messages import FileStatusDetail, Message

_INTERLEAVE, _POLL_ME = 1, 4


class FileReceiver:
    """What a reader does with files. `files` are those that arrived whole, with their kind.

    It asks for `delay_ms` between pieces and for messages of `size`, for nothing in between unless
    `interleave`, and for a poll behind every piece where it is `talkative`. A whole file is worked
    on for `finishing` messages and then ends as `ending`; a piece beyond `refuse_at` is refused so.
    """

    def __init__(
        self,
        *,
        delay_ms: int = 0,
        size: int = 0,
        interleave: bool = True,
        talkative: bool = False,
        finishing: int = 0,
        ending: int = FileStatusDetail.PROCESSED,
        refuse_at: int | None = None,
    ) -> None:
        self.files: list[tuple[int, bytes]] = []
        self.aborts = 0
        self.longest = 0
        self._delay_ms, self._size = delay_ms, size
        self._action = (_INTERLEAVE if interleave else 0) | (_POLL_ME if talkative else 0)
        self._finishing, self.ending, self.refuse_at = finishing, ending, refuse_at
        self._content = bytearray()
        self._left = 0

    def take(self, piece: osdp.FileTransfer) -> Message:
        """The answer to a piece."""
        self.longest = max(self.longest, piece.length)
        if piece.length != len(piece.data):
            return osdp.Nak(osdp.NakReason.LENGTH)
        if piece.offset == 0 and piece.length:
            self._content.clear()
            self._left = self._finishing
        if piece.offset != len(self._content) or piece.offset + piece.length > piece.total:
            return self._status(FileStatusDetail.ABORTED)
        if self.refuse_at is not None and piece.offset >= self.refuse_at:
            return self._status(self.ending)
        self._content += piece.data
        if len(self._content) < piece.total:
            return self._status(FileStatusDetail.PROCEED)
        if self._left > 0:
            self._left -= 1
            return self._status(FileStatusDetail.FINISHING)
        self.files.append((piece.kind, bytes(self._content)))
        return self._status(self.ending)

    def abort(self) -> None:
        """Whatever was there of a file is forgotten."""
        self.aborts += 1
        self._content.clear()

    def _status(self, detail: int) -> Message:
        return osdp.FileStatus(self._action, self._delay_ms, detail, self._size)
