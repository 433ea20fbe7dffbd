"""Whether a reader is the one that it was: another is not believed before a person looked."""

from enum import Enum

from drivers.osdp.profile import Profile, differences

DENIALS_MAX = 2  # a reader that starts up may refuse once; one that refuses twice has no such key


class Meeting(Enum):
    FIRST = "nobody knew it"
    SAME = "it is the one that it was"
    DOUBTED = "it seems another: it is asked once more"
    ANOTHER = "it is another, or can less"


class Acquaintance:
    """What is known of one reader, and what speaks against it.

    `reason`: in what it is another than it was. `is_news`: nobody was told of that yet.
    """

    def __init__(self) -> None:
        self.known: Profile | None = None
        self.reason = ""
        self.is_news = False
        self._seen: Profile | None = None
        self._denials = 0

    def meet(self, profile: Profile) -> Meeting:
        """A reader that has proved its key has said who it is and what it can.

        One answer may be an accident, of a reader that is starting up: only what is said twice in
        a row speaks against it.
        """
        self._denials = 0
        if self.known is None:
            self._know(profile)
            return Meeting.FIRST
        reason = differences(self.known, profile)
        if not reason:
            self.reason, self._seen, self.is_news = "", None, False
            return Meeting.SAME
        if profile != self._seen:
            self._seen, self.reason, self.is_news = profile, reason, True
            return Meeting.DOUBTED
        return Meeting.ANOTHER

    def denied(self, reason: str) -> bool:
        """A reader that had proved its key does not now. True: that is news, and no accident."""
        self._denials += self.known is not None
        if self._denials == DENIALS_MAX:
            self.reason = reason
            return True
        return False

    def accept(self) -> Profile | None:
        """From here on it is the one that was seen last; None: nothing speaks against it."""
        seen = self._seen
        if seen is not None:
            self._know(seen)
        return seen

    def forget(self) -> None:
        """Whoever comes next is met for the first time."""
        self.known = self._seen = None
        self.reason, self.is_news = "", False

    def _know(self, profile: Profile) -> None:
        self.known, self._seen = profile, None
        self.reason, self.is_news, self._denials = "", False, 0
