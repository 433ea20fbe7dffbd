"""Digits typed at readers, kept only while a question waits for them, and never shown."""

from typing import NamedTuple

from controller.effects import AskPin
from controller.ids import ReaderId

DIGITS_MAX = 12
"""Longer than any PIN that can be enrolled; what is typed beyond is a wrong PIN, not memory."""

SUBMIT, CLEAR = "#", "*"


class Typed(NamedTuple):
    """A PIN as it was typed for a question, to be checked at once and forgotten."""

    asked: AskPin
    pin: str

    def __repr__(self) -> str:
        return f"Typed(question={self.asked.question!r}, pin=…)"


class Keypads:
    """The open question of each reader with the digits typed for it so far."""

    def __init__(self) -> None:
        self._open: dict[ReaderId, tuple[AskPin, str]] = {}

    def ask(self, asked: AskPin) -> None:
        """Begin to listen; an older question at the same reader is forgotten with its digits."""
        self._open[asked.reader] = (asked, "")

    def forget(self, reader: ReaderId) -> None:
        """Stop listening, as when the attempt has ended or the reader went away."""
        self._open.pop(reader, None)

    def press(self, reader: ReaderId, keys: str) -> Typed | None:
        """Take keys; a full PIN when `#` ends it. Keys that nobody asked for are dropped."""
        if reader not in self._open:
            return None
        asked, digits = self._open[reader]
        for key in keys:
            if key == SUBMIT:
                self.forget(reader)
                return Typed(asked, digits)
            digits = "" if key == CLEAR else (digits + key)[: DIGITS_MAX + 1]
        self._open[reader] = (asked, digits)
        return None
