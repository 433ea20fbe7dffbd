"""Digits typed at readers, kept only while a question waits for them, and never shown."""

from typing import NamedTuple

from controller.effects import AskPin
from controller.ids import ReaderId

DIGITS_MAX = 12
"""Longer than any PIN that can be enrolled; what is typed beyond is a wrong PIN, not memory."""

BETWEEN_KEYS_NS = 5_000_000_000
"""Whoever takes longer between two keys has gone, or begins anew: what he typed is dropped."""

SUBMIT, CLEAR = "#", "*"


class Typed(NamedTuple):
    """A PIN as it was typed for a question, to be checked at once and forgotten."""

    asked: AskPin
    pin: str

    def __repr__(self) -> str:
        return f"Typed(question={self.asked.question!r}, pin=…)"


class _Open(NamedTuple):
    """A question with the digits typed for it so far, the last of them at `at_ns`."""

    asked: AskPin
    digits: str = ""
    at_ns: int = 0

    def __repr__(self) -> str:
        return f"_Open(question={self.asked.question!r}, digits=…)"


class Keypads:
    """The open question of each reader with the digits typed for it so far."""

    def __init__(self) -> None:
        self._open: dict[ReaderId, _Open] = {}

    def ask(self, asked: AskPin) -> None:
        """Begin to listen; an older question at the same reader is forgotten with its digits."""
        self._open[asked.reader] = _Open(asked)

    def forget(self, reader: ReaderId) -> None:
        """Stop listening, as when the attempt has ended or the reader went away."""
        self._open.pop(reader, None)

    def press(self, reader: ReaderId, keys: str, at_ns: int) -> Typed | None:
        """Take keys that were pressed by `at_ns`; a PIN when `#` ends it.

        One key at a time or all at once is the same. Keys that nobody asked for are dropped. A `#`
        with no digit before it is no PIN: nobody is locked out for what ran out of time.
        """
        known = self._open.get(reader)
        if known is None:
            return None
        digits = known.digits if at_ns - known.at_ns <= BETWEEN_KEYS_NS else ""
        for key in keys:
            if key == SUBMIT and digits:
                self.forget(reader)
                return Typed(known.asked, digits)
            digits = "" if key in {CLEAR, SUBMIT} else (digits + key)[: DIGITS_MAX + 1]
        self._open[reader] = _Open(known.asked, digits, at_ns)
        return None
