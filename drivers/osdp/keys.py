"""Which keys a reader may prove, and in which order they are tried.

While its key is changed a reader has the old one or the new one, and nobody but the reader knows
which: a power cut may come before, while, or after it writes. So both are tried, for as long as it
takes, and the one that it proves wins. The key that everybody knows (SCBK-D) is tried within the
time box of a pairing, and proves nothing but that the reader may be given another one.
"""

from enum import StrEnum

from drivers.osdp.secure import SCBK_DEFAULT
from drivers.telling import MS

SETTLES_NS = 30_000 * MS
"""For so long after it was told a key a reader may still prove its old one, and then have the new
one: some write it only when their session is over. What it proves later counts.
"""


class KeyKind(StrEnum):
    OWN = "its own key"
    SUCCESSOR = "the key that follows"
    DEFAULT = "the key that everybody knows"


class Keyring:
    """The keys of one reader; `own` None: it was never paired.

    `is_out`: the successor may have reached the reader, and must not be forgotten before the reader
    has proved one of them.
    """

    def __init__(self, own: bytes | None) -> None:
        self._own = own
        self._successor: bytes | None = None
        self._box_until_ns: int | None = None
        self._turn = 0
        self._must_give = False
        self._settles_ns: int | None = None
        self._is_open = False
        self.is_out = False

    def __repr__(self) -> str:
        return "Keyring(…)"

    def remember(self, successor: bytes) -> None:
        """A key lies beside the reader's own since an earlier run."""
        self._successor, self.is_out = successor, True

    def order(self, successor: bytes) -> None:
        """The reader shall have this key, and is to be given it."""
        if not self.is_out:
            self._successor = successor
        self._turn, self._must_give = 0, True

    def open_box(self, successor: bytes, until_ns: int) -> None:
        """As `order`, under the key that everybody knows if need be, until then."""
        self.order(successor)
        self._box_until_ns = until_ns

    def close_box(self) -> None:
        """The time of a pairing is over. A successor that never left this machine is forgotten."""
        self._box_until_ns = None
        self._turn, self._must_give = 0, False
        if not self.is_out:
            self._successor = None

    @property
    def box_until_ns(self) -> int | None:
        """Until when the reader may be paired; None: it may not."""
        return self._box_until_ns

    @property
    def to_give(self) -> bytes | None:
        """The key that the reader is to be given in the session that stands, if any.

        Outside a box it is given once: whether it arrived says the reader's next proof. A reader
        that proves its own key is given it once in the box as well.
        """
        in_box = self._box_until_ns is not None and not self._is_open
        return self._successor if in_box or self._must_give else None

    def given(self, now_ns: int) -> None:
        """The successor goes out now. From here on it is tried first."""
        self.is_out, self._must_give = True, False
        self._turn, self._settles_ns = 0, now_ns + SETTLES_NS

    def current(self, now_ns: int) -> tuple[KeyKind, bytes] | None:
        """The key to be tried; None where there is none."""
        keys = self._candidates(now_ns)
        return keys[self._turn % len(keys)] if keys else None

    def refused(self, now_ns: int) -> bool:
        """The reader did not prove it: the next one's turn. True: at once.

        The published key waits where it has led to nothing: a reader that takes a key and forgets
        it must not keep its neighbours.
        """
        self._turn += 1
        count = len(self._candidates(now_ns))
        again = self.is_out and self.current(now_ns) == (KeyKind.DEFAULT, SCBK_DEFAULT)
        return count > 0 and self._turn % count != 0 and not again

    def must_prove_again(self, now_ns: int) -> bool:
        """Whether the reader stands under its old key for so long that its next proof decides."""
        return self._is_open and self._settles_ns is not None and now_ns >= self._settles_ns

    def session_over(self) -> None:
        """What the reader has proved holds no more."""
        self._is_open = False

    def proven(self, kind: KeyKind, now_ns: int) -> KeyKind | None:
        """A session stands under this key. What was decided by it: who wins, if there were two.

        The old one decides nothing as long as the reader may be about to write the new one.
        """
        undecided = self._box_until_ns is not None or (self._successor is not None and self.is_out)
        if not undecided:
            return None
        if kind is KeyKind.OWN and self.is_out:
            if self._settles_ns is None:  # given by an earlier run, nobody knows when
                self._settles_ns = now_ns + SETTLES_NS
            if now_ns < self._settles_ns:
                self._turn, self._is_open = 0, True
                return None
        if kind is KeyKind.SUCCESSOR:
            self._own = self._successor
        self._successor, self._box_until_ns, self.is_out, self._turn = None, None, False, 0
        self._settles_ns, self._is_open, self._must_give = None, False, False
        return kind

    def _candidates(self, now_ns: int) -> list[tuple[KeyKind, bytes]]:
        found = []
        if self._successor is not None and self.is_out:
            found.append((KeyKind.SUCCESSOR, self._successor))
        if self._own is not None:
            found.append((KeyKind.OWN, self._own))
        if self._box_until_ns is not None and now_ns < self._box_until_ns:
            found.append((KeyKind.DEFAULT, SCBK_DEFAULT))
        return found
